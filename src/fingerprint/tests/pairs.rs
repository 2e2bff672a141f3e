//! Two jobs that are of one kind, or are not.

use super::*;

/// Equal at every level.
#[test]
fn these_two_share_their_keys() {
    for (number, (one, other)) in [
        (
            wrap("fastqc liver.fastq.gz -o out"),
            wrap("fastqc brain.fastq.gz -o out"),
        ),
        (
            wrap("./fit /data/liver.spec"),
            wrap("./fit /data/brain.spec"),
        ),
        (
            snakemake("align", "'align:sample=S01'", "k63v"),
            snakemake("align", "'align:sample=liver'", "q0w9"),
        ),
        (
            snakemake("sort align", "'a:x=1'", "k63v"),
            snakemake("align sort", "'a:x=2' 'b:x=2'", "q0w9"),
        ),
        (
            nextflow(
                "# NEXTFLOW TASK: QC:FASTQC (S1)",
                "nf-QC_FASTQC_(S1)",
                "ln -s /in/S1.bam S1.bam\n",
            ),
            nextflow(
                "# NEXTFLOW TASK: QC:FASTQC (liver)",
                "nf-QC_FASTQC_(liver)",
                "ln -s a.bam a\nln -s b.bam b\n",
            ),
        ),
        (
            nextflow("### name: 'QC:FASTQC (S1)'", "nf-QC_FASTQC_(S1)", ""),
            nextflow("### name: 'QC:FASTQC (S2)'", "nf-QC_FASTQC_(S2)", ""),
        ),
        (
            nextflow("", "nf-FASTQC_(S1)", ""),
            nextflow("", "nf-FASTQC_(S2)", ""),
        ),
        (galaxy(812, "fastqc"), galaxy(9_999, "fastqc")),
        (
            cromwell("0f3c1d9e", "AlignReads"),
            cromwell("9b8d7c6e", "AlignReads"),
        ),
        (
            submitit("/scratch/u/featurize/20231101"),
            submitit("/scratch/u/featurize/20231102"),
        ),
        (
            submitit("/proj/weave/multirun/2024-11-03/10-00-00/.submitit/%j"),
            submitit("/proj/weave/multirun/2024-11-04/12-30-00/.submitit/%j"),
        ),
        (
            wrap("bash /proj/S01/align/run.sh"),
            wrap("bash /proj/S02/align/run.sh"),
        ),
        (wrap("make S01.bam"), wrap("make S02.bam")),
        (
            wrap("cd /proj/study/samples/liver && bwa mem ref.fa"),
            wrap("cd /proj/study/samples/brain && bwa mem ref.fa"),
        ),
        (
            wrap_in("./run.sh", "/scratch/case_01"),
            wrap_in("./run.sh", "/scratch/case_02"),
        ),
        (
            kind("#!/bin/sh\n./solve $1\n", &["S01"]),
            kind("#!/bin/sh\n./solve $1\n", &["NA12878"]),
        ),
        (
            kind("#!/bin/sh\n#SBATCH --mem=1G\nbwa mem x.fa\n", &[]),
            kind(
                "#!/bin/sh\n#SBATCH --mem=64G\n\n  # better\n  bwa mem y.fa\n",
                &[],
            ),
        ),
        (
            job("align_1", "rule_a_wildcards_x", "x", &[], "/"),
            job("align_2", "rule_a_wildcards_y", "x", &[], "/"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(one, other, "pair {number}");
    }
}

/// Different at every level there is.
#[test]
fn these_two_share_no_key() {
    for (number, (one, other)) in [
        (
            wrap("/usr/local/cuda/samples/nbody -benchmark"),
            wrap("/usr/local/cuda/samples/matrixMul -benchmark"),
        ),
        (
            snakemake("align", "'align:sample=S01'", "k63v"),
            snakemake("merge", "'merge:sample=S01'", "k63v"),
        ),
        (
            nextflow("# NEXTFLOW TASK: QC:FASTQC (S1)", "nf-QC_FASTQC_(S1)", ""),
            nextflow("# NEXTFLOW TASK: DEDUP:MARK (S1)", "nf-DEDUP_MARK_(S1)", ""),
        ),
        (
            nextflow("", "nf-FASTQC_(S1)", ""),
            nextflow("", "nf-MARK_(S1)", ""),
        ),
        (galaxy(812, "fastqc"), galaxy(813, "spades")),
        (
            cromwell("0f3c1d9e", "AlignReads"),
            cromwell("0f3c1d9e", "JointGenotype"),
        ),
        (
            submitit("/scratch/u/featurize"),
            submitit("/scratch/u/train_big"),
        ),
        (
            submitit("/scratch/u/featurize/%j"),
            submitit("/scratch/u/train_big/%j"),
        ),
        (
            submitit("/proj/weave/multirun/2024-11-03/10-00-00/.submitit/%j"),
            submitit("/proj/spin/multirun/2024-11-03/10-00-00/.submitit/%j"),
        ),
        (
            wrap("bash /proj/weave/wandb/run-20241103/run.sh"),
            wrap("bash /proj/spin/wandb/run-20241103/run.sh"),
        ),
        (
            wrap_in("./run.sh", "/proj/weave/lightning_logs/version_3"),
            wrap_in("./run.sh", "/proj/spin/lightning_logs/version_3"),
        ),
        (
            wrap("bash /proj/align/run.sh"),
            wrap("bash /proj/assembly/run.sh"),
        ),
        (
            wrap("bash /proj/align/hg38/run.sh"),
            wrap("bash /proj/assembly/hg38/run.sh"),
        ),
        (
            wrap("cd /proj/align && ./run.sh"),
            wrap("cd /proj/assembly && ./run.sh"),
        ),
        (
            wrap_in("./run.sh", "/proj/align"),
            wrap_in("./run.sh", "/proj/assembly"),
        ),
        (
            wrap_in("make -j8 all", "/proj/align"),
            wrap_in("make -j8 all", "/proj/assembly"),
        ),
        (wrap("make -C /proj/align"), wrap("make -C /proj/assembly")),
        (
            wrap("python3 -m align.run S01"),
            wrap("python3 -m assembly.run S01"),
        ),
        (wrap("python -m unet.train"), wrap("python -m bert.train")),
        (
            wrap("java -cp a.jar org.align.Main"),
            wrap("java -cp a.jar org.sort.Main"),
        ),
        (
            wrap("stata-mp -b do fit.do"),
            wrap("stata-mp -b do clean.do"),
        ),
        (
            wrap("python train.py --config configs/resnet.yaml"),
            wrap("python train.py --config configs/bert.yaml"),
        ),
        (
            kind("#!/bin/sh\npython train.py\n", &[]),
            kind("#!/bin/sh\npython predict.py\n", &[]),
        ),
        (
            job("align", "", "x", &[], "/"),
            job("sort", "", "y", &[], "/"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let names = one.name.zip(other.name);
        assert_ne!(one.command, other.command, "pair {number}");
        assert_ne!(one.script, other.script, "pair {number}");
        assert_ne!(one.application, other.application, "pair {number}");
        assert!(names.is_none_or(|(one, other)| one != other));
    }
}

#[test]
fn a_comment_counts_beside_the_name_and_in_place_of_one() {
    let of = |name: &str, comment: &str| {
        Kind::of_commented(1000, name.as_bytes(), comment.as_bytes()).name
    };
    let run = "6b0d7a52-3c1e-4f7a-9d24-7f1b0c5e8a91";
    assert_eq!(of(run, ""), None);
    assert_eq!(
        of(run, "rule_align_wildcards_a"),
        of("wrap", "rule_align_wildcards_b")
    );
    assert_ne!(of(run, "rule_align"), of(run, "rule_merge"));
    assert_ne!(of("align", "quick"), of("align", "exact"));
    assert_eq!(of("align", ""), Kind::of_accounting(1000, b"align").name);
    assert_eq!(
        of("align", "rule_x"),
        job("align", "rule_x", "", &[], "/").name
    );
}

#[test]
fn arguments_split_the_command_and_not_the_script() {
    let fast = kind("#!/bin/sh\n./solve $1\n", &["--fast"]);
    let exact = kind("#!/bin/sh\n./solve $1\n", &["--exact"]);
    assert_ne!(fast.command, exact.command);
    assert_eq!(fast.script, exact.script);
    assert_eq!(fast, kind("#!/bin/sh\n./solve $1\n", &["--fast"]));
    assert_ne!(kind("", &["train.py"]), kind("", &["predict.py"]));
}

#[test]
fn scripts_that_say_what_they_do_are_told_apart_by_where_they_lie() {
    let python = |script: &str, work_dir: &str| {
        job(
            "job.sh",
            "",
            &format!("#!/bin/sh\npython {script}\n"),
            &[],
            work_dir,
        )
    };
    let (here, there) = ("/proj/bert", "/proj/unet");
    for script in ["train.py", "src/train.py", "./run_eval.py", "preprocess.py"] {
        assert_ne!(
            python(script, here).script,
            python(script, there).script,
            "{script}"
        );
        assert_eq!(
            python(script, "/proj/bert/run_1"),
            python(script, "/proj/bert/run_22"),
            "{script}"
        );
    }
    // Where one of many is worked on, by whom and under which name says nothing.
    let named = |name, script: &str, work_dir| {
        job(
            name,
            "",
            &format!("#!/bin/sh\npython {script}\n"),
            &[],
            work_dir,
        )
    };
    for (script, work_dir, other, other_work_dir) in [
        (
            "train.py",
            "/proj/bert/liver",
            "train.py",
            "/proj/bert/brain",
        ),
        (
            "train.py",
            "/proj/bert",
            "train.py",
            "/proj/bert/samples/liver",
        ),
        ("train.py", "samples/liver", "train.py", "samples/brain"),
        ("train.py", "/home/anna/bert", "train.py", "/home/bea/bert"),
        (
            "train.py",
            "/scratch/anna/bert",
            "train.py",
            "/scratch/bea/bert",
        ),
        (
            "/scratch/u/liver_7/train.py",
            here,
            "/scratch/u/liver_8/train.py",
            here,
        ),
        (
            "/scratch/u/bert/a/train.py",
            here,
            "/scratch/u/bert/b/train.py",
            here,
        ),
    ] {
        let one = named("liver", script, work_dir);
        let another = named("brain", other, other_work_dir);
        assert_eq!(one.script, another.script, "{script} {work_dir}");
        assert_eq!(one.application, another.application, "{script} {work_dir}");
    }
    // What has a name of its own, or lies in a folder that has one, is the same wherever it is started.
    for script in ["train_bert.py", "bert/train.py", "/proj/bert/train.py"] {
        assert_eq!(python(script, here), python(script, there), "{script}");
    }
    assert_ne!(python("bert/train.py", here), python("unet/train.py", here));
    assert_ne!(python("train.py", here), python("predict.py", here));
}
