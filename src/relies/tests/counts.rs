//! Where a script puts how many CPUs it has, and what it computes of that.

use super::*;

#[test]
fn a_count_is_followed_in_whatever_words_it_is_handed_on() {
    let check = "\n[ $N -ge 8 ] || exit 1";
    let mut cases = Vec::new();
    for set in [
        "if [ -n \"$SLURM_CPUS_PER_TASK\" ]; then N=$SLURM_CPUS_PER_TASK; else N=1; fi",
        "[ -n \"$SLURM_CPUS_PER_TASK\" ] && { N=$SLURM_CPUS_PER_TASK; }",
        "for i in 1; do N=$SLURM_CPUS_PER_TASK; done",
        "case x in x) N=$SLURM_CPUS_PER_TASK ;; esac",
        "case x in\n  x) N=$SLURM_CPUS_PER_TASK ;;\nesac",
        "set_up() { N=$SLURM_CPUS_PER_TASK; }\nset_up",
        "export A=4 N=$SLURM_CPUS_PER_TASK",
        "A=\"x y\" N=$SLURM_CPUS_PER_TASK",
        "declare -i N=$SLURM_CPUS_PER_TASK",
        "declare -rx N=$SLURM_CPUS_PER_TASK",
        "local -i N=$SLURM_CPUS_PER_TASK",
        "typeset -i N=$SLURM_CPUS_PER_TASK",
        "let N=SLURM_CPUS_PER_TASK",
        "let \"N=SLURM_CPUS_PER_TASK\"",
        "setenv N $SLURM_CPUS_PER_TASK",
        "set -gx N $SLURM_CPUS_PER_TASK",
        ": \"${N:=$SLURM_CPUS_PER_TASK}\"",
        ": ${N=$SLURM_CPUS_PER_TASK}",
        "read N <<< $SLURM_CPUS_PER_TASK",
        "IFS=, read -r A N <<< \"4,$SLURM_CPUS_PER_TASK\"",
        "printf -v N '%d' $SLURM_CPUS_PER_TASK",
        "for N in $SLURM_CPUS_PER_TASK; do",
        "M=$SLURM_CPUS_PER_TASK; N=$M",
        "M=$SLURM_CPUS_PER_TASK\nexport A=4 N=$M",
    ] {
        cases.push((format!("{set}{check}"), ALL_CPUS));
    }
    for (script, right) in [
        (
            "if x; then N=$SLURM_CPUS_PER_TASK; else N=1; fi\nparallel -j $((N/4)) ./w ::: *",
            cpus(4),
        ),
        (
            "setenv N $SLURM_CPUS_PER_TASK\nif ($N < 8) exit 1",
            ALL_CPUS,
        ),
        // Of several only those that have it.
        (
            "export N=4 M=$SLURM_CPUS_PER_TASK\n[ $N -ge 8 ] || exit 1",
            NOTHING,
        ),
        ("for N in $SLURM_CPUS_PER_TASK; do ./a -t $N; done", NOTHING),
        ("read N <<< $SLURM_CPUS_PER_TASK\n./a -t $N", NOTHING),
        // Arguments of functions.
        (
            "check() { [ \"$1\" -ge 8 ] || exit 1; }\ncheck $SLURM_CPUS_PER_TASK",
            ALL_CPUS,
        ),
        (
            "check() {\n  local n=$2\n  [ $n -ge 8 ] || exit 1\n}\nN=$SLURM_CPUS_PER_TASK\nif check a \"$N\"; then ./a; fi",
            ALL_CPUS,
        ),
        (
            "function share {\n  ./a -j $(($1/2))\n}\nshare $SLURM_CPUS_PER_TASK",
            cpus(2),
        ),
        (
            "check() { [ \"$1\" -ge 8 ] || exit 1; }\ncheck 8 $SLURM_CPUS_PER_TASK",
            NOTHING,
        ),
        (
            "run() { ./a -t $1; }\nrun $SLURM_CPUS_PER_TASK\n[ $1 -ge 8 ]",
            NOTHING,
        ),
    ] {
        cases.push((script.to_string(), right));
    }
    let cases = cases
        .iter()
        .map(|(script, right)| (script.as_str(), *right));
    assert_floors(&cases.collect::<Vec<_>>());
}

