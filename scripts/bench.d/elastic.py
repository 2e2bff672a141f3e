"""Jobs that outgrow what they were given as fast as they can, on nodes with memory to lend: how many go on to their end;
what it costs a job that only reads, in pairs, and the sampler beside a job that is always near its limit."""

import json
import statistics
import subprocess
import time

from place import FOLDER, Bench, cpu_s, only

ASKED_MIB, POOL_MIB = 4000, 5000
CONFIG = f"""trust.stages = []
breaker.enabled = false
[modes]
default = "apply"
[elastic]
pool_mib = {POOL_MIB}
"""
SIZES_MIB, THREADS = (400, 1000, 2000), (1, 8, 64)

# Touches so many MiB with so many threads, each page once, and says how many milliseconds that took.
FILL = """#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
static size_t each;
static void *fill(void *nothing)
{
	char *part = mmap(NULL, each, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t at = 0; part != MAP_FAILED && at < each; at += 4096)
		part[at] = 1;
	return part == MAP_FAILED ? NULL : part + (nothing != NULL);
}
static double ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}
int main(int count, char **arguments)
{
	pthread_t threads[64];
	int all = atoi(arguments[2]);
	double began = ms();
	each = ((size_t)atoi(arguments[1]) << 20) / all;
	for (int n = 0; n < all; n++)
		pthread_create(&threads[n], NULL, fill, NULL);
	for (int n = 0; n < all; n++)
		pthread_join(threads[n], NULL);
	printf("%.0f\\n", ms() - began);
	usleep(count > 3 ? atoi(arguments[3]) * 1000000 : 300000);
	return 0;
}
"""
FILLS = "#!/bin/bash\n{0}/fill $1 $2 $3 >{0}/took.$SLURM_JOB_ID && touch {0}/done.$SLURM_JOB_ID\n"
READS = """#!/bin/bash
{0}/fill $1 1 0 >/dev/null
[ $2 = 0 ] && exit 0
t=$(date +%s%N)
for n in $(seq $2); do dd if={0}/large of=/dev/null bs=1M status=none; done
echo $((($(date +%s%N) - t) / 1000000)) >{0}/took.$SLURM_JOB_ID
"""


class Elastic(Bench):
    def __init__(self, cluster):
        super().__init__(cluster)
        (FOLDER / "fill.c").write_text(FILL)
        subprocess.run(["gcc", "-O2", "-pthread", "-o", FOLDER / "fill", FOLDER / "fill.c"], check=True)

    def submit(self, script, *arguments, given=None, wait=True):
        """A job; with `given` one that has so many MiB from the start, and that nothing is lent to."""
        memory = [f"--mem={given or ASKED_MIB}", *(["--shadowfit=off"] if given else [])]
        words = ["sbatch", "--parsable", "-o", "/dev/null", *memory, "-c1", script, *map(str, arguments)]
        job = self.inside(*words, user="alice").strip()
        # sbatch --wait looks ever more rarely. One that its node has put back waits, and is not given more here.
        while wait and (state := self.inside("squeue", "-h", "-o", "%T %r", "-j", job).strip()):
            if "BeginTime" in state:
                self.inside("scancel", job)
            time.sleep(0.1)
        return job

    def record(self, job):
        # Some releases show all jobs, whichever is asked for.
        jobs = json.loads(self.inside("squeue", "--json", "--states=all", "-j", job))["jobs"]
        return json.loads(next(one for one in jobs if str(one["job_id"]) == job)["admin_comment"])

    def given(self, script):
        """MiB that a job of this script is given now; None where it keeps its request."""
        job = self.submit(script, 20, 1)
        return self.record(job).get("memory", {}).get("set")

    def learn(self, script, *arguments):
        for _ in range(4):
            self.submit(script, *arguments)
        # Accounting lags.
        for _ in range(20):
            time.sleep(3)
            self.inside("shadowfitd", "--once", user="slurm")
            if self.given(script):
                return
        shown = self.inside("shadowfit", "explain", self.submit(script, 20, 1))
        raise SystemExit(f"bench: {script} is not sized: {shown}")


def fast(bench, rounds):
    script = bench.script("fills.sh", FILLS.format(FOLDER))
    bench.learn(script, 20, 1)
    print(f"{'MiB':>5} {'threads':>7} {'went on':>9} {'grown':>6} {'GiB/s':>6}   (of jobs given {bench.given(script)} MiB)")
    lost = 0
    for mib in SIZES_MIB:
        for threads in THREADS:
            jobs = [bench.submit(script, mib, threads) for _ in range(rounds)]
            done = [job for job in jobs if (FOLDER / f"done.{job}").exists()]
            grown = [len(bench.record(job).get("profile", {}).get("growths", {}).get("grown", [])) for job in jobs]
            took = [float((FOLDER / f"took.{job}").read_text() or "nan") for job in done]
            speed = mib / 1024 / (statistics.median(took) / 1000) if took else float("nan")
            print(f"{mib:5} {threads:7} {len(done):4} of {len(jobs)} {statistics.mean(grown):6.1f} {speed:6.2f}", flush=True)
            lost += len(jobs) - len(done)
    return lost


def reading(bench, rounds):
    with open(FOLDER / "large", "wb") as file:
        for _ in range(1500):
            file.write(bytes(1 << 20))
    script = bench.script("reads.sh", READS.format(FOLDER))
    bench.learn(script, 180, 0)
    given = bench.given(script)
    times = {None: [], given: []}
    for number in range(rounds):
        for kind in list(times)[:: 1 if number % 2 else -1]:
            # What somebody else has in the page cache is charged to nobody who reads it.
            subprocess.run(["dd", f"if={FOLDER}/large", "iflag=nocache", "count=0", "status=none"], check=True)
            job = bench.submit(script, 20, 4, given=kind)
            times[kind].append(int((FOLDER / f"took.{job}").read_text()))
            profile = bench.record(job)["profile"]
            assert profile["charged_mib"] > 0.9 * given and "growths" not in profile, profile
    ratios = [with_it / without for with_it, without in zip(*times.values(), strict=True)]
    print(f"reading 6 GB through {given} MiB: {statistics.median(ratios):.3f} ({min(ratios):.2f}..{max(ratios):.2f}) of the time without")


def near(bench):
    """CPU time of the sampler beside a job that holds nearly all that it was given."""
    script = bench.script("near.sh", FILLS.format(FOLDER))
    bench.learn(script, 20, 1)
    given = bench.given(script)
    shares = []
    for kind in (None, given):
        job = bench.submit(script, given - 32, 1, 30, given=kind, wait=False)
        time.sleep(8)
        sampler = only(f"shadowfit-sampler job --job {job} ")
        before = cpu_s(sampler)
        time.sleep(15)
        shares.append((cpu_s(sampler) - before) / 15 * 100)
        bench.inside("scancel", job)
    print(f"sampler beside a job near its limit: {shares[0]:.2f} % of a core, {shares[1]:.2f} % where it lends nothing")


def run(cluster, rounds, only):
    bench = Elastic(cluster)
    lost = fast(bench, rounds) if "fast" in only else 0
    if "reading" in only:
        reading(bench, rounds)
    if "near" in only:
        near(bench)
    return lost
