"""A job that outgrows what its kind was given: its node lends it more while it runs, and nothing has to run again."""

import json
import os
import time

CONFIG = """
[elastic]
pool_mib = 4096
user_share = 1
"""
# The kind's runs so far were of some 3000.
SIZE = "6000"


def show(inside, config, scratch, wait_for_profile):
    """Keeps memory of each node aside, and submits one run of a known kind that is four times as large."""
    print("\n== a job outgrows what its kind was given: its node lends it more, and it goes on", flush=True)
    config.write_text(config.read_text() + CONFIG)
    time.sleep(2)
    command = ["sbatch", "--parsable", "--wait", "--output=/dev/null", "--time=20", "--mem=7G", "--cpus-per-task=4"]
    environment = {**os.environ, "STAGE_IN_SECONDS": "1"}
    job, said = inside(*command, scratch / "jobs/solve.sh", "4", SIZE, user="alice", env=environment)
    job = job.strip()
    print(f"  alice solve           --mem=7G --cpus-per-task=4\n        {said.strip()}", flush=True)
    wait_for_profile(inside, job)
    print(f"\n$ shadowfit profile {job}\n{inside('shadowfit', 'profile', job)[0]}", end="")
    profile = json.loads(inside("shadowfit", "profile", "--json", job)[0])
    runs = inside("sacct", "-nPXD", "-j", job, "-o", "State")[0].split()
    return {"runs": runs, "peak_mib": profile["peak_mib"], "grown": profile.get("growths", {}).get("grown", [])}


def is_good(seen):
    return seen["runs"] == ["COMPLETED"] and bool(seen["grown"]) and seen["grown"][0]["from_mib"] < seen["peak_mib"]