#[test]
fn memory_that_is_computed_of_the_count_keeps_both() {
    let python = "#!/usr/bin/env python3\nn = int(os.environ[\"SLURM_CPUS_PER_TASK\"])\n";
    assert_floors(&[
        ("M=$((4*SLURM_CPUS_PER_TASK))\nspades.py -m $M -o o", ALL),
        (
            "M=$(expr $SLURM_CPUS_PER_TASK \\* 4)\njava -Xmx${M}g -jar a.jar",
            ALL,
        ),
        (
            "M=`expr $SLURM_CPUS_PER_TASK \\* 4`\njava -Xmx${M}g -jar a.jar",
            ALL,
        ),
        (
            "N=$SLURM_CPUS_PER_TASK\nM=$(echo \"($N+1)*4\" | bc)\njava -Xmx${M}g -jar a.jar",
            ALL,
        ),
        (
            "M=$(awk \"BEGIN{print $SLURM_CPUS_PER_TASK*4}\")\njava -Xmx${M}g -jar a.jar",
            ALL,
        ),
        ("M=$[4*SLURM_CPUS_PER_TASK]\nspades.py -m $M -o o", ALL),
        (
            "let M=4*SLURM_CPUS_PER_TASK\njava -Xmx${M}g -jar a.jar",
            ALL,
        ),
        ("java -Xmx$(($(nproc)*4))g -jar a.jar", ALL),
        ("java -Xmx$((4*(SLURM_CPUS_PER_TASK-1)))g -jar a.jar", ALL),
        ("srun --mem=$((4*SLURM_CPUS_PER_TASK))G ./a", ALL),
        ("sort -S $((4*SLURM_CPUS_PER_TASK))G a", ALL),
        ("export GAUSS_MDEF=$((SLURM_CPUS_PER_TASK*4))GB", ALL),
        ("%maxcore $((SLURM_CPUS_PER_TASK*4))", ALL),
        (
            &format!("{python}run(f\"java -Xmx{{n*4}}g -jar a.jar\", shell=True)"),
            ALL,
        ),
        (
            &format!("{python}m = 4 * n\nrun(['tool', '--memory=' + str(m) + 'G'])"),
            (None, Some(None)),
        ),
        (&format!("{python}run(f\"./a -t {{n}}\")"), NOTHING),
        // What another command asks for is no sum.
        ("M=$(cat m)\nspades.py -m $M -o o", ALL_MEMORY),
        ("java -jar a.jar -t $SLURM_CPUS_PER_TASK", ALL_MEMORY),
    ]);
}

