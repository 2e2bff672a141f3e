"""A kind of job that nobody has run before: its shadow runs first, beside live work, and changes nothing."""

import json
import shutil
import time

TIMEOUT_S = 90
PRECIOUS = "last week's results\n"


def show(inside, config, scratch):
    """Enables shadows, submits one new job and shows what happens. `inside` runs a command in the cluster."""
    print("\n== a new kind of job: its shadow runs first, in a sandbox; the script deletes alice's files", flush=True)
    config.write_text(config.read_text() + "\n[shadow]\nenabled = true\nwindow_s = 30\n")
    time.sleep(2)
    results = scratch / "results"
    results.mkdir()
    precious = results / "last-week.txt"
    precious.write_text(PRECIOUS)
    shutil.chown(results, "alice")
    shutil.chown(precious, "alice")
    command = ["sbatch", "--parsable", "--output=/dev/null", "--time=20", "--mem=6G", "--cpus-per-task=4"]
    job, said = inside(*command, scratch / "jobs/refresh.sh", results, "1200", user="alice")
    print(f"  alice refresh         --mem=6G --cpus-per-task=4\n        {said.strip()}", flush=True)
    untouched, set_mib, waited_s = follow(inside, int(job), precious)
    print(f"\n$ shadowfit explain {job.strip()}\n{inside('shadowfit', 'explain', job.strip())[0]}", end="")
    return {"files_untouched": untouched, "set_mib": set_mib, "waited_s": waited_s}


# Ends of a shadow that has run; on a busy machine its window is over first.
RAN = ("finished", "settled", "window")


def follow(inside, job, precious):
    """Watches job and shadow until the job has ended.

    To delete is the first thing that the script does: had the shadow done it, the file would have been
    gone for seconds when the job starts.
    """
    started, shown, last_seen = time.time(), None, 0
    while time.time() - started < TIMEOUT_S:
        if precious.exists() and precious.read_text() == PRECIOUS:
            last_seen = time.time()
        jobs = json.loads(inside("squeue", "--json")[0])["jobs"]
        own = next(one for one in jobs if one["job_id"] == job)
        shadow = next((one for one in jobs if one["name"] == f"shadow-of-{job}"), {"job_state": "-"})
        there = "untouched" if time.time() - last_seen < 1 else "deleted"
        line = f"job {own['job_state']:<10} shadow {shadow['job_state']:<10} last week's results {there}"
        if line != shown:
            print(f"  {time.time() - started:4.0f} s  {line}", flush=True)
            shown = line
        if own["job_state"] == "COMPLETED":
            counters = json.loads(shadow["admin_comment"])["counters"]
            return (
                counters["ended"] in RAN and last_seen >= own["start_time"] - 1,
                own["memory_per_node"],
                own["start_time"] - own["submit_time"],
            )
        time.sleep(0.2)
    raise SystemExit(f"demo: job {job} did not end within {TIMEOUT_S} s")


def is_good(found):
    return bool(found["files_untouched"] and found["set_mib"] and found["set_mib"] < 6144)
