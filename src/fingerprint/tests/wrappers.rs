//! Scripts that run what something else says: their arguments, a variable, a list of commands.

use super::*;

fn script(lines: &str, arguments: &[&str]) -> Kind {
    kind(&format!("#!/bin/bash\n{lines}\n"), arguments)
}

#[test]
fn what_arguments_say_that_runs_tells_kinds_apart() {
    for wrapper in [
        r#"exec "$@""#,
        r#"srun "$@""#,
        r#"srun --cpu-bind=cores -n "$SLURM_NTASKS" $@"#,
        r#"bash "$1""#,
        r#"python "$@""#,
        r#"python3.11 "$@""#,
        r#"mpirun.openmpi "$@""#,
        r#"mpiexec.hydra -n 4 "$1""#,
        r#"prterun "$1""#,
        r#"python3 -u "$1" --fast"#,
        "eval $1",
        r#"eval "$@""#,
        "apptainer run c.sif $@",
        "apptainer exec --nv -B /data:/data c.sif $@",
        r#"cd /work && time "${@}""#,
        "module load gcc\nset -e\n$1 ${2:-x}",
        r#"bash -c "$*""#,
        "PROG=$1\nshift\nsrun ./$PROG \"$@\"",
        "PROG=${1:-blastn}; $PROG",
        "CMD=(\"$@\")\n\"${CMD[@]}\"",
        "for tool in \"$@\"; do\n  srun $tool\ndone",
        "while getopts p: o; do PROG=$OPTARG; done\n\"$PROG\"",
        "matlab -batch \"$1\"",
        "./tools/$1.sh",
        "srun \"$1\" setup.sh",
        "srun \\\n  -n 4 \\\n  \"$@\"",
    ] {
        let of = |arguments: &[&str]| script(wrapper, arguments);
        let (small, large) = (of(&["fastqc", "S01.fq"]), of(&["megahit", "S01.fq"]));
        assert_no_key_in_common(small, large, wrapper);
        assert_eq!(small, of(&["fastqc", "S02.fq"]), "{wrapper}");
    }
}

#[test]
fn which_part_of_a_script_runs_tells_kinds_apart_and_its_data_does_not() {
    for lines in [
        "case $1 in align) bwa mem a b;; call) gatk x;; esac",
        "case \"$1\" in\n  align)\n    bwa mem a b\n    ;;\n  call) gatk x;;\nesac",
        "case ${1} in\n  (align) bwa mem a b;;\nesac",
        "STAGE=$1\ncase \"$STAGE\" in\n  align|map) bwa mem a b;;\nesac",
        "if [ \"$1\" = align ]; then bwa mem a b; else gatk x; fi",
        "if [[ $1 == \"align\" ]]; then bwa mem a b; else gatk x; fi",
        "MODE=$1\n[ \"$MODE\" = align ] && bwa mem a b || gatk x",
        "test $1 != align || bwa mem a b",
        "make $1",
        "make -C /proj/study -j 4 $1",
        "TARGET=$1\nsnakemake --cores 4 $TARGET",
        ". steps/$1",
        "source \"$DIR/steps/$1.sh\"",
        "papermill $1 out.ipynb",
        "orca $1 > out",
        "lmp -in $1",
        "IN=$1\ng16 < $IN.com > $IN.log",
    ] {
        let of = |arguments: &[&str]| script(lines, arguments);
        let (small, large) = (of(&["align", "S01.fq"]), of(&["call", "S01.fq"]));
        assert_no_key_in_common(small, large, lines);
        assert_eq!(small, of(&["align", "S02.fq"]), "{lines}");
    }
    // What its folder says, too.
    for lines in [
        "make $1",
        "case $1 in all) ./main;; esac",
        "case $1 in all) python train.py;; esac",
    ] {
        let of = |folder| {
            job(
                "align",
                "",
                &format!("#!/bin/sh\n{lines}\n"),
                &["all"],
                folder,
            )
        };
        assert_no_key_in_common(of("/proj/blast"), of("/proj/plot"), lines);
    }
    // Data among the arguments is data.
    let of = |data| script("case $1 in align) bwa mem $2;; esac", &["align", data]);
    assert_eq!(of("liver.fq"), of("brain.fq"));
}

