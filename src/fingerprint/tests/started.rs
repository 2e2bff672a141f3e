//! Programs by the words that start them.

use super::*;

#[test]
fn a_word_that_starts_a_program_keeps_its_name() {
    for (one, other) in [
        ("./ising.out", "./nbody.out"),
        ("srun ./ising.out", "srun ./nbody.out"),
        ("srun -n 4 ising.out", "srun -n 4 nbody.out"),
        (
            "mpirun -np 4 --oversubscribe ./ising.mpi",
            "mpirun -np 4 --oversubscribe ./nbody.mpi",
        ),
        (
            "srun -o log.txt -e err.txt ./ising.bin",
            "srun -o log.txt -e err.txt ./nbody.bin",
        ),
        (
            "mpirun -machinefile hosts.txt ./ising.out",
            "mpirun -machinefile hosts.txt ./nbody.out",
        ),
        ("time ./ising/a.out 7", "time ./nbody/a.out 7"),
        (
            "OMP_NUM_THREADS=4 ./ising.out",
            "OMP_NUM_THREADS=4 ./nbody.out",
        ),
        (
            "module load gcc; ./ising.omp | tee log",
            "module load gcc; ./nbody.omp | tee log",
        ),
        ("if ./ising.out; then ls; fi", "if ./nbody.out; then ls; fi"),
        ("$HOME/ising/a.out", "$HOME/nbody/a.out"),
        (
            "apptainer exec c.sif ./ising.bin",
            "apptainer exec c.sif ./nbody.bin",
        ),
        ("python -m ising.data", "python -m nbody.data"),
        ("./ising/main", "./nbody/main"),
        ("./ising/master", "./nbody/master"),
        ("./ising/sim", "./nbody/sim"),
        ("java -jar ising/app.jar", "java -jar nbody/app.jar"),
        ("octave ising/main.m", "octave nbody/main.m"),
        (
            "Rscript --vanilla ising/master.R",
            "Rscript --vanilla nbody/master.R",
        ),
        ("./sim2d", "./sim3d"),
        ("python heat_2d.py", "python heat_3d.py"),
        ("bash step1.sh", "bash step2.sh"),
        ("./stage_1.sh", "./stage_2.sh"),
        ("python part1.py", "python part2.py"),
        ("Rscript Phase1_fit.R a", "Rscript Phase2_fit.R a"),
        ("./pipeline.sh --stage 1", "./pipeline.sh --stage 2"),
        ("./pipeline.sh --step=1", "./pipeline.sh --step=2"),
    ] {
        let of = |command| aligned(command, "/home/alice/work");
        assert_no_key_in_common(of(one), of(other), one);
    }
}

/// What has a common name, or does what its folder says.
const COMMON: [&str; 41] = [
    "./a.out",
    "srun a.out",
    "srun ./a.out 7",
    "./x.bin",
    "./main.exe",
    "./main",
    "./run",
    "./program",
    "./prog",
    "./test",
    "./exe",
    "./sim",
    "./app",
    "./Allrun",
    "bash run",
    "srun -n 4 ./main",
    "timeout 1h ./main",
    "bash -c \"./main 7\"",
    "$SLURM_SUBMIT_DIR/main",
    "${PWD}/a.out",
    "matlab -batch \"main\"",
    "matlab -nodisplay -r \"main; exit\"",
    "octave main.m",
    "octave --quiet train.m",
    "java Main",
    "java -Xmx4g -cp lib/all.jar Main",
    "java -jar app.jar",
    "python -m main",
    "python3.11 -u -m train",
    "Rscript --vanilla master.R",
    "julia --project=. main.jl",
    "lua main.lua",
    "nextflow run .",
    "nextflow -q run . -resume",
    "cargo run --release",
    "npm start",
    "ninja",
    "ctest",
    "srun make all",
    "snakemake --cores 4",
    "echo begins\ncd build && gmake",
];

#[test]
fn programs_with_a_common_name_are_told_apart_by_where_they_start() {
    for command in COMMON {
        let of = |folder| aligned(command, folder);
        assert_no_key_in_common(of("/home/alice/ising"), of("/home/alice/nbody"), command);
        assert_eq!(
            of("/proj/ising/run_1"),
            of("/proj/ising/run_22"),
            "{command}"
        );
    }
    // Arguments that say what runs, too.
    for program in ["./main", "./a.out", "./sim"] {
        let of = |folder| {
            job(
                "align",
                "",
                "#!/bin/bash\nsrun \"$@\"\n",
                &[program, "7"],
                folder,
            )
        };
        assert_no_key_in_common(of("/home/alice/ising"), of("/home/alice/nbody"), program);
    }
}

