//! What is a parameter, and what tells jobs apart.

use super::*;

#[test]
fn arguments_keep_what_is_a_name_and_lose_what_varies() {
    for (argument, form) in [
        // Programs, options, data files.
        (
            "bwa mem -t8 /data/v37/ref.fa /scratch/NA12878_1.fastq.gz",
            "bwa mem -t# *.fa *.fastq.gz",
        ),
        ("python3 /home/a/train.py data.h5", "python# train.py *.h#"),
        (
            "/opt/conda/envs/S1/bin/python3.12 -m torch.nn_run",
            "python# -m torch.nn_run",
        ),
        ("module load samtools/1.17", "module load #/samtools"),
        (
            "S01.liver.sorted.bam S01.vcf.gz .bashrc",
            "*.bam *.vcf.gz .bashrc",
        ),
        ("java -Xmx7g -jar picard.jar", "java -Xmx#g -jar picard.jar"),
        // Numbers, dates, versions.
        ("solve --tol=1e-9 42 1.5 -7", "solve --tol=# # # #"),
        (
            "2023-09-11 20230911 11Sep2023 2023-sep-11 20230911T120000Z",
            "# # # # #",
        ),
        ("v1.2.3 fit-0.11.9", "# fit-#"),
        // Hashes, UUIDs, temporary files.
        ("out-3f2a9c1b7d 0f3c1d9e deadbeef1", "out-# # #"),
        ("6b0d7a52-abcd-4f7a-9d24-7f1b0c5e8a91", "#"),
        ("wf_6b0d7a52_abcd_4f7a_9d24_7f1b0c5e8a91_end", "wf_#_end"),
        (
            "/x/.snakemake/tmp.k63vlaie tmp.QWertYuiOp tmpk63v_aie tmpqwertyui.py",
            "#/x # # #.py",
        ),
        (
            "tmp_align.sh template.txt tmp.bam",
            "tmp_align.sh *.txt *.bam",
        ),
        // Samples: numbers and codes, side by side or alone.
        ("S1 S12 NA12878 HG001 hg38 A7", "# # # # # #"),
        ("sub-01_ses-02 S01_R1_001", "sub-#_ses-# #"),
        ("20230911p27w03s24 ENCFF123ABC k63vlaie", "# # #"),
        // Names that have a digit.
        (
            "bowtie2 fastq2bam word2vec chr1 gatk4",
            "bowtie# fastq#bam word#vec chr# gatk#",
        ),
        ("10ms 16S 2nd 64GB", "#ms #S #nd #GB"),
        // Folders of scripts and data.
        (
            "/proj/align/run.sh /proj/align/v2/scripts/run.sh",
            "run.sh/align run.sh/align",
        ),
        (
            "/data/run2/reads/S01 /data/run7/reads/S02",
            "#/reads #/reads",
        ),
        (
            "/cromwell/wf/call-X/shard-3/attempt-2/execution",
            "execution/call-X",
        ),
        ("/ // ./ ../..", "  . .."),
    ] {
        assert_eq!(shown(argument), form, "{argument}");
    }
}

