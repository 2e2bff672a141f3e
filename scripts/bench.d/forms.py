"""Forms in which people write jobs. Each does its work by `fill MIB` and leaves a mark, by `mark`, only when that is done."""

import dataclasses

from place import FOLDER

# A mark is named by its job and which run of it left it: `17.0`.
MARKS, BIN = FOLDER / "marks", FOLDER / "bin"

# Programs of the site. Their names tell nothing: what a job relies on must show in its script.
PROGRAMS = {
    # Holds so many MiB for a moment; told twice, it ends by itself with the second number.
    "fill": """#!/usr/bin/python3
import sys, time
held = bytearray(int(float(sys.argv[1])) << 20)
held[::4096] = bytes(b"x" * len(held[::4096]))
time.sleep(2)
""",
    "mark": """#!/bin/sh
: >"@MARKS@/$SLURM_JOB_ID.${SLURM_RESTART_COUNT:-0}"
""",
    # Works with all that its heap may hold.
    "engine": """#!/bin/sh
for word; do case $word in -Xmx*m) word=${word#-Xmx}; exec @BIN@/fill "${word%m}" ;; esac; done
exit 2
""",
    "assemble": """#!/bin/sh
[ "$1" = --max-mem ] && exec @BIN@/fill "${2%M}"
exit 2
""",
    # Refuses to begin in a group that may hold less than its argument, in MiB.
    "check": """#!/bin/sh
group=/sys/fs/cgroup/memory$(awk -F: '$2 == "memory" { print $3 }' /proc/self/cgroup)
limit=$(cat "$group/memory.limit_in_bytes" "${group%/*}/memory.limit_in_bytes" | sort -n | head -1)
[ "$limit" -ge $(($1 << 20)) ]
""",
    "workers": """#!/usr/bin/python3
import multiprocessing, os, sys, time
def work(mib):
    held = bytearray(mib << 20)
    held[::4096] = bytes(b"x" * len(held[::4096]))
    time.sleep(2)
    return len(held)
count = int(os.environ["SLURM_CPUS_PER_TASK"])
with multiprocessing.Pool(count) as pool:
    sys.exit(sum(pool.map(work, [int(sys.argv[1])] * count)) != count * int(sys.argv[1]) << 20)
""",
}


def install():
    """The site's programs, and no mark yet."""
    for path, mode in ((MARKS, 0o777), (BIN, 0o755)):
        path.mkdir(exist_ok=True)
        path.chmod(mode)
    for old in MARKS.iterdir():
        old.unlink()
    for name, text in PROGRAMS.items():
        program = BIN / name
        program.write_text(text.replace("@BIN@", str(BIN)).replace("@MARKS@", str(MARKS)))
        program.chmod(0o755)


def script(text):
    """As a file, with the site's programs at hand."""
    return f"#!/bin/bash\nexport PATH={BIN}:$PATH\n{text}\n"


ENDS_WELL, FAILS = "ends well", "fails by itself"


@dataclasses.dataclass(frozen=True)
class Form:
    """One form: sbatch's options, the script, and what it needs in MiB where that is its argument."""

    options: str
    script: str
    usual: int = 60
    # More than its kind ever needed, and less than it asks for; 0: its need is always the same.
    surprise: int = 0
    how: str = "file"
    right: str = ENDS_WELL
    # Whoever submitted it submits again what fails.
    is_managed: bool = False