#[test]
fn what_has_a_name_is_the_same_wherever_it_starts() {
    for command in [
        "./ising.out",
        "./ising",
        "./ising/main",
        "/proj/ising/a.out",
        "test -f ising",
        "[ -x main ] && ising",
        "bash -c \"test -f ising\"",
        "main() { ising; }\nmain",
        "run ising",
        "python -c \"import main\"",
        "/usr/bin/node ising.js",
        "/usr/bin/test -f ising",
        "srun -o log.out ising",
        "srun --some-option log.out ising",
        "java -cp lib/all.jar org.ising.Main",
        "nextflow run nf-core/rnaseq",
        "./nextflow run nf-core/rnaseq",
        "srun R CMD BATCH --no-save ising.R",
        "/opt/R/4.3/bin/R CMD BATCH ising.R",
        "apptainer exec c.sif R -f ising.R",
        "srun run ising",
        "cargo install ising",
        "cat main.out",
        "$PROGRAMS/main",
        "files=(\n  /data/S01\n  /data/S02\n)\nising",
    ] {
        let of = |folder| aligned(command, folder);
        assert_eq!(
            of("/home/alice/ising"),
            of("/home/alice/nbody"),
            "{command}"
        );
    }
}

/// Forms of what was told apart already stay as they are, and so does its history.
#[test]
fn nothing_is_added_to_a_form_that_says_all() {
    for (command, form) in [
        ("./ising/main 7", "main/ising #"),
        ("bash align/run.sh", "bash run.sh/align"),
        ("python train.py", "python train.py"),
        ("srun ./solve in.out", "srun solve *.out"),
        ("./prog1 x", "prog# x"),
        ("./ising.out", "*.out\n\u{1}ising.out"),
    ] {
        let mut out = Vec::new();
        push_script(command.as_bytes(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap().trim_end(), form);
    }
}

#[test]
fn programs_that_do_what_their_deck_says_are_told_apart_by_its_name() {
    for line in [
        "orca DECK.inp > DECK.out",
        "$ORCA/orca /home/u/water/DECK.inp",
        "/opt/orca/orca DECK.inp | tee log",
        "g16 DECK.com",
        "g16 < DECK.com > a.log",
        "g16 <DECK.gjf >a.log",
        "mpirun pw.x -in DECK.in",
        "mpirun -np 4 ph.x < DECK.in > DECK.out",
        "srun cp2k.psmp -i DECK.inp -o DECK.out",
        "psi4 DECK.dat",
        "molpro -n 4 DECK.inp",
        "qchem -nt 4 DECK.in a.out",
        "sander -O -i DECK.in -o a.out -p a.top",
        "srun pmemd.cuda -O -i DECK.in -o a.out",
        "gmx mdrun -s DECK.tpr",
        "srun gmx_mpi mdrun -s /data/DECK.tpr",
        "ansys232 -b -i DECK.dat -o a.out",
        "mcnp6 i=DECK.inp",
        "nwchem /proj/decks/DECK.nw",
        "lmp < decks/DECK.in",
    ] {
        let of = |deck: &str| aligned(&line.replace("DECK", deck), "/home/alice/work");
        assert_no_key_in_common(of("opt"), of("ccsd"), line);
        assert_eq!(of("opt_1"), of("opt_22"), "{line}");
    }
    // Of other programs such files are data, and so is what these write.
    for line in [
        "solve DECK.inp",
        "gzip DECK.in",
        "orca > DECK.out",
        "gmx grompp -c DECK.gro -o a.tpr",
    ] {
        let of = |deck: &str| aligned(&line.replace("DECK", deck), "/home/alice/work");
        assert_eq!(of("opt"), of("ccsd"), "{line}");
    }
}

#[test]
fn many_parts_of_one_work_are_one_kind() {
    for (one, other) in [
        ("bash part01.sh", "bash part02.sh"),
        ("python step_11.py", "python step_12.py"),
        ("./pipeline.sh --part 11", "./pipeline.sh --part 12"),
        ("./md --time-step 1", "./md --time-step 2"),
    ] {
        let of = |command| aligned(command, "/home/alice/work");
        assert_eq!(of(one), of(other), "{one}");
    }
}