#[test]
fn names_and_comments_that_say_nothing_are_none() {
    let uuid = "6b0d7a52-3c1e-4f7a-9d24-7f1b0c5e8a91";
    for (name, comment, form) in [
        ("", "", "|"),
        ("wrap", "", "|"),
        ("sbatch", "", "|"),
        ("bash", "", "|"),
        ("job.sh", "", "|"),
        ("my_job_12", "", "|"),
        ("run-2023-09-11", "", "|"),
        ("submitit", "", "|"),
        ("dask-worker", "", "|"),
        ("parsl.htex.block-3.1700000000.1234567", "", "|"),
        ("hq-alloc-4", "", "|"),
        (
            "parsl.GlobusComputeEngine-HTEX.block-0.1700000000.12",
            "",
            "|",
        ),
        ("cmq6543", "", "|"),
        ("FW_job", "", "|"),
        ("covalent-0f3c1d9e-4", "", "|"),
        ("gridjob", "", "|"),
        ("ci-123", "", "|"),
        ("gitlab-ci-4711", "", "|"),
        ("cryosparc_P1_J123", "", "|"),
        ("bl_0f3c1d9e77aa", "", "|"),
        ("bl_abcdefabcdef", "", "|"),
        ("bl_blend", "", "bl_blend|"),
        ("crew-7c0ffe-3-1d9e77aa0f3c", "", "|"),
        ("crew-facade-12-1d9e77aa0f3c", "", "|"),
        ("crew-roster", "", "crew-roster|"),
        ("spawner-jupyterhub", "", "|"),
        ("sys/dashboard/sys/bc_stata", "", "|"),
        ("ondemand/sys/dashboard/sys/rstudio_server", "", "|"),
        ("dashboard_sales", "", "dashboard_sales|"),
        ("myjob", "", "|"),
        ("MyScript_3", "", "|"),
        ("mycelium", "", "mycelium|"),
        ("tmpq7w3e1", "", "|"),
        ("tmpweaver", "", "tmpweaver|"),
        ("none", "None", "|"),
        ("vscode-tunnel", "", "|"),
        ("code-server", "", "|"),
        ("hostname", "", "|"),
        ("ssh_miner", "", "ssh_miner|"),
        ("cryosparc_P1_J123_refine", "", "cryosparc_#_refine|"),
        ("zzzzz-dz642-c8a0b1d2e3f4g5h", "", "|"),
        ("zzzzz-xvhdp-c8a0b1d2e3f4g5h", "", "|"),
        (
            "align-first-neighbourhoods",
            "",
            "align-first-neighbourhoods|",
        ),
        ("S01", "", "|"),
        ("0f3c1d9e", "", "|"),
        (uuid, "", "|"),
        (&format!("rnaseq_{uuid}"), "", "|"),
        (uuid, "rule_align_wildcards_liver", "|rule_align"),
        (uuid, "rule_merge", "|rule_merge"),
        (uuid, uuid, "|"),
        ("align_17", "17", "align_#|"),
        ("qcreport_1700243_20230911p27w03s24", "", "qcreport_#|"),
        ("qcreport-17-20230911p27w03s24", "", "qcreport-#|"),
        // Dates in words.
        ("weave_Nov-03-2024", "", "weave_#|"),
        ("weave_3-Nov-2024", "", "weave_#|"),
        ("weave_Sun_Nov_3_2024", "", "weave_#|"),
        ("weave_november_03", "", "weave_#|"),
        ("weave-Thursday", "", "weave-#|"),
        ("weave_MAR_v", "", "weave_MAR_v|"),
        // What a name says of a value.
        ("smk-weave-sample=wool", "", "smk-weave-sample=#|"),
        ("smk-weave-sample=wool_B", "", "smk-weave-sample=#|"),
        (
            "smk-weave-sample=wool_B-unit=2",
            "",
            "smk-weave-sample=#-unit=#|",
        ),
        (
            "smk-weave-seed=a,subject=mira",
            "",
            "smk-weave-seed=#,subject=#|",
        ),
        ("weave_mode=fast", "", "weave_mode=fast|"),
        ("per_sample=wool", "", "per_sample=wool|"),
        (
            "weave",
            "rule=weave sample=wool",
            "weave|rule=weave sample=#",
        ),
        ("cromwell_0f3c1d9e_AlignReads", "", "cromwell_#_AlignReads|"),
        ("nf-QC_FASTQC_(S1)", "", "nf-QC_FASTQC|"),
        ("nf-QC_FASTQC_(S1 (rerun)_lane)", "", "nf-QC_FASTQC|"),
        ("g812_fastqc_alice", "", "#_fastqc_alice|"),
        ("snakejob.align.12.sh", "", "snakejob.align.#.sh|"),
        (&format!("{uuid}_align"), "", "#_align|"),
        (
            "joba",
            "training of the small net",
            "joba|training of the small net",
        ),
    ] {
        assert_eq!(said(name, comment), form, "{name} {comment}");
    }
}

