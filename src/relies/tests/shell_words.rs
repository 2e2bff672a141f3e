//! Words as the shell parts them.

use super::*;

const fn both(mib: u64, cpus: u64) -> (Least, Least) {
    (Some(Some(mib)), Some(Some(cpus)))
}

#[test]
fn a_value_is_one_word_whatever_stands_in_it() {
    assert_floors(&[
        ("srun --export=ALL,OMP_NUM_THREADS=1 -n 4 ./a", cpus(4)),
        ("srun --output=\"a.log\" -n 4 ./a", cpus(4)),
        ("srun --mem=\"6G\" --cpus-per-task=\"4\" ./a", both(6144, 4)),
        ("srun --mem='6G' -c '4' ./a", both(6144, 4)),
        ("srun --cpu-bind=verbose,cores -n 4 ./a", cpus(4)),
        ("srun --nodelist=n1,n2 -n 4 ./a", cpus(4)),
        ("srun -w n[1-4],{a,b} -n 4 ./a", cpus(4)),
        ("srun --container-mounts=/a,/b -n 4 ./a", cpus(4)),
        ("srun --gres=gpu:1,x -n 4 ./a", cpus(4)),
        ("srun --job-name=\"x y\" -n 4 ./a", cpus(4)),
        ("srun -J \"x -n 9\" -n 4 ./a", cpus(4)),
        ("srun -J x\\ y -n 4 ./a", cpus(4)),
        ("srun --distribution=block:cyclic,Pack -n 4 ./a", cpus(4)),
        ("srun --constraint=\"a&b\" -n 4 ./a", cpus(4)),
        ("srun --constraint=\"a|b\" -n 4 ./a", cpus(4)),
        ("srun --het-group=0,1 -n 4 ./a", cpus(4)),
        ("srun --chdir=$(pwd) -n 4 ./a", cpus(4)),
        ("srun --chdir=`pwd -P` -n 4 ./a", cpus(4)),
        ("mpirun --map-by=\"core\" -np 4 ./a", cpus(4)),
        (
            "OPTS=(--export=ALL,X=1 -n 16)\nsrun \"${OPTS[@]}\" ./a",
            cpus(16),
        ),
        (
            "OPTS=(--export=ALL,X=1 -n 16)\nsrun ${OPTS[@]} ./a",
            cpus(16),
        ),
        ("srun -n 4 `# tasks` --mem=6G ./a", both(6144, 4)),
        ("srun -n 4 \\\n `# memory` \\\n --mem=6G ./a", both(6144, 4)),
        (
            "java -Da=\"b # c\" -Xmx4g -jar a.jar",
            mib(4096 + 409 + 256),
        ),
        // In quotes of a shell's.
        ("bash -c \"srun -n 4\" b -n 8", cpus(4)),
        ("bash -c 'srun --output=\"a b\" -n 4 ./a'", cpus(4)),
        ("\"srun\" -n 4 ./a", cpus(4)),
        ("x=\"$(srun -n 4 ./a)\" y -n 8", cpus(4)),
        // The program's own.
        ("srun --export=ALL,A=1 ./a -n 4000", NOTHING),
        ("srun \"./a b\" -n 4000", NOTHING),
        ("srun -n 4 bash -c \"./b -n 4000\"", cpus(4)),
        ("srun -n4 ./a > b -n 4000", cpus(4)),
    ]);
}

#[test]
fn processes_are_named_in_each_launchers_words() {
    assert_floors(&[
        ("mpirun -N 4 ./a", cpus(4)),
        ("mpiexec -N 4 ./a", cpus(4)),
        ("srun -N 4 ./a", NOTHING),
        ("mpirun -perhost 16 ./a", cpus(16)),
        ("mpirun -ppn 16 ./a", cpus(16)),
        ("mpirun -np 8 -ppn 4 ./a", cpus(8)),
        ("mpirun -npersocket 8 ./a", ALL_CPUS),
        ("mpirun --npersocket 8 ./a", ALL_CPUS),
        // Other launchers.
        ("ibrun -n 4 -o 0 ./a", cpus(4)),
        ("ibrun ./a -n 4", NOTHING),
        ("aprun -n 4 -d 2 -N 4 ./a", cpus(8)),
        ("jsrun -n 4 -a 1 -c 4 ./a", cpus(16)),
        ("jsrun --nrs 2 --tasks_per_rs 2 --cpu_per_rs 4 ./a", cpus(8)),
        ("srun flux start flux run -n 4 ./a", cpus(4)),
        ("flux submit -n 4 -c 2 ./a", cpus(8)),
        (
            "hq worker start --manager slurm &\nhq submit --cpus=4 --wait ./task",
            cpus(4),
        ),
        ("flux resource list", NOTHING),
    ]);
}
