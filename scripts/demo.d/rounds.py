"""Two rounds of the same jobs on a private cluster: shadowfit observes the first and sizes the second. Then
a job of a new kind, measured by its shadow.

usage: rounds.py CLUSTER SCRATCH [--full]
"""

import json
import os
import pathlib
import subprocess
import sys
import time

import afterwards
import growing
import kinds
import licenses
import newkind

PROJECT = pathlib.Path(__file__).resolve().parents[2]
CLUSTER, SCRATCH = sys.argv[1], pathlib.Path(sys.argv[2])
PLAN = kinds.plan(full="--full" in sys.argv[3:])
CONFIG = pathlib.Path(f"/var/tmp/shadowfit/{CLUSTER}/etc/shadowfit.toml")
OUT = PROJECT / "target/demo"
RESULTS = SCRATCH / "written"

ROUND_TIMEOUT_S = 360


def inside(*command, user="root", **options):
    """Runs a command inside the cluster and returns what it prints."""
    wrapped = [PROJECT / "scripts/cluster", "exec", "--name", CLUSTER, "--user", user, "--", *command]
    done = subprocess.run(wrapped, check=True, capture_output=True, text=True, cwd=SCRATCH, **options)
    return done.stdout, done.stderr


def submit(kind, user, options, seed, size, more):
    script = SCRATCH / "jobs" / f"{kind}.sh"
    environment = {**os.environ, "STAGE_IN_SECONDS": str(PLAN.stage_in_s)}
    command = ["sbatch", "--parsable", "--output=/dev/null", "--time=20", *options.split(), script, str(seed), str(size), *more]
    number, said = inside(*command, user=user, env=environment)
    return number.strip(), said.strip()


def submit_all(title, outgrown):
    """Submits every kind's runs by turns, as several people would. Returns the job numbers, and the file that each
    of some jobs leaves once its work is done, those that have outgrown their history last."""
    jobs, lines, results = [], {}, {}
    for turn in range(max(len(runs) for *_, runs in PLAN.kinds)):
        for kind, user, options, runs in PLAN.kinds:
            seed, size = runs[turn]
            size = outgrown.get((kind, seed), size)
            result = RESULTS / f"{title}-{kind}-{seed}"
            more = [result] if kind == kinds.WRITES else []
            number, said = submit(kind, user, options, seed, size, more)
            jobs.append(number)
            if more:
                results[number] = result
            lines.setdefault(kind, f"  {user:5} {kind:15} {options}\n        {said}" if said else f"  {user:5} {kind:15} {options}")
    print("\n".join(lines.values()), flush=True)
    return jobs, results


def watch(jobs, results, started):
    """Shows the queue until it is empty of these jobs."""
    shown = None
    while time.time() - started < ROUND_TIMEOUT_S:
        queue, _ = inside("squeue", "--noheader", "--format=%A %T")
        states = [line.split()[1] for line in queue.splitlines() if line.split()[0] in jobs]
        running = states.count("RUNNING")
        line = f"{running} running, {states.count('PENDING')} pending"
        if line != shown:
            print(f"  {time.time() - started:4.0f} s  {'#' * running}  {line}", flush=True)
            shown = line
        if not states and not to_be_rescued(jobs) and not without(results):
            return
        time.sleep(2)
    raise SystemExit(f"demo: a round took longer than {ROUND_TIMEOUT_S} s")


def without(results):
    """Jobs that have not done their work, whatever Slurm says of them."""
    return [job for job, path in results.items() if not path.exists()]


def to_be_rescued(jobs):
    """The agent needs a moment to put a job that died back into the queue."""
    return any(run["state"] == "OUT_OF_MEMORY" for run in last_runs(jobs).values())


def all_runs(jobs):
    fields = "JobIDRaw,Submit,Start,End,State"
    rows, _ = inside(
        "sacct",
        "--allusers",
        "--duplicates",
        "--allocations",
        "--parsable2",
        "--noheader",
        "--jobs",
        ",".join(jobs),
        "--format",
        fields,
        env={**os.environ, "SLURM_TIME_FORMAT": "%s"},
    )
    for row in rows.splitlines():
        job, submit_s, start, end, state = row.split("|")
        yield {"job": job, "submit": int(submit_s), "start": start, "end": end, "state": state.split()[0]}


def last_runs(jobs):
    return {run["job"]: run for run in sorted(all_runs(jobs), key=lambda run: run["submit"])}


def peak_running(runs):
    """The most jobs that ran at the same time."""
    events = [(int(run["start"]), 1) for run in runs] + [(int(run["end"]), -1) for run in runs]
    running = peak = 0
    for _, change in sorted(events):
        running += change
        peak = max(peak, running)
    return peak


def report(since, until):
    """What shadowfit's own audit says about the runs that ended in this time."""
    text, _ = inside("shadowfit", "report", "--json", "-S", str(since), "-E", str(until))
    return json.loads(text)["total"]