#[test]
fn what_a_name_says_of_a_value_counts_more_than_its_letters() {
    for (argument, form) in [
        // Another one in each job, whatever it is made of.
        ("SAMPLE=liver", "SAMPLE=#"),
        ("export SAMPLE_ID=\"liver_b\"", "export SAMPLE_ID=\"#\""),
        ("subject='anna' tool", "subject='#' tool"),
        (
            "tool --participant-label anna --chunk=ab",
            "tool --participant-label # --chunk=#",
        ),
        ("MONTH=Feb CHR=X ID=q", "MONTH=# CHR=# ID=#"),
        ("tool --seed 7 --date 2024-01-02", "tool --seed # --date #"),
        // Of these the name says nothing.
        ("SAMPLES=all MODE=fast", "SAMPLES=all MODE=fast"),
        ("SAMPLE=$1 SAMPLE= tool", "SAMPLE=$# SAMPLE= tool"),
        ("SAMPLE=/data/liver/a.bam", "SAMPLE=*.bam"),
        ("tool --sample --fast", "tool --sample --fast"),
        ("a==b --= =x", "a==b --= =x"),
        // Part of a name.
        (
            "--model resnet18 --arch=vit_b_16",
            "--model resnet18 --arch=vit_b_16",
        ),
        ("MODEL=esm2_t33_650M", "MODEL=esm2_t33_650M"),
        (
            "--model_name org/net-3.1-8x7",
            "--model_name org/net-3.1-8x7",
        ),
        (
            "python resnet152.py GPT2 llama-2-70b-hf",
            "python resnet152.py GPT2 llama-#-70b-hf",
        ),
        ("opt-1.3b", "opt-#.3b"),
        // But not what only looks like one.
        (
            "--model /runs/7/best.pt --model model_17 --model 3",
            "--model *.pt --model model_# --model #",
        ),
        ("--model=fit_20240102", "--model=fit_#"),
        ("--model=fit_Nov-03-24", "--model=fit_#"),
        ("16b S7b 64B", "#b S#b #B"),
        ("patient_12b plate-3b run_12b", "patient_#b plate-#b run_#b"),
        ("patient_12a sample_7B", "patient_#a sample_#B"),
        ("--model run_12/best.pt", "--model *.pt"),
        ("MODEL_PATH=out/model_17.h5", "MODEL_PATH=*.h#"),
        ("MODEL=bert_seed42", "MODEL=bert_seed#"),
        ("MODEL=fit_3f2a9c1 MODEL=bert_9", "MODEL=fit_# MODEL=bert_9"),
        (
            "--model a1-123e4567-e89b-12d3-a456-426614174000",
            "--model #",
        ),
        // What a part of the name says is of something else, or a flag's.
        (
            "--sample-type wgs REGION_MODE=fast --fold-strategy group",
            "--sample-type wgs REGION_MODE=fast --fold-strategy group",
        ),
        (
            "--per-sample assemble.py --multi-session python --sample python",
            "--per-sample assemble.py --multi-session python --sample python",
        ),
        (
            "--batch-sample anna SAMPLE_NAME=anna",
            "--batch-sample # SAMPLE_NAME=#",
        ),
        ("chrX reads.chrX.sorted", "chrX reads.chr#.sorted"),
    ] {
        assert_eq!(shown(argument), form, "{argument}");
    }
}

#[test]
fn names_that_slurm_chose_are_no_evidence() {
    assert_eq!(Kind::of_accounting(1, b"wrap"), Kind::default());
    assert_eq!(
        Kind::of_accounting(1, b"align_17"),
        Kind::of_accounting(1, b"align_4")
    );
    assert_ne!(
        Kind::of_accounting(1, b"align"),
        Kind::of_accounting(2, b"align")
    );
}
