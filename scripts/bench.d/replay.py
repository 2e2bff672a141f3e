"""What 'shadowfit replay' says of past jobs, beside published methods and the project's goals."""

import csv
import gzip
import json
import pathlib
import random
import statistics
import subprocess
import tempfile
import time

# GBh and failed attempts of Sizey itself under the protocol of its paper (Bader et al., CLUSTER 2024).
SIZEY = {"eager": (666, 157), "iwd": (0.37, 164), "methylseq": (646, 101), "rnaseq": (33.5, 71)}
SIZEY_LEAST_ROWS = 34
SIZEY_HISTORY = 0.3
SEEDS = range(1996, 2001)
SPLITS = ("user", "hour", "weekday", "cpus", "memory", "time")
WINDOW_S = 60


class Replay:
    """Runs the program without any configuration of this machine."""

    def __init__(self, program, folder):
        self.program, self.folder = program, pathlib.Path(folder)

    def __call__(self, *arguments):
        words = [self.program, "--config", self.folder / "none.toml", "replay", *arguments, "--json"]
        return json.loads(subprocess.run(words, check=True, text=True, capture_output=True).stdout)


def warm(answer):
    return answer["waste_gbh"] - answer["cold_waste_gbh"]


def read(path):
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


def write(path, rows, **same):
    """Writes rows as a trace; `same` are fields that become the same in all of them."""
    with open(path, "w", newline="") as file:
        out = csv.DictWriter(file, rows[0].keys())
        out.writeheader()
        out.writerows({**row, **same} for row in rows)
    return path


def published_rows(traces):
    """What published methods waste, by trace and method."""
    baselines = json.loads((traces / "baselines.json").read_text())
    return {trace: {row["method"]: row for row in one["rows"]} for trace, one in baselines.items()}


def goal(text, met):
    print(f"    goal: {text}: {'met' if met else 'NOT MET'}")


def published(rows):
    """The best of the published baselines on known kinds."""
    return min((row["warm_GBh"], name) for name, row in rows.items() if name != "request" and "reference" not in name)


def chronological(replay, traces):
    baselines = published_rows(traces)
    print("decided at start; waste on known kinds in GBh; 'blind': without the input's size")
    print("'at once': as if a killed job got all that was asked for at once; 'trust': as if kinds had to earn it")
    print(
        f"{'trace':20} {'jobs':>6} {'waste':>10} {'max x1.1':>10} {'ratio':>6} {'at once':>7} {'trust':>6} {'blind':>6} {'best published':>26} {'ratio':>6} {'failed %':>8} {'P50/90/99 %':>12} {'s':>6}"
    )
    ratios, at_once, trusted, above, failed, raised = [], [], [], 0, [], []
    for trace in sorted((traces / "jobs").glob("*.csv.gz")):
        ours = replay("--trace", trace)
        blind = replay("--trace", write(replay.folder / "blind.csv", read(trace), input_bytes=""))
        rows = baselines[ours["trace"]]
        best, simple = published(rows), rows["max-seen x1.1"]["warm_GBh"]
        ratios.append(warm(ours) / simple)
        at_once.append((ours["at_once_waste_gbh"] - ours["cold_waste_gbh"]) / simple)
        # Kinds earn trust by requests, and some traces have none.
        if ours["trusted_waste_gbh"] is None:
            trust = "-"
        else:
            trusted.append((ours["trusted_waste_gbh"] - ours["cold_waste_gbh"]) / simple)
            trust = f"{trusted[-1]:.3f}"
        failed.append(ours["failed_tasks_pct"])
        if ours["raised_failed_tasks"] != ours["failed_tasks"]:
            killed = [100 * ours[tasks] / ours["n"] for tasks in ("failed_tasks", "raised_failed_tasks")]
            raised.append(f"{ours['trace']}: {killed[0]:.2f} -> {killed[1]:.2f}, {ours['waste_gbh']:.2f} -> {ours['raised_waste_gbh']:.2f}")
        above += warm(ours) >= best[0]
        within = "/".join(f"{share:.0f}" for share in ours["coverage_pct"])
        print(
            f"{ours['trace']:20} {ours['n']:6} {warm(ours):10.2f} {simple:10.2f} {ratios[-1]:6.3f} {at_once[-1]:7.3f} {trust:>6} {warm(blind) / simple:6.3f} "
            f"{f'{best[0]:.2f} {best[1]}':>26} {warm(ours) / best[0]:6.3f} {failed[-1]:8.2f} {within:>12} {ours['seconds']:6.2f}",
            flush=True,
        )
    mean = statistics.geometric_mean(ratios)
    print(f"geometric mean of the ratios, were all that was asked for given back at once: {statistics.geometric_mean(at_once):.3f}")
    if trusted:
        print(f"geometric mean of the ratios of those with requests, had kinds to earn trust: {statistics.geometric_mean(trusted):.3f}")
    if raised:
        print("raised: killed jobs in %, GB·h wasted, as users asked and as `[memory] raise` would set")
        for line in raised:
            print(f"  {line}")
    goal(f"geometric mean of the ratios {mean:.3f}, at most 0.5", mean <= 0.5)
    goal(f"largest ratio {max(ratios):.3f}, at most 0.95", max(ratios) <= 0.95)
    goal(f"not below the best published on {above}, at most 1", above <= 1)
    goal(f"most failed tasks {max(failed):.2f} %, at most 2.5", max(failed) <= 2.5)


