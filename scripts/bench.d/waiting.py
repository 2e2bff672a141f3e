"""What the agent costs while many jobs wait, and how soon it acts: agents in turn, and none, on the same queue."""

import itertools
import math
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
TICK = os.sysconf("SC_CLK_TCK")
A_SECOND = 20
KNOWN = "#!/bin/bash\npython3 -c 'import sys, time; held = bytearray(int(sys.argv[1]) << 20); time.sleep(2.5)' $1\n"
# A kind that nobody has run: it uses a module of Python's that no other one does.
NEW = "#!/bin/bash\npython3 -c 'import time, {}; held = bytearray(40 << 20); time.sleep(5)'\n"
MODULES = "ast bdb bz2 calendar cmd code colorsys copy csv dis glob gzip heapq html imghdr json lzma netrc numbers pdb plistlib shelve wave".split()
OTHERS = "abc array base64 binascii bisect chunk cmath codecs contextlib copyreg datetime decimal difflib enum errno fileinput fractions getpass".split()


def stat(pid):
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return text[text.rindex(")") + 2 :].split()


def cpu(pid, children):
    """Seconds of CPU time, with what its children that have ended took."""
    return sum(int(field) for field in stat(pid)[11 : 15 if children else 13]) / TICK


def family(pid):
    """A process and all below it."""
    tree, all_of_them = {}, [pid]
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                tree.setdefault(int(stat(entry.name)[1]), []).append(int(entry.name))
            except OSError:
                pass
    for one in all_of_them:
        all_of_them.extend(tree.get(one, []))
    return all_of_them


def resident_mib(pids):
    """Proportional, so that what processes share counts once."""
    kib = 0
    for pid in pids:
        try:
            lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            kib += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except OSError:
            pass
    return kib / 1024


