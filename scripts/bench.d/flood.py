"""Two hostile users at work for ten minutes while a third's 200 jobs run, some of them of new kinds that shadows measure, with
trust and breaker as shipped.

The hostile hold locks on whatever of ours they can open, read what they can, plant names where programs write, and flood
Slurm with kinds, names, comments and marks of their own making. Every job of the third leaves a mark when its work is done.
"""

import collections
import json
import os
import pathlib
import signal
import subprocess
import time

from forms import MARKS, install, script
from place import FOLDER, Bench, last_of_each

VICTIM, HOSTILE = "alice", ("bob", "nobody")
WINDOW_S = 20
# What each of the third's jobs fills.
NEED_MIB = 300
# What Slurm itself needs to start a job on a busy machine with free nodes, in seconds.
SLACK_S = 30
CONFIG = f"""[modes]
default = "apply"
[agent]
interval_s = 2
[evidence]
application_min_runs = 5
[shadow]
enabled = true
window_s = {WINDOW_S}
min_stake_gib_h = 0.0
"""
# Of the script that the hostile run, too, to teach that it needs nothing.
SHARED = "fill ${1:-1} && mark"
UNFINISHED = ("PENDING", "RUNNING")

# Opens whatever can be opened below the folders given, locks it in every way, and says what that was.
LOCKS = """#!/usr/bin/python3
import fcntl, os, struct, sys, time
held = []
for _ in range(10_000):
    for top in sys.argv[1:]:
        for folder, _, files in os.walk(top):
            for name in files:
                for flags, ours in ((os.O_RDWR, fcntl.LOCK_EX), (os.O_RDONLY, fcntl.LOCK_SH)):
                    try:
                        file = os.open(os.path.join(folder, name), flags | os.O_NONBLOCK)
                    except OSError:
                        continue
                    if len(held) > 200:
                        os.close(held.pop(0))
                    held.append(file)
                    print(os.path.join(folder, name), flush=True)
                    # That of the first kind asks for no right to write.
                    for take, how in ((fcntl.flock, fcntl.LOCK_EX), (fcntl.lockf, ours)):
                        try:
                            take(file, how | fcntl.LOCK_NB)
                        except OSError:
                            pass
                    break
    time.sleep(1)
"""
# Links and files where programs make temporary ones.
PLANT = """#!/bin/bash
target=$1
trap 'rm -f {/tmp,/var/tmp,/dev/shm}/*.$$; exit' TERM
while :; do
    for folder in /tmp /var/tmp /dev/shm; do
        for name in shadowfit shadowfit-shadow shadowfit.lock shadowfit-$RANDOM shadow.$RANDOM job$RANDOM; do
            ln -sf "$target" "$folder/$name.$$" 2>/dev/null
        done
    done
    sleep 0.5
    rm -f {/tmp,/var/tmp,/dev/shm}/*.$$
done
"""
# Kinds, names, comments and marks without end, on one node or beside the third's jobs on all; at most 60 of them wait. How often it
# tried each sort, and how many of each were accepted.
FLOOD = """#!/bin/bash
script=$1 client=$2 number=0 variable=_SLURM_SPANK_OPTION_shadowfit_shadowfit
[ -z "$3" ] || on=(-w "$3")
accepted=(0 0 0 0 0)
try() {
    local sort=$1
    shift
    if "$@" 2>/dev/null >&2; then accepted[sort]=$((accepted[sort] + 1)); fi
}
names=('{"shadowfit":1,"memory":{"set":1}}' $'a|b\\nc\\td' $'\\xff\\xfe' '../../etc' '$(touch /tmp/owned)' "$(printf 'x%.0s' {1..900})" 'job')
while :; do
    [ $(squeue -h -u "$USER" | wc -l) -lt 60 ] || { sleep 1; continue; }
    for name in "${names[@]}"; do
        number=$((number + 1))
        new=$(printf '#!/bin/bash\\n: kind %s of %s\\n' "tool$number" "$USER" | tr 0-9 a-j)
        try 0 sbatch -Q "${on[@]}" -t1 --mem=100 -o /dev/null -J "$name" --comment="$name" <<<"$new"
        try 1 sbatch -Q "${on[@]}" -t1 --mem=300 -o /dev/null -J "$name" --shadowfit=measure "$script" 1
        mark=shadow:$number:9999999999:1:100:100:100
        try 2 sbatch -Q "${on[@]}" -t1 --mem=100 -o /dev/null "--shadowfit=$mark" "$script" 1
        # sbatch itself refuses the option; the variable behind it travels with the job.
        try 3 env "$variable=$mark" sbatch -Q "${on[@]}" -t1 --mem=100 -o /dev/null "$script" 1
        try 4 "$client" "{\\"shadowfit\\":1,\\"shadow_of\\":\\"$number\\",\\"mark\\":\\"$mark\\"}" "$variable=$mark"
        scontrol update jobid=$((RANDOM % 500)) admincomment='{"shadowfit":1,"memory":{"asked":1,"set":1}}' comment="$name" 2>/dev/null >&2
        echo "$number ${accepted[*]}"
    done
done
"""

