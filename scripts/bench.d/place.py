"""The private cluster of a benchmark, its folder, and what a process of it has used."""

import pathlib
import subprocess

FOLDER = pathlib.Path("/var/tmp/shadowfit-bench")


class Bench:
    def __init__(self, cluster):
        self.cluster = cluster
        FOLDER.mkdir(exist_ok=True)
        FOLDER.chmod(0o777)

    def inside(self, *command, user="root"):
        return self.cluster("exec", "--user", user, "--", *command, cwd=FOLDER)

    def script(self, name, text):
        path = FOLDER / name
        path.write_text(text)
        path.chmod(0o755)
        return path


def cpu_s(pid):
    """Of all threads, to the nanosecond."""
    threads = pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(path.read_text().split()[0]) for path in threads) / 1e9


def resident_mib(pid):
    """At most so far."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def only(pattern):
    """The pid of the one process with such a command line."""
    return int(subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True, check=True).stdout.split()[0])


def last_of_each(runs):
    """The last run of each job, of all of them in their order."""
    return {run["job"]: run for run in runs}.values()