def play(title, outgrown):
    print(f"\n== {title}", flush=True)
    started = time.time()
    jobs, results = submit_all(title.split(":")[0], outgrown)
    watch(jobs, results, started)
    time.sleep(5)  # the agent's next pass
    runs = list(all_runs(jobs))
    last = last_runs(jobs)
    begin = min(run["submit"] for run in runs)
    total = report(int(started), int(time.time()) + 1)
    return {
        "jobs_submitted": len(jobs),
        "last_with_result": list(results)[-1],
        "jobs_lost": sum(run["state"] != "COMPLETED" for run in last.values()) + len(without(results)),
        "rescues": total["rescues"],
        "makespan_s": max(int(run["end"]) for run in runs) - begin,
        "mem_requested_gibh": total["mem_requested_gibh"],
        "mem_set_gibh": total["mem_set_gibh"],
        "mem_used_gibh": total["mem_used_gibh"],
        "cpu_requested_h": total["cpu_requested_h"],
        "cpu_set_h": total["cpu_set_h"],
        "cpu_used_h": total["cpu_used_h"],
        "peak_running": peak_running([run for run in runs if run["start"].isdigit()]),
    }


def show(rounds):
    names = [
        ("memory requested", "mem_requested_gibh", "GiB·h"),
        ("memory set", "mem_set_gibh", "GiB·h"),
        ("memory used", "mem_used_gibh", "GiB·h"),
        ("CPUs requested", "cpu_requested_h", "CPU·h"),
        ("CPUs set", "cpu_set_h", "CPU·h"),
        ("CPUs used", "cpu_used_h", "CPU·h"),
        ("running at once", "peak_running", "jobs"),
        ("makespan", "makespan_s", "s"),
        ("jobs lost", "jobs_lost", ""),
        ("rescues", "rescues", ""),
    ]
    print(f"\n{'':18} {'before':>8} {'after':>8}")
    for title, key, unit in names:
        values = [f"{one[key]:8.2f}" if isinstance(one[key], float) else f"{one[key]:8}" for one in rounds]
        print(f"{title:18} {' '.join(values)} {unit}".rstrip())
    print(f"GiB·h and CPU·h count run time: with more jobs at once on {os.cpu_count()} real CPUs, each takes longer.")


def summarize(rounds, more):
    whole = {key: sum(one[key] for one in rounds) for key in ("jobs_submitted", "jobs_lost", "rescues")}
    per_round = [{key: value for key, value in one.items() if key not in {*whole, "last_with_result"}} for one in rounds]
    summary = {**whole, "round1": per_round[0], "round2": per_round[1], **more}
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    return summary


def show_harmed(job):
    """A job that Slurm called COMPLETED although its work was not done, or would have, as explain tells of it."""
    told = inside("shadowfit", "explain", job)[0]
    # A step's group may have gone before the node's sampler looks.
    is_put_back = "its node put it back" in told
    end = "its node put it back before Slurm could call it COMPLETED" if is_put_back else "Slurm called it COMPLETED"
    print(f"\n== a step of job {job} was killed for want of memory, and its script went on: {end}")
    print(f"$ shadowfit explain {job}\n{told}", end="")
    return {"job": int(job), "said": told}


def main():
    agent = subprocess.Popen(
        [PROJECT / "scripts/cluster", "exec", "--name", CLUSTER, "--", "shadowfitd"],
        stderr=open(f"/var/tmp/shadowfit/{CLUSTER}/log/shadowfitd.log", "w"),
    )
    RESULTS.mkdir()
    RESULTS.chmod(0o777)
    try:
        first = play("round 1: shadowfit observes; every job gets what its user asked for", {})
        CONFIG.write_text(CONFIG.read_text().replace('"observe"', '"apply"'))
        time.sleep(2)
        second = play("round 2: the same jobs, sized; one of them has outgrown its history", PLAN.outgrown)
        harmed = show_harmed(second["last_with_result"])
        grown = growing.show(inside, CONFIG, SCRATCH, afterwards.wait_for_profile)
        fresh = newkind.show(inside, CONFIG, SCRATCH)
        seen = afterwards.burst(inside, SCRATCH)
        licensed = licenses.show(inside, CONFIG, SCRATCH, afterwards.wait_for_profile)
        print(f"\n$ shadowfit report\n{inside('shadowfit', 'report')[0]}", end="")
        replayed = afterwards.replay(inside, SCRATCH)
    finally:
        agent.terminate()
        agent.wait()
    show([first, second])
    summary = summarize(
        [first, second], {"harmed": harmed, "grown": grown, "new_kind": fresh, "burst": seen, "licenses": licensed, "replay": replayed}
    )
    good = (
        summary["jobs_lost"] == 0
        and second["makespan_s"] < first["makespan_s"]
        and any(f"{what} was killed for want of memory" in harmed["said"] for what in ("a step of it", "it"))
        and growing.is_good(grown)
        and newkind.is_good(fresh)
        and afterwards.is_good(seen, replayed)
        and licenses.is_good(licensed)
    )
    print(f"grown in place: {' '.join(grown['runs'])}, {len(grown['grown'])} times, {grown['peak_mib']:.0f} MiB at its peak")
    print(
        f"a new kind: set {fresh['set_mib']} MiB of 6144, {fresh['waited_s']} s after its submission; files untouched by its shadow: {fresh['files_untouched']}"
    )
    print(f"a burst: sacct says {seen['sacct_mib']:.0f} MiB, the sampler beside the job {seen['profile_mib']:.0f}")
    print(
        f"replay and report: {replayed['jobs']} and {replayed['reported_runs']} completed runs, {replayed['used_gbh']:.3f} and {replayed['reported_gbh']:.3f} GB·h used"
    )
    print(
        f"\ndemo: {summary['jobs_submitted']} jobs, {summary['jobs_lost']} lost, {summary['rescues']} rescued: {'ok' if good else 'FAILED'}"
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