FORMS = {
    "plain": Form("--mem=1500 -c2", "fill $1 && mark", surprise=900),
    "strict": Form("--mem=1500", "set -euo pipefail\nfill $1\nmark", surprise=800),
    "two-steps": Form("--mem=1200 -c2", "srun -n1 --mem=400M -c1 fill 60 && srun -n1 --mem=900M fill 80 && mark"),
    "steps-beside": Form(
        "--mem=1200 -n2",
        "srun -n1 --mem=500M --exact fill 50 & one=$!\nsrun -n1 --mem=500M --exact fill 60 & two=$!\nwait $one && wait $two && mark",
    ),
    "step-cpus": Form("--mem=600 -c4", "srun -n1 -c4 fill 40 && mark"),
    "tasks": Form("--mem-per-cpu=300 -n4", "srun fill 50 && mark"),
    "per-cpu": Form("--mem-per-cpu=300 -c4", "fill $1 && mark", surprise=800),
    "share-of-memory": Form("--mem=500", "fill $((SLURM_MEM_PER_NODE * 3 / 4)) && mark"),
    "limited": Form("--mem=700", "ulimit -v $((SLURM_MEM_PER_NODE * 1024))\nfill 400 && mark"),
    "self-check": Form("--mem=1000", "check 700 || exit 1\nfill $1 && mark"),
    "killed-step": Form("--mem=1500", 'srun -n1 fill $1 && mark\necho "went on"', surprise=900),
    "killed-child": Form("--mem=1500", "( fill $1 && mark ) &\nwait\nexit 0", surprise=900),
    "killed-in-pipe": Form("--mem=1500", "fill $1 | cat\n[ ${PIPESTATUS[0]} -eq 0 ] && mark\nexit 0", surprise=900),
    "tries-thrice": Form("--mem=1500", "for try in 1 2 3; do srun -n1 fill $1 && { mark; break; }; done\nexit 0", surprise=900),
    "sort": Form("--mem=800", "seq 2000000 | sort -S 400M -r | tail -1 && fill $1 && mark"),
    "heap": Form("--mem=800", "engine -Xmx400m -jar caller.jar && mark"),
    "named-memory": Form("--mem=700", "assemble --max-mem 450M reads.fq && mark"),
    "shared-memory": Form(
        "--mem=1500 -t2",
        "held=/dev/shm/$SLURM_JOB_ID\ntrap 'rm -f $held' EXIT\ndd if=/dev/zero of=$held bs=1M count=$1 2>/dev/null && sleep 2 && mark",
        surprise=700,
    ),
    "page-cache": Form(
        "--mem=900",
        "held=$(mktemp /var/tmp/XXXXXX)\ndd if=/dev/zero of=$held bs=1M count=200 2>/dev/null && cat $held >/dev/null && fill $1 && mark\nrm -f $held",
    ),
    "workers": Form("--mem=1200 -c4", "workers 60 && mark"),
    "here-document": Form(
        "--mem=1500",
        "/usr/bin/python3 - $1 <<'E' && mark\nimport sys, time\nheld = b'x' * (int(sys.argv[1]) << 20)\ntime.sleep(2)\nE",
        surprise=900,
    ),
    "array": Form("--mem=1500 --array=0-1", "fill $(($1 + SLURM_ARRAY_TASK_ID)) && mark", surprise=900),
    "wrap": Form("--mem=1500", "fill {} && mark", surprise=900, how="wrap"),
    "stdin": Form("--mem=1500", "fill {} && mark", surprise=900, how="stdin"),
    "snakemake": Form("--mem=1500 --comment=rule_align_wildcards_S1", "# properties = {}\nfill $1 && mark", surprise=900),
    "nextflow": Form(
        "--mem=1500 --no-requeue",
        "# NEXTFLOW TASK: ALIGN (S1)\nNXF_TASK_WORKDIR=$PWD\nset -e\nfill $1\nmark",
        surprise=900,
        is_managed=True,
    ),
    "make": Form(
        "--mem=1500 -c2",
        "folder=$(mktemp -d /var/tmp/XXXXXX)\nprintf 'all: a b\\na:\\n\\tfill %s\\nb:\\n\\tfill 20\\n' $1 >$folder/Makefile\nmake -s -j2 -C $folder && mark\nrm -r $folder",
        surprise=900,
    ),
    "not-requeued": Form("--mem=1500 --no-requeue", "fill $1 && mark", surprise=900),
    "dependent": Form("--mem=1500", "fill $1 && mark", how="after"),
    "own-failure": Form("--mem=1500", "fill $1\nexit 3", right=FAILS),
}