#[test]
fn a_part_of_the_work_that_is_as_large_as_the_count_keeps_it() {
    assert_floors(&[
        (
            "sed -n \"$(( (SLURM_ARRAY_TASK_ID-1)*SLURM_CPUS_PER_TASK+1 )),$(( SLURM_ARRAY_TASK_ID*SLURM_CPUS_PER_TASK ))p\" c | parallel",
            ALL_CPUS,
        ),
        (
            "./a --first $((SLURM_ARRAY_TASK_ID*SLURM_CPUS_PER_TASK)) --count $SLURM_CPUS_PER_TASK",
            ALL_CPUS,
        ),
        (
            "tail -n +$((SLURM_CPUS_PER_TASK * ${SLURM_PROCID} + 1)) l | head -n $SLURM_CPUS_PER_TASK",
            ALL_CPUS,
        ),
        (
            "ID=$SLURM_ARRAY_TASK_ID\nN=$SLURM_CPUS_PER_TASK\n./a --first $(( ID * N ))",
            ALL_CPUS,
        ),
        (
            "#!/usr/bin/env python3\nn = int(os.environ['SLURM_CPUS_PER_TASK'])\ni = int(os.environ['SLURM_ARRAY_TASK_ID'])\nfirst = i * n",
            ALL_CPUS,
        ),
        (
            "./a --seed $((SLURM_ARRAY_TASK_ID*100)) -t $SLURM_CPUS_PER_TASK",
            NOTHING,
        ),
        (
            "./a --id $SLURM_ARRAY_TASK_ID -t $((SLURM_CPUS_PER_TASK*2))",
            NOTHING,
        ),
        (
            "N=$SLURM_CPUS_PER_TASK\nFIRST=$(( (SLURM_ARRAY_TASK_ID-1)*N + 1 ))\nsed -n \"$FIRST,$((FIRST + N - 1))p\" l",
            ALL_CPUS,
        ),
        (
            "#!/usr/bin/env python3\nn = int(os.environ['SLURM_CPUS_PER_TASK']); t = int(os.environ['SLURM_ARRAY_TASK_ID'])\nseeds = list(range(t*n, (t+1)*n))",
            ALL_CPUS,
        ),
        // Parts that are counted out.
        (
            "matlab -batch \"n=str2num(getenv('SLURM_CPUS_PER_TASK')); for i=1:n, sim(i); end\"",
            ALL_CPUS,
        ),
        (
            "#!/usr/bin/env Rscript\nn <- as.integer(Sys.getenv(\"SLURM_CPUS_PER_TASK\"))\nparallel::mclapply(1:n, sim, mc.cores = n)",
            ALL_CPUS,
        ),
        (
            "#!/usr/bin/env python3\nn = int(os.environ['SLURM_CPUS_PER_TASK'])\nwork = [one(i) for i in range(n)]",
            ALL_CPUS,
        ),
        (
            "#!/usr/bin/perl\nmy $n = $ENV{SLURM_CPUS_PER_TASK};\nfor my $i (1..$n) { work($i) }",
            ALL_CPUS,
        ),
        (
            "#!/usr/bin/env python3\nn = int(os.environ['SLURM_CPUS_PER_TASK'])\nrun(threads=n)",
            NOTHING,
        ),
    ]);
}

#[test]
fn a_value_in_quotes_is_the_same_value() {
    let both = |mib, cpus| (Some(Some(mib)), Some(Some(cpus)));
    assert_floors(&[
        (
            "export GAUSS_MDEF=\"48GB\" GAUSS_PDEF=\"16\"\ng16 a.com",
            both(48 << 10, 16),
        ),
        ("export GAUSS_MDEF=131072000\ng16 a.com", mib(1000)),
        ("export GAUSS_MDEF=$(cat m)GB\ng16 a.com", ALL_MEMORY),
        ("export GAUSS_PDEF=$(cat n)\ng16 a.com", ALL_CPUS),
        ("export GAUSS_PDEF=$SLURM_CPUS_PER_TASK\ng16 a.com", NOTHING),
        ("export PARNODES=\"16\"\nridft", cpus(16)),
        ("export PARNODES=\"$(cat n)\"\nridft", ALL_CPUS),
        ("abaqus job=a cpus=\"16\" int", cpus(16)),
        ("abaqus job=a cpus=\"$(cat n)\" int", ALL_CPUS),
        ("export TOOL_MEM=\"32\"\n./tool", ALL_MEMORY),
        (
            "M=$(cat size)\nexport TOOL_MEM=\"${M}G\"\n./tool",
            ALL_MEMORY,
        ),
        ("M=$(cat size)\nexport TOOL_MEM=${M}G\n./tool", ALL_MEMORY),
        ("export TOOL_MEM=\"\"\n./tool 4", NOTHING),
        ("java -Xmx\"2g\" -jar a.jar", mib(2048 + 204 + 256)),
        ("java -Xmx\"$M\" -jar a.jar", ALL_MEMORY),
    ]);
}
