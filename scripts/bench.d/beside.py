"""What shadows cost others: live jobs beside a full load of shadows, and the sampler itself."""

import os
import pathlib
import statistics
import time

from place import FOLDER, Bench, cpu_s, only, resident_mib

# A fixed amount of work for every real CPU, timed by itself: no queue, no start of a job counts.
LIVE = """#!/bin/bash
/usr/bin/python3 - "$1" "$2" <<'PYTHON'
import multiprocessing, sys, time
def work(_):
    total = 0
    for n in range(30_000_000):
        total += n * n % 7
    return total
start = time.monotonic()
with multiprocessing.Pool(int(sys.argv[1])) as pool:
    pool.map(work, range(int(sys.argv[1])))
open(sys.argv[2], "w").write(str(time.monotonic() - start))
PYTHON
"""
# As greedy as a shadow can be: CPUs, memory and files.
GREEDY = """#!/bin/bash
for n in 1 2 3 4; do while :; do :; done & done
/usr/bin/python3 -c 'held = bytearray(300 << 20)
while True: held[::4096] = bytes(len(held[::4096]))' &
while :; do dd if=/dev/zero of=/tmp/load bs=1M count=100 2>/dev/null; done
"""
# As in c_shim/shadow_contract.h.
STUB = "#!/bin/sh\nexit 64 # only a sandbox of shadowfit runs what follows\n"
MANY = """#!/bin/bash
for n in $(seq 60); do while :; do sleep 0.2; read -t 0.01 </dev/zero; done & done
wait
"""


class Shadows(Bench):
    def start_shadow(self, script, seconds):
        """A shadow of nobody's job, as shadowfitd submits it."""
        stub = self.script(f"shadow-{script.name}", STUB + script.read_text())
        until = int(time.time()) + seconds
        mark = f"shadow:0:{until}:4:300:1024:100"
        return self.inside(
            "sbatch",
            "--parsable",
            "-o",
            "/dev/null",
            "--mem=1000",
            "-t",
            "5",
            "--no-requeue",
            "--uid=alice",
            "--gid=alice",
            f"--shadowfit={mark}",
            stub,
        ).strip()

    def cancel(self, jobs):
        for job in jobs:
            self.inside("scancel", job)
        while self.inside("squeue", "-h").strip():
            time.sleep(0.2)

    def live_seconds(self, script):
        answer = FOLDER / "seconds"
        answer.unlink(missing_ok=True)
        self.inside("sbatch", "--wait", "-o", "/dev/null", "--mem=500", "--shadowfit=off", script, str(os.cpu_count()), answer, user="bob")
        return float(answer.read_text())


def live_jobs(cluster, rounds, shadows):
    """Pairs of runs of the same live job: alone, and beside `shadows` greedy shadows."""
    bench = Shadows(cluster)
    live, greedy = bench.script("live.sh", LIVE), bench.script("greedy.sh", GREEDY)
    ratios = []
    bench.live_seconds(live)
    for number in range(rounds):
        alone = bench.live_seconds(live)
        jobs = [bench.start_shadow(greedy, 120) for _ in range(shadows)]
        time.sleep(4)
        running = len(bench.inside("squeue", "-h", "-t", "RUNNING").split("\n")) - 1
        beside = bench.live_seconds(live)
        bench.cancel(jobs)
        ratios.append(beside / alone)
        print(f"round {number + 1}: alone {alone:.2f} s, beside {running} shadows {beside:.2f} s, ratio {ratios[-1]:.3f}", flush=True)
    print(f"median ratio {statistics.median(ratios):.3f}, {min(ratios):.3f}..{max(ratios):.3f}")


def sampler(cluster, seconds=20):
    """CPU and memory of the sampler beside a shadow of more than 64 processes."""
    bench = Shadows(cluster)
    job = bench.start_shadow(bench.script("many.sh", MANY), seconds + 30)
    time.sleep(5)
    pid = only(f"shadowfit-sampler shadow --job {job} ")
    processes = len(pathlib.Path(f"/sys/fs/cgroup/memory/shadowfit_bench_{job}/cgroup.procs").read_text().split())
    before, start = cpu_s(pid), time.monotonic()
    time.sleep(seconds)
    share = (cpu_s(pid) - before) / (time.monotonic() - start)
    resident = resident_mib(pid)
    bench.cancel([job])
    print(f"sampler beside {processes} processes: {100 * share:.2f} % of one CPU, {resident:.1f} MiB resident")