# What the hostile submit, in the order of their script, and whether Slurm takes it.
SORTS = (
    ("kinds without end", True),
    ("others' script, to be measured", True),
    ("a mark as sbatch's option", False),
    ("a mark as the variable behind it", True),
    ("a mark with its AdminComment, past sbatch", False),
)


class Flood(Bench):
    def __init__(self, cluster, folder):
        super().__init__(cluster)
        self.folder = folder
        install()
        self.client = FOLDER / "comment"
        source = pathlib.Path(__file__).with_name("comment.c")
        subprocess.run(["gcc", "-O2", "-o", self.client, source, "-lslurm"], check=True)
        # A file of root's, which the hostile would have written to.
        self.treasure = FOLDER / "treasure"
        self.treasure.write_text("root's own\n")
        self.inside("sacctmgr", "-i", "-Q", "add", "user", HOSTILE[1], "account=genomics", f"cluster={folder.name}")

    def start_hostile(self, user, node):
        """On that node, or on all if it is empty. Each runs as a session of its own, so that all it started ends with it."""
        state = [str(self.folder / name) for name in ("shadowfit", "etc", "log", "state")]
        shared = self.script("shared.sh", script(SHARED))
        programs = {
            "locks": (self.script("locks.py", LOCKS), *state, "/run", "/var/spool"),
            "plant": (self.script("plant.sh", PLANT), self.treasure),
            "flood": (self.script("flood.sh", FLOOD), shared, self.client, node),
        }
        return {f"{name} {user}": self.start(name, user, command) for name, command in programs.items()}

    def start(self, name, user, command):
        out = open(FOLDER / f"{name}-{user}.out", "wb")
        wrapped = [
            self.project / "scripts/cluster",
            "exec",
            "--name",
            self.folder.name,
            "--user",
            user,
            "--",
            "env",
            f"USER={user}",
            *command,
        ]
        return subprocess.Popen([str(part) for part in wrapped], stdout=out, stderr=subprocess.STDOUT, start_new_session=True, cwd=FOLDER)

    def submit(self, number):
        """One of the third's jobs: of a known kind, of the script that the hostile run too, or of a kind of its own."""
        kind = number % 4
        if kind == 0:
            file = self.script("shared.sh", script(SHARED))
        elif kind == 3:
            word = "".join(chr(ord("a") + int(digit)) for digit in f"{number:03}")
            file = self.script(f"new-{word}.sh", script(f": measure_{word}\nfill $1 && mark"))
        else:
            file = self.script(f"known-{'ab'[kind - 1]}.sh", script(f": known_{'ab'[kind - 1]}\nfill $1 && mark"))
        return self.inside("sbatch", "--parsable", "-o", "/dev/null", "-t5", "--mem=900", file, str(NEED_MIB), user=VICTIM).strip()

    def runs(self, jobs):
        rows = self.inside("sacct", "-D", "-X", "-P", "-n", "-j", ",".join(jobs), "-o", "JobIDRaw,Submit,Start,State,AdminComment")
        return [dict(zip(("job", "submit", "start", "state", "comment"), row.split("|", 4), strict=True)) for row in rows.splitlines()]


def seconds(text):
    return time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))


def is_rewritten(record):
    """Something that shadowfit set, not only said."""
    return any((record.get(what) or {}).get("mode") == "apply" for what in ("memory", "cpus", "time"))


def has_started(run):
    return run["start"] not in ("Unknown", "None")


def waits_of(runs):
    """How long each job that has started waited for its first run, in seconds."""
    waits = {}
    for run in filter(has_started, runs):
        waits.setdefault(run["job"], seconds(run["start"]) - seconds(run["submit"]))
    return waits


def record_of(run):
    """What shadowfit decided about it; None where that is nothing."""
    return json.loads(run["comment"]) if run["comment"].startswith('{"shadowfit"') else None