class Bench:
    def __init__(self, cluster, folder, programs, seconds, rounds):
        self.cluster, self.dir, self.programs = cluster, folder, programs
        self.seconds, self.rounds = seconds, rounds
        self.scratch = folder / "scratch"
        self.scratch.mkdir(mode=0o755)
        self.known = self.script("known.sh", KNOWN)
        # Each is used once: a run that needs more has all of its kind that wait decided again, and is known then.
        self.new, self.others = itertools.combinations(MODULES, 2), itertools.combinations(OTHERS, 2)
        self.dying = []
        self.submit = self.scratch / "submit"
        warnings = ["-Wall", "-Wextra", "-Werror"]
        subprocess.run(["gcc", "-O2", *warnings, "-o", self.submit, HERE / "submit.c", "-lslurm"], check=True)
        self.missing = []

    def script(self, name, text):
        path = self.scratch / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def inside(self, *command, user="root"):
        return self.cluster("exec", "--user", user, "--", *[str(part) for part in command], cwd="/var/tmp")

    def sbatch(self, script, *words, options=()):
        return int(self.inside("sbatch", "--parsable", "--output=/dev/null", "--mem=4000", *options, script, *words, user="alice"))

    def controller(self):
        return int((self.dir / "run/slurmctld.process").read_text().split()[0])

    def dying_kinds(self):
        """As many as will die while one queue waits."""
        for _ in range(self.rounds * len(self.programs)):
            one, other = next(self.others)
            self.dying.append(self.script(f"dying-{one}-{other}.sh", KNOWN.replace("time", f"time, {one}, {other}", 1)))
        return self.dying

    def learn(self, scripts):
        jobs = [self.sbatch(script, size) for script in scripts for size in (100, 110, 120, 130)]
        # They have waited in vain for a shadow, and their nodes have told what they did by then.
        if not self.until(lambda: all(self.field(job, "state") == "COMPLETED" for job in jobs), 150 + 10 * len(scripts)):
            raise SystemExit("bench: the first jobs do not end")
        time.sleep(20)
        self.inside("shadowfitd", "--once")

    def field(self, job, name):
        return self.inside("squeue", "-h", "--states=all", "-j", job, "-O", f"{name}:|").strip().rstrip("|")

    def until(self, holds, seconds):
        end = time.time() + seconds
        while not holds():
            if time.time() > end:
                return False
            time.sleep(0.1)
        return True

    def fill(self, jobs, array):
        words = (jobs // 1000, self.known, 4000, 0, "1-1000") if array else (jobs, self.known, 4000, 0)
        self.inside(self.submit, *words, user="alice")

    def start(self, program):
        """An agent and the thread that watches how much memory it and its children have."""
        log = open(self.dir / "log/shadowfitd.log", "w")
        script = self.script("agent.sh", f'#!/bin/sh\necho $$ >"{self.scratch}/agent.pid"\nexec "{program}"\n')
        command = [HERE.parent / "cluster", "exec", "--name", self.dir.name, "--", script]
        agent = subprocess.Popen([str(word) for word in command], stderr=log, stdout=log, cwd="/var/tmp")
        self.until(lambda: (self.scratch / "agent.pid").exists(), 10)
        agent.own = int((self.scratch / "agent.pid").read_text())
        agent.peak, agent.watched = 0, True

        def watch():
            while agent.watched:
                agent.peak = max(agent.peak, resident_mib(family(agent.own)))
                time.sleep(0.05)

        agent.thread = threading.Thread(target=watch)
        agent.thread.start()
        return agent

    def stop(self, agent):
        agent.watched = False
        agent.thread.join()
        os.kill(agent.own, signal.SIGTERM)
        agent.wait()
        (self.scratch / "agent.pid").unlink()

    def stream(self, seconds):
        """Submissions, so many a second, beside whatever is measured."""
        command = [HERE.parent / "cluster", "exec", "--name", self.dir.name, "--user", "alice", "--"]
        command += [self.submit, int(seconds * A_SECOND), self.known, 4000, A_SECOND]
        return subprocess.Popen([str(word) for word in command], cwd="/var/tmp")

    def window(self, agent):
        """Cores that slurmctld and the agent with its children take."""
        stream = self.stream(self.seconds)
        time.sleep(1)
        pid, began = self.controller(), time.time()
        before = cpu(pid, False), cpu(agent.own, True) if agent else 0
        time.sleep(self.seconds - 2)
        took = time.time() - began
        after = cpu(pid, False), cpu(agent.own, True) if agent else 0
        stream.terminate()
        stream.wait()
        return (after[0] - before[0]) / took, (after[1] - before[1]) / took

    def folder(self, job):
        return self.dir / f"state/hash.{job % 10}/job.{job}"

    def shadow_delay(self):
        """Seconds from a job's folder to that of its shadow, which slurmctld makes."""
        one, other = next(self.new)
        job = self.sbatch(self.script(f"{one}-{other}.sh", NEW.format(f"{one}, {other}")))
        log = self.dir / "log/shadowfitd.log"
        shadow = None

        def submitted():
            nonlocal shadow
            lines = [line for line in log.read_text().splitlines() if "shadow submitted" in line and f'job="{job}"' in line]
            shadow = int(lines[0].split("shadow=")[1].split()[0]) if lines else None
            return shadow

        if not self.until(submitted, 90):
            return float("inf")
        return self.folder(shadow).stat().st_ctime - self.folder(job).stat().st_ctime

    def rescue_delay(self):
        """Seconds from the end of a job that died of its rewrite to its requeue, as squeue shows both."""
        job = self.sbatch(self.dying.pop(), 700)
        ended = ("OUT_OF_MEMORY", "COMPLETING")
        state = lambda: self.inside("squeue", "-h", "--states=all", "-j", job, "-O", "state:|,restartcnt:|").split("|")  # noqa: E731
        if not self.until(lambda: state()[0] in ended or state()[1] != "0", 60):
            print(f"bench: job {job} does not die: {self.inside('shadowfit', 'explain', job)}", file=sys.stderr)
            return float("nan")
        began = time.time()
        return time.time() - began if self.until(lambda: state()[1] != "0", 120) else float("inf")

    def measure(self, jobs, array):
        self.learn(self.dying_kinds())
        self.fill(jobs, array)
        figures = {name: {"slurmctld": [], "agent": [], "peak": 0, "shadow": [], "rescue": []} for name in self.programs}
        without = []
        names = list(self.programs)
        for number in range(self.rounds):
            without.append(self.window(None)[0])
            for name in names[number % len(names) :] + names[: number % len(names)]:
                agent = self.start(self.programs[name])
                try:
                    # Its start is not its steady state.
                    time.sleep(10)
                    slurmctld, own = self.window(agent)
                    mine = figures[name]
                    mine["slurmctld"].append(slurmctld / without[-1])
                    mine["agent"].append(own)
                    stream = self.stream(600)
                    mine["shadow"].append(self.shadow_delay())
                    mine["rescue"].append(self.rescue_delay())
                    stream.terminate()
                    stream.wait()
                finally:
                    self.stop(agent)
                mine["peak"] = max(mine["peak"], agent.peak)
        for name, mine in figures.items():
            for what in ("shadow", "rescue"):
                if not all(math.isfinite(seconds) for seconds in mine[what]):
                    self.missing.append(f"{what} with {jobs} jobs, {name}")
            ratios = mine["slurmctld"]
            print(
                f"{jobs:>7} {'arrays' if array else 'single':>7} {name:>7} {statistics.median(mine['agent']) * 100:8.1f} "
                f"{mine['peak']:9.0f} {statistics.median(ratios):7.2f} {min(ratios):.2f}..{max(ratios):.2f} "
                f"{statistics.median(without) * 100:8.1f} {statistics.median(mine['shadow']):8.2f} {statistics.median(mine['rescue']):8.1f}",
                flush=True,
            )
        self.inside("scancel", "--user", "alice")
        self.until(lambda: not self.inside("squeue", "-h").strip(), 300)


def run(cluster, folder, programs, sizes, seconds, rounds):
    bench = Bench(cluster, folder, programs, seconds, rounds)
    bench.learn([bench.known])
    print(f"while jobs wait, and {A_SECOND} more a second come; CPU time in % of a core, MiB (proportional) at most, seconds")
    print(
        f"{'jobs':>7} {'form':>7} {'agent':>7} {'agent %':>8} {'MiB':>9} {'ctld x':>7} {'min..max':>10} {'ctld %':>8} {'shadow s':>8} {'rescue s':>8}"
    )
    for jobs, array in sizes:
        bench.measure(jobs, array)
    if bench.missing:
        raise SystemExit(f"bench: never seen: {'; '.join(bench.missing)}")