#[test]
fn where_the_script_says_what_runs_arguments_split_the_command_alone() {
    for lines in [
        r#"python main.py "$@""#,
        "INPUT=$1\nsolve $INPUT",
        "log() { echo \"$@\"; }\nlog begins\nsolve \"$1\"",
        "try() {\n  \"$@\" || exit 1\n}\ntry solve --in $1",
        "run() {\n  local cmd=$1\n  $cmd\n}\nrun solve",
        "PROG=solve\n$PROG \"$1\"",
        "DIR=$(dirname $0)\nbash $DIR/solve.sh $1",
        "for n in 1 2; do solve $n $1; done",
        "awk '{ print $1 }' in.txt\n\"$HOME\"/bin/solve $1",
        "$PYTHON solve.py $1",
        "$MPIRUN -np 4 ./solve $1",
        "echo \"$1\"\ncd \"$1\"\nexport A=$1\nsource $1/bin/activate\n./a.out",
        "[ -n \"$1\" ] || exit 1\nsolve <<EOF\n1 2\nEOF",
        "files=()\nsolve \"$1\"",
        "java $JAVA_OPTS -jar solve.jar $1",
        "eval \"$(conda shell.bash hook)\"\nsolve $1",
        "while [ $# -gt 0 ]; do\n  case $1 in\n    -i|--input) IN=$2; shift 2;;\n  esac\ndone\nsolve $IN",
        "case $1 in *.gz) zcat $1;; esac\nsolve",
        "case $1 in IN=*) IN=$1;; esac\nsolve",
        "case $(uname) in Linux) a=1;; esac\nsolve $1",
        "if [ \"x$1\" = x ]; then exit 1; fi\nsolve $1",
        "if [ \"$1\" = \"-h\" ] || [ \"$1\" == \"\" ]; then exit; fi\nsolve $1",
        "log() { case $1 in a) echo a;; esac; }\nlog a\nsolve $1",
        "orca opt.inp > $1",
    ] {
        let of = |arguments: &[&str]| script(lines, arguments);
        let (one, other) = (of(&["liver"]), of(&["brain"]));
        assert_eq!(one.script, other.script, "{lines}");
        assert_ne!(one.command, other.command, "{lines}");
    }
    // In Perl and R a dollar sign is no shell's.
    let perl = |arguments: &[&str]| kind("#!/usr/bin/perl\n$1 = 2;\n", arguments);
    assert_eq!(perl(&["a"]).script, perl(&["b"]).script);
}

#[test]
fn where_a_variable_of_the_submitter_says_what_runs_only_a_name_does_beside_it() {
    let of = |name, lines: &str| {
        let script = format!("#!/bin/bash\n{lines}\n");
        job(name, "", &script, &[], "/home/alice")
    };
    for lines in [
        "srun $PROG",
        "srun --overlap $PROG",
        "\"${PROG}\" in.dat",
        "$BIN/$PROG -x",
        "PROG=${PROG:-solve}\n$PROG",
        "bash $SCRIPT",
        "python3.11 $PROG",
        "mpirun.openmpi $PROG",
    ] {
        assert_eq!(of("wrap", lines), Kind::default(), "{lines}");
        assert_no_key_in_common(of("align", lines), of("assembly", lines), lines);
        assert_eq!(of("align_1", lines), of("align_2", lines), "{lines}");
    }
    // What a server gives them to do.
    let refine = "/opt/cryosparc_worker/bin/cryosparcw run --project P1 --job J123 > /data/P1/J123/job.log 2>&1";
    assert_eq!(of("cryosparc_P1_J123", refine), Kind::default());
    assert_ne!(of("cryosparc_P1_J123_refine", refine).command, None);
    let container = "exec 'crunch-run' '-detach=false' 'zzzzz-dz642-c8a0b1d2e3f4g5h'";
    assert_eq!(
        of("zzzzz-dz642-c8a0b1d2e3f4g5h", container),
        Kind::default()
    );
    for worker in [
        "R --no-save --no-restore -e 'clustermq:::worker(\"tcp://login1:6124\")'",
        "CMQ_AUTH=x R --no-save -e 'clustermq:::worker(\"tcp://login1:6124\")'",
        "Rscript -e \"crew::crew_worker(settings = list(), launcher = 'a')\"",
        "process_worker_pool.py -a 10.0.0.1 -p 0 --port=54321",
        "srun -n 2 /env/bin/process_worker_pool.py --max_workers=4",
        "python -m parsl.executors.high_throughput.process_worker_pool -p 0",
        "srun ipengine --profile=slurm",
        "work_queue_worker login1 9123 --cores 4",
        "./hq worker start --manager slurm",
        "hq worker start &\nwait",
        "wandb agent me/study/x9k2ab7q",
        "python -m executorlib.backend.interactive_serial --host login1 --zmqport 5123",
        "python /env/lib/executorlib/backend/serial.py --zmqport 5123",
        "/env/bin/python -m distributed.cli.dask_worker tcp://10.0.0.1:8786 --nthreads 4",
        "dask worker tcp://10.0.0.1:8786",
        "srun batchspawner-singleuser jupyterhub-singleuser --ip=0.0.0.0",
        "jupyterhub-singleuser --ip=0.0.0.0",
        "Rscript -e 'batchtools::doJobCollection(\"job1.rds\")'",
    ] {
        assert_eq!(of("wrap", worker), Kind::default(), "{worker}");
        assert_no_key_in_common(of("align", worker), of("assembly", worker), worker);
    }
    for other in [
        "hq submit ./a",
        "wandb login",
        "pip install executorlib",
        "R -e 'worker(1)'",
    ] {
        assert_ne!(of("wrap", other).command, None, "{other}");
    }
    // What a registry's folder says.
    let registry = |folder: &str| {
        of(
            "wrap",
            &format!("Rscript -e 'batchtools::doJobCollection(\"{folder}/jobs/job0a1b.rds\")'"),
        )
    };
    assert_no_key_in_common(registry("/proj/blast"), registry("/proj/plot"), "registry");
    assert_eq!(registry("/proj/blast"), registry("/proj/blast"));
    assert_ne!(of("wrap", "PROG=solve\nsrun $PROG").command, None);
    assert_ne!(of("wrap", "./run_$SLURM_ARRAY_TASK_ID.sh").command, None);
}