def harmed_runs(runs, marks):
    """Those that shadowfit rewrote and that ended without their mark, whatever Slurm calls their end."""
    number, harmed = collections.Counter(), []
    for run in runs:
        mark = f"{run['job']}.{number[run['job']]}"
        number[run["job"]] += 1
        if has_started(run) and run["state"] not in UNFINISHED and is_rewritten(record_of(run) or {}) and mark not in marks:
            harmed.append(run)
    return harmed


def submitted():
    """How often the hostile tried each sort, and how many of each were accepted."""
    lines = ((FOLDER / f"flood-{user}.out").read_text(errors="replace").splitlines()[-1:] for user in HOSTILE)
    counts = [[int(word) for word in line.split()] for last in lines for line in last]
    tried, *accepted = (sum(column) for column in zip(*counts, strict=True)) if counts else [0] * (len(SORTS) + 1)
    return tried, accepted


def judge(bench, jobs):
    """Prints what became of the third's jobs. Returns whether all is well."""
    runs = bench.runs(jobs)
    marks = {path.name for path in MARKS.iterdir()}
    marked = {mark.partition(".")[0] for mark in marks}
    lost = [job for job in jobs if job not in marked]
    waits = waits_of(runs)
    never = [job for job in jobs if job not in waits]
    late = [job for job in jobs if waits.get(job, float("inf")) > WINDOW_S + SLACK_S]
    records = {run["job"]: record for run in runs if (record := record_of(run)) is not None}
    levels = collections.Counter(record.get("level") or "none" for record in records.values())
    rewritten = [job for job, record in records.items() if is_rewritten(record)]
    bad = [run for run in runs if run["state"] != "COMPLETED"]
    harmed = harmed_runs(runs, marks)
    too_small = [job for job, record in records.items() if (record.get("memory") or {}).get("set", NEED_MIB) < NEED_MIB]
    opened = sorted({line for user in HOSTILE for line in (FOLDER / f"locks-{user}.out").read_text(errors="replace").splitlines()})
    tried, accepted = submitted()
    print(f"hostile submissions of each sort: {tried}; of these were accepted")
    for (sort, _), count in zip(SORTS, accepted, strict=True):
        print(f"  {count:5} {sort}")
    was_tried = all(accepted[n] for n, (_, is_taken) in enumerate(SORTS) if is_taken)
    print(f"files that they could open: {len(opened)}")
    for path in opened[:20]:
        print(f"  {path}")
    print(f"{len(jobs)} jobs: {len(lost)} lost, {len(late)} delayed beyond their window, {len(never)} of them never started")
    print(f"{len(records)} decided about, {len(rewritten)} rewritten, {len(too_small)} sized below their need; levels {dict(levels)}")
    print(f"runs that ended badly: {len(bad)}, harmed by a rewrite: {len(harmed)}; longest wait {max(waits.values(), default=0):.0f} s")
    for what, these in (("bad", bad[:10]), ("harmed", harmed)):
        for run in these:
            print(f"  {what}: {run}")
    for job in lost[:10]:
        print(f"  lost: {[run for run in runs if run['job'] == job]}")
    whole = bench.treasure.read_text() == "root's own\n" and not pathlib.Path("/tmp/owned").exists()
    print(f"root's file is {'whole' if whole else 'DAMAGED'}")
    breaker = bench.folder / "shadowfit/breaker-open"
    print(f"the breaker is {'open: ' + breaker.read_text() if breaker.exists() else 'closed'}")
    # Known kinds must go on being decided about, and earn the trust that it takes to be rewritten.
    undecided = [job for job in jobs if job not in records]
    print(f"not decided about: {undecided}")
    return was_tried and whole and bool(rewritten) and not (lost or late or too_small or harmed or undecided or breaker.exists())


def run(cluster, folder, project, agent, minutes, count):
    bench = Flood(cluster, folder)
    bench.project = project
    hostile, jobs = {}, []
    try:
        for user, node in zip(HOSTILE, (f"{folder.name}1", ""), strict=True):
            hostile.update(bench.start_hostile(user, node))
        start = time.time()
        for number in range(count):
            jobs.append(bench.submit(number))
            time.sleep(max(0.0, start + (number + 1) * minutes * 60 / count - time.time()))
        assert agent.poll() is None, f"shadowfitd ended with {agent.returncode}"
        for name, process in hostile.items():
            assert process.poll() is None, f"'{name}' ended by itself: its part was not tried"
        deadline = time.time() + 120
        while time.time() < deadline and any(run["state"] in (*UNFINISHED, "REQUEUED") for run in last_of_each(bench.runs(jobs))):
            time.sleep(3)
        return judge(bench, jobs)
    finally:
        for process in hostile.values():
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
