//! Forms in which a script compares how many CPUs there are.

use super::*;

#[test]
fn a_script_compares_in_any_form() {
    assert_floors(&[
        ("[ \"$SLURM_CPUS_PER_TASK\" = 4 ] || exit 1", ALL_CPUS),
        ("[ 4 = $SLURM_CPUS_PER_TASK ] || exit 1", ALL_CPUS),
        ("[[ $SLURM_CPUS_PER_TASK = \"4\" ]] || exit 1", ALL_CPUS),
        ("test $SLURM_NTASKS = 4 || exit 1", ALL_CPUS),
        (
            "case $SLURM_CPUS_PER_TASK in 4) ./a;; *) exit 1;; esac",
            ALL_CPUS,
        ),
        (
            "case \"${SLURM_CPUS_PER_TASK}\" in\n4) ./a;;\nesac",
            ALL_CPUS,
        ),
        ("[[ $SLURM_CPUS_PER_TASK =~ ^(8|16)$ ]] || exit 1", ALL_CPUS),
        ("[ \"$(nproc)\" = 16 ] || exit 1", ALL_CPUS),
        ("N=$SLURM_CPUS_PER_TASK\n[ \"$N\" = 4 ] || exit 1", ALL_CPUS),
        ("N=$(nproc)\n[[ $N =~ ^(8|16)$ ]] || exit 1", ALL_CPUS),
        (
            "N=$SLURM_NTASKS\ncase $N in 4) ./a;; *) exit 1;; esac",
            ALL_CPUS,
        ),
        (
            "N=$SLURM_NTASKS\ncase \"${N}\" in\n4) ./a;;\nesac",
            ALL_CPUS,
        ),
        // Handed on, or only asked whether it is set.
        ("[ \"$SLURM_CPUS_PER_TASK\" = \"\" ] && exit", NOTHING),
        ("[ x$SLURM_CPUS_PER_TASK = x ] && exit", NOTHING),
        ("[ $A = 4 ] && ./a -t $SLURM_CPUS_PER_TASK", NOTHING),
        ("set T = $SLURM_CPUS_PER_TASK\n./a $T", NOTHING),
        (
            "T=$SLURM_CPUS_PER_TASK\ncase $A in 4) ./a $T;; esac",
            NOTHING,
        ),
        ("case $A in 4) ./a $SLURM_CPUS_PER_TASK;; esac", NOTHING),
        ("[[ $F =~ ^a ]] && ./a $SLURM_CPUS_PER_TASK", NOTHING),
    ]);
}
