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
