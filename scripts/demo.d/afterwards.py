"""What an admin looks at afterwards: a burst that accounting missed, and past jobs decided again."""

import json
import subprocess
import time

PROFILE_TIMEOUT_S = 60

# GB are 10^9 bytes in a replay, as in the literature, and GiB 2^30 in a report, as in Slurm.
GB_IN_A_GIB = 2**30 / 1e9


def burst(inside, scratch):
    """One job that needs much memory for a moment. Returns what sacct and the sampler say, in MiB."""
    print("\n== a burst that sacct misses: 512M for a fifth of a second", flush=True)
    command = ["sbatch", "--parsable", "--wait", "--output=/dev/null", "--time=20", "--mem=2G"]
    job = inside(*command, scratch / "jobs/burst.sh", user="bob")[0].strip()
    wait_for_profile(inside, job)
    rss = inside("sacct", "-nP", "-j", f"{job}.batch", "-o", "MaxRSS", "--units=M")[0].strip()
    print(f"$ sacct -j {job}.batch -o MaxRSS\n{rss}\n\n$ shadowfit profile {job}\n{inside('shadowfit', 'profile', job)[0]}", end="")
    profile = json.loads(inside("shadowfit", "profile", "--json", job)[0])
    return {"sacct_mib": float(rss.rstrip("M") or 0), "profile_mib": profile["peak_mib"]}


def wait_for_profile(inside, job):
    """The agent's passes bring it; they are seconds apart."""
    deadline = time.time() + PROFILE_TIMEOUT_S
    while time.time() < deadline:
        try:
            return inside("shadowfit", "profile", "--json", job)
        except subprocess.CalledProcessError:
            time.sleep(1)
    raise SystemExit(f"demo: job {job} has no profile after {PROFILE_TIMEOUT_S} s")


def replay(inside, scratch):
    """The cluster's own accounting, replayed; what it says was used must be what the report says."""
    print("\n== what it would have saved, from accounting alone", flush=True)
    dump = scratch / "dump"
    dump.write_text(inside(*inside("shadowfit", "import", "--print-command")[0].split())[0])
    print(f"$ shadowfit replay --sacct dump\n{inside('shadowfit', 'replay', '--sacct', dump)[0]}", end="")
    replayed = json.loads(inside("shadowfit", "replay", "--sacct", dump, "--json")[0])
    report = json.loads(inside("shadowfit", "report", "-s", "COMPLETED", "--json")[0])["total"]
    used = report["mem_used_gibh"] * GB_IN_A_GIB
    return {"jobs": replayed["n"], "used_gbh": replayed["used_gbh"], "reported_runs": report["runs"], "reported_gbh": used}


def is_good(seen, replayed):
    agree = abs(replayed["used_gbh"] - replayed["reported_gbh"]) <= 0.001 * replayed["reported_gbh"]
    return 512 <= seen["profile_mib"] < 540 and replayed["jobs"] == replayed["reported_runs"] and agree
