"""Mutants: small faults put into the code one by one. Which of them do the tests notice that need no cluster?"""

import json
import os
import subprocess

VERSION = "27.1.0"
ROOMS = {
    "decide": "src/decide/",
    "record": "src/record/",
    "agent": "src/agent/",
    "slurm": "src/slurm/",
    "predict": "src/model/predict.rs",
    "sampler": "src/sampler/",
}
CAUGHT = ("CaughtMutant", "Timeout")


def run(project, only, shard):
    """Shows how many of each room's mutants were caught, and those that were not."""
    out = project / "target/bench/mutants"
    out.mkdir(parents=True, exist_ok=True)
    paths = [ROOMS.get(name, name) for name in only or ROOMS]
    command = ["cargo-mutants", "mutants", "--jobs=1", f"--output={out}", *(f"--file={path}{'**' * path.endswith('/')}" for path in paths)]
    if shard:
        command.append(f"--shard={shard}")
    done = subprocess.run(command, cwd=project, env=environment(project))
    # 2: some were missed; 3: tests hung on some.
    if done.returncode not in (0, 2, 3):
        raise SystemExit("bench: cargo mutants failed")
    found = out / "mutants.out/outcomes.json"
    if not found.exists():
        raise SystemExit("bench: nothing there to change")
    show(json.loads(found.read_text())["outcomes"])


def environment(project):
    """Where the tool is, installed if need be, and where it builds: dependencies stay compiled from run to run."""
    tools = project / "target/tools"
    path = f"{tools}/bin:{os.environ['PATH']}"
    set_up = {**os.environ, "PATH": path, "CARGO_TARGET_DIR": str(project / "target/mutants")}
    if not is_installed(set_up):
        install = ["cargo", "install", "--quiet", "--locked", f"--root={tools}", f"cargo-mutants@{VERSION}"]
        subprocess.run(install, check=True)
    return set_up


def is_installed(environment):
    try:
        found = subprocess.run(["cargo-mutants", "--version"], env=environment, capture_output=True, text=True)
    except FileNotFoundError:
        return False
    return found.stdout.split()[-1:] == [VERSION]


def room_of(mutant):
    return next((room for room, path in ROOMS.items() if mutant["file"].startswith(path)), None)


def show(outcomes):
    tried = [one for one in outcomes if one["scenario"] != "Baseline"]
    print(f"\n{'room':10} {'viable':>6} {'caught':>6} {'missed':>6} {'%':>5}")
    for room in ROOMS:
        row(room, [one["summary"] for one in tried if room_of(one["scenario"]["Mutant"]) == room])
    row("all", [one["summary"] for one in tried])
    for one in tried:
        if one["summary"] == "MissedMutant":
            print(one["scenario"]["Mutant"]["name"])


def row(name, results):
    caught, missed = sum(result in CAUGHT for result in results), results.count("MissedMutant")
    if caught + missed:
        print(f"{name:10} {caught + missed:6} {caught:6} {missed:6} {100 * caught / (caught + missed):5.1f}")
