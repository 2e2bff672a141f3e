"""What the profile of a job costs: the sampler beside Slurm's own gatherers and a psutil loop, all watching
the same job at the same rate, and how much later jobs start and end."""

import statistics
import subprocess
import time

from place import FOLDER, Bench, cpu_s, only, resident_mib

SIZES = (1, 16, 256)
# The sampler looks ten times a second in the first minute of a job, once a second after it.
FAST_S, SLOW_S = (5, 50), (65, 125)

# Processes that each do a little, as a job's do.
MANY = """#!/bin/bash
for n in $(seq "$1"); do
    /usr/bin/python3 -c 'import time
while True:
    sum(range(2000)); time.sleep(0.5)' &
done
wait
"""

# What one writes who wants to watch a job with psutil.
PSUTIL = """
import psutil, sys, time
top = psutil.Process(int(sys.argv[1]))
while True:
    start = time.monotonic()
    for process in [top, *top.children(recursive=True)]:
        try:
            with process.oneshot():
                process.memory_info(), process.cpu_times(), process.io_counters(), process.num_threads(), process.num_ctx_switches()
        except psutil.Error:
            pass
    time.sleep(max(0, float(sys.argv[2]) - (time.monotonic() - start)))
"""

STAMP = "#!/bin/sh\ndate +%s%N >>{0}/$SLURM_JOB_ID.{1}\nchmod a+rw {0}/$SLURM_JOB_ID.{1}\n"
BRIEF = "#!/bin/bash\nt=$(date +%s%N)\nsleep 1\necho $t $(date +%s%N) >{0}/$SLURM_JOB_ID.script\n"


class Watched(Bench):
    def __init__(self, cluster, conf):
        super().__init__(cluster)
        self.conf = conf

    def submit(self, script, *arguments, wait=False):
        words = ["sbatch", "--parsable", "-o", "/dev/null", "--mem=3000", *(["--wait"] if wait else []), script, *map(str, arguments)]
        return self.inside(*words, user="alice").strip()

    def set(self, **settings):
        """Sets lines of slurm.conf and starts all daemons anew."""
        lines = [line for line in self.conf.read_text().splitlines() if line.split("=")[0] not in settings]
        self.conf.write_text("\n".join(lines + [f"{key}={value}" for key, value in settings.items()]) + "\n")
        services = ["slurmctld", *[f"bench{n + 1}" for n in range(int((self.conf.parent / "nodes").read_text()))]]
        for verb in ("stop", "start"):
            for service in services:
                self.cluster(verb, service)
        while "idle" not in self.inside("sinfo", "-h", "-o", "%T"):
            time.sleep(0.2)


def watchers(job):
    """The processes that watch a job, by name; the psutil loop is started here."""
    stepd = only(rf"slurmstepd: \[{job}.batch\]")
    script = subprocess.run(["pgrep", "-P", str(stepd)], capture_output=True, text=True, check=True).stdout.split()[0]
    psutil = subprocess.Popen(["/usr/bin/python3", FOLDER / "watch.py", script, "1"])
    return {"sampler": only(f"shadowfit-sampler job --job {job} "), "slurmstepd": stepd, "psutil": psutil.pid}, psutil


def cost(cluster, conf):
    """Shares of one CPU over the same stretch of time."""
    bench = Watched(cluster, conf)
    bench.script("watch.py", PSUTIL)
    script = bench.script("many.sh", MANY)
    print(
        f"{'gatherer':10} {'processes':>9} {'sampler 10 Hz':>13} {'at 1 Hz':>8} {'MiB':>5} {'slurmstepd':>10} {'psutil':>8} {'MiB':>5} {'sampler/psutil':>14}   (CPU: % of one core)"
    )
    for gatherer in ("none", "linux", "cgroup"):
        bench.set(JobAcctGatherType=f"jobacct_gather/{gatherer}", JobAcctGatherFrequency="task=1")
        for size in SIZES:
            job = bench.submit(script, size)
            time.sleep(FAST_S[0])
            pids, psutil = watchers(job)
            time.sleep(FAST_S[0])
            fast, _ = shares(pids, FAST_S[1] - 2 * FAST_S[0])
            time.sleep(SLOW_S[0] - FAST_S[1])
            slow, mib = shares(pids, SLOW_S[1] - SLOW_S[0])
            psutil.terminate()
            psutil.wait()
            bench.inside("scancel", job)
            print(
                f"{gatherer:10} {size:9} {fast['sampler']:13.3f} {slow['sampler']:8.3f} {mib['sampler']:5.1f} {slow['slurmstepd']:10.3f} "
                f"{slow['psutil']:8.3f} {mib['psutil']:5.1f} {slow['sampler'] / slow['psutil']:14.3f}",
                flush=True,
            )


def shares(pids, seconds):
    before, start = {name: cpu_s(pid) for name, pid in pids.items()}, time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - start
    return {name: 100 * (cpu_s(pid) - before[name]) / passed for name, pid in pids.items()}, {
        name: resident_mib(pid) for name, pid in pids.items()
    }


def delay(cluster, conf, rounds):
    """From Slurm's prolog to the script's first line, and from its last line to Slurm's epilog; pairs."""
    bench = Watched(cluster, conf)
    for stamp in FOLDER.glob("[0-9]*"):
        stamp.unlink()
    for when in ("prolog", "epilog"):
        bench.script(f"{when}.sh", STAMP.format(FOLDER, when))
    bench.set(Prolog=FOLDER / "prolog.sh", Epilog=FOLDER / "epilog.sh")
    script, plugstack = bench.script("brief.sh", BRIEF.format(FOLDER)), conf.parent / "plugstack.conf"
    line = plugstack.read_text().strip()
    figures = {True: [], False: []}
    for number in range(2 * rounds):
        profiled = number % 2 == 0
        plugstack.write_text(line + ("\n" if profiled else " profile=off\n"))
        job = bench.submit(script, wait=True)
        while not (FOLDER / f"{job}.epilog").exists():
            time.sleep(0.01)
        time.sleep(0.05)
        stamp = {name: list(map(int, (FOLDER / f"{job}.{name}").read_text().split())) for name in ("prolog", "script", "epilog")}
        figures[profiled].append(((stamp["script"][0] - stamp["prolog"][0]) / 1e6, (stamp["epilog"][0] - stamp["script"][1]) / 1e6))
    plugstack.write_text(line + "\n")
    for which, name in enumerate(("start", "end")):
        on, off = ([pair[which] for pair in figures[profiled]] for profiled in (True, False))
        later = statistics.median(a - b for a, b in zip(on, off, strict=True))
        print(
            f"a job's {name}: {statistics.median(off):.1f} ms without, {statistics.median(on):.1f} ms with the profile; median of the differences {later:.1f} ms"
        )


def run(cluster, conf, rounds):
    delay(cluster, conf, rounds)
    cost(cluster, conf)