#[test]
fn lists_of_commands_that_are_run_are_known_by_their_names() {
    for lines in [
        "bash LIST.txt",
        "source lists/LIST.txt",
        "parallel < LIST.txt",
        "parallel -j 8 --joblog log < LIST.txt",
        "parallel -j $SLURM_CPUS_PER_TASK :::: LIST.txt",
        "parallel -a LIST.txt",
        "xargs -P 4 -I{} bash -c '{}' < LIST.txt",
        "cat LIST.txt | xargs -P4 -I CMD sh -c CMD",
        "sed -n \"${SLURM_ARRAY_TASK_ID}p\" LIST.txt | bash",
        "CMD=$(sed -n \"${SLURM_ARRAY_TASK_ID}p\" LIST.txt)\neval $CMD",
        "CMD=`awk NR==$SLURM_ARRAY_TASK_ID /work/LIST.txt`\nsrun $CMD",
        "eval \"$(head -n $SLURM_ARRAY_TASK_ID LIST.txt | tail -n 1)\"",
        "mapfile -t commands < LIST.txt\n${commands[$SLURM_ARRAY_TASK_ID]}",
        "while read -r line; do\n  bash -c \"$line\"\ndone < LIST.txt",
        "export LAUNCHER_JOB_FILE=LIST.txt\n$LAUNCHER_DIR/paramrun",
        "disBatch /work/LIST.txt",
        "srun --multi-prog LIST.txt",
        "/opt/dsq/dSQBatch.py --job-file /home/alice/LIST.txt --status-dir /home/alice",
    ] {
        let of = |list| script(&lines.replace("LIST", list), &[]);
        assert_no_key_in_common(of("blast"), of("plot"), lines);
        assert_eq!(of("blast_1"), of("blast_2"), "{lines}");
    }
    // What programs read is data, one list of it as another.
    for lines in [
        "parallel -j 8 gzip {} < LIST.txt",
        "xargs -n 1 gzip < LIST.txt",
        "while read -r file; do gzip $file; done < LIST.txt",
        "FILE=$(sed -n \"${SLURM_ARRAY_TASK_ID}p\" LIST.txt)\ngzip $FILE",
        "gzip LIST.txt",
        "PROG=$(which gzip)\n$PROG LIST.txt",
        "srun ./a.out LIST.txt",
    ] {
        let of = |list| script(&lines.replace("LIST", list), &[]);
        assert_eq!(of("blast"), of("plot"), "{lines}");
    }
    // Lists that are arguments; lists with a common name.
    for lines in ["bash \"$1\"", "parallel < $1", "sed -n 3p \"$1\" | bash"] {
        let of = |list| script(lines, &[list]);
        assert_no_key_in_common(of("blast.txt"), of("plot.txt"), lines);
    }
    let there = |folder| job("wrap", "", "#!/bin/sh\nbash jobs.txt\n", &[], folder);
    assert_no_key_in_common(there("/proj/blast"), there("/proj/plot"), "jobs.txt");
}
