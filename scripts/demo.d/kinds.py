"""The kinds of job that both rounds run: who runs them, what people typically ask for, and their runs."""

from collections import namedtuple

# `runs` are pairs of seed and size.
Kind = namedtuple("Kind", "name user options runs")
# Jobs wait for data, a license or a partner most of their time on many clusters, and this machine has few real
# CPUs: without such waits, packing could not show in the makespan. `outgrown`: one kind outgrows what it was, and
# in the second round this run of it has far more points.
Plan = namedtuple("Plan", "kinds outgrown stage_in_s")

# Jobs of this kind leave a file once their work is done: Slurm calls them COMPLETED whether or not it is.
WRITES = "cluster-points"

REQUESTS = {
    "align": ("alice", "--mem=6G --cpus-per-task=4"),
    "sortbam": ("alice", "--mem-per-cpu=2G --cpus-per-task=3"),
    "solve": ("alice", "--mem=7G --cpus-per-task=4"),
    "build": ("alice", "--mem=4G --cpus-per-task=8"),
    "compress": ("bob", "--mem=5G --cpus-per-task=2"),
    "sort": ("bob", "--mem=6G --cpus-per-task=4"),
    "cluster-points": ("bob", "--mem=7G --cpus-per-task=2"),
}
# Three runs of a kind are what it takes until shadowfit sizes it.
SHORT = {
    "align": [20000, 20500, 21000],
    "sortbam": [300000, 310000, 320000],
    "solve": [3000, 3030, 2970],
    "build": [15, 15, 15],
    "compress": [60000, 62000, 64000],
    "sort": [700000, 720000, 740000],
    "cluster-points": [5000, 5050, 5000],
}
FULL = {
    "align": [80000, 82000, 84000, 86000, 88000],
    "sortbam": [800000, 820000, 840000, 860000, 880000],
    "solve": [5000, 5050, 4900, 4950, 5000],
    "build": [60, 60, 60, 60, 60],
    "compress": [260000, 270000, 280000, 290000, 300000],
    "sort": [2000000, 2100000, 2200000, 2300000, 2400000],
    "cluster-points": [7000, 7050, 7100, 7000, 7050],
}


def plan(full):
    """Few short runs of each kind, or more and longer ones."""
    if full:
        return Plan(kinds(FULL), {("cluster-points", 5): 9000}, 20)
    return Plan(kinds(SHORT), {("cluster-points", 3): 7000}, 10)


def kinds(sizes):
    return [Kind(name, *REQUESTS[name], list(enumerate(runs, start=1))) for name, runs in sizes.items()]