def lent(replay, traces):
    baselines = published_rows(traces)
    print("\nwere nodes to lend memory to all in need of more but this share of them: waste on known kinds, geometric mean of the ratios")
    for refused in ("0", "0.1", "0.3", "1"):
        ratios, of_used, killed = [], [], []
        for trace in sorted((traces / "jobs").glob("*.csv.gz")):
            ours = replay("--trace", trace, "--elastic", refused)
            simple = baselines[ours["trace"]]["max-seen x1.1"]["warm_GBh"]
            ratios.append((ours["lent_waste_gbh"] - ours["cold_waste_gbh"]) / simple)
            of_used.append(100 * ours["lent_gbh"] / ours["used_gbh"])
            killed.append(100 * ours["lent_killed"] / ours["n"])
        print(
            f"  {refused:>4} {statistics.geometric_mean(ratios):.3f}, lent {min(of_used):.0f} to {max(of_used):.0f} % of what is used, killed {min(killed):.2f} to {max(killed):.2f} %",
            flush=True,
        )


def random_split(rows, seed):
    """History and the rest, as the Sizey paper splits them: by kind, at random."""
    kinds = {}
    for row in rows:
        if float(row["runtime_s"] or 0) > 0:
            kinds.setdefault(row["task_type"], []).append(row)
    chance, history, rest = random.Random(seed), [], []
    for of_kind in kinds.values():
        if len(of_kind) >= SIZEY_LEAST_ROWS:
            chance.shuffle(of_kind)
            count = round(SIZEY_HISTORY * len(of_kind))
            history += of_kind[:count]
            rest += of_kind[count:]
    chance.shuffle(rest)
    return history, rest


def sizey(replay, traces):
    print(f"\nrandom split as in the Sizey paper, {len(SEEDS)} seeds: median (range); in brackets Sizey's own figures")
    no_clock = {"submit_s": "", "start_s": "", "end_s": ""}
    for name, (waste, attempts) in SIZEY.items():
        rows, answers = read(traces / f"jobs/nfcore-{name}.csv.gz"), []
        for seed in SEEDS:
            history, rest = random_split(rows, seed)
            history = write(replay.folder / "history.csv", history, **no_clock)
            answers.append(replay("--trace", write(replay.folder / "rest.csv", rest, **no_clock), "--history", history))
        wastes = sorted(answer["waste_gbh"] for answer in answers)
        fails = sorted(answer["failed_attempts"] for answer in answers)
        ours, ours_failed = statistics.median(wastes), statistics.median(fails)
        print(
            f"{name:20} {ours:10.2f} GBh ({wastes[0]:.2f}..{wastes[-1]:.2f}) [{waste}], {ours_failed} failed attempts ({fails[0]}..{fails[-1]}) [{attempts}]",
            flush=True,
        )
        goal(f"below {waste} GBh", ours < waste)
        goal(f"at most {attempts / 5:.0f} failed attempts", ours_failed <= attempts / 5)


def features(replay, traces):
    print("\nkinds divided by one feature more: waste on known kinds against that without it, geometric mean over the traces that have it")
    plain = {trace: replay("--trace", trace)["waste_gbh"] for trace in sorted((traces / "jobs").glob("*.csv.gz"))}
    for split in SPLITS:
        told_apart = {trace: replay("--trace", trace, "--split", split)["waste_gbh"] for trace in plain}
        ratios = [told_apart[trace] / waste for trace, waste in plain.items() if told_apart[trace] != waste]
        print(
            f"{split:20} {statistics.geometric_mean(ratios):6.3f} ({min(ratios):.3f}..{max(ratios):.3f}) on {len(ratios)}"
            if ratios
            else f"{split:20} makes no difference",
            flush=True,
        )


def series(replay, traces):
    ours = replay("--series", traces / "memory-over-time-eager.csv.gz", "--window", str(WINDOW_S))
    print(
        f"\nmemory over time, window {WINDOW_S} s, kinds never seen: median error {100 * ours['median_ape']:.1f} %, waste {ours['waste_ratio']:.3f} of the requests', failed {ours['failed_tasks_pct']:.2f} %"
    )
    goal(
        "median error at most 25 %, waste at most 0.5, failed at most 2 %",
        ours["median_ape"] <= 0.25 and ours["waste_ratio"] <= 0.5 and ours["failed_tasks_pct"] <= 2,
    )


def speed(replay, write_dump, rows=1_000_000):
    dump = replay.folder / "dump"
    write_dump(dump, 1, rows // 2)
    start = time.time()
    subprocess.run(["awk", "-F|", "{ fields += NF } END { print fields }", dump], check=True, capture_output=True)
    awk, start = time.time() - start, time.time()
    words = [
        "/usr/bin/env",
        "time",
        "-f",
        "%M",
        replay.program,
        "--config",
        replay.folder / "none.toml",
        "replay",
        "--sacct",
        dump,
        "--json",
    ]
    done = subprocess.run(words, check=True, text=True, capture_output=True)
    seconds, mib = time.time() - start, int(done.stderr.split()[-1]) / 1024
    print(f"\n{rows} rows of sacct: {seconds:.1f} s ({seconds / awk:.1f} times awk only splitting them), {mib:.0f} MiB")
    goal("at most 60 s and 1024 MiB", seconds <= 60 and mib <= 1024)


def run(program, traces, write_dump):
    with tempfile.TemporaryDirectory() as folder:
        replay = Replay(program, folder)
        chronological(replay, traces)
        lent(replay, traces)
        sizey(replay, traces)
        series(replay, traces)
        features(replay, traces)
        speed(replay, write_dump)
