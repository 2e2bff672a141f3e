"""Slurm, the system and its services."""

import os
import shutil
import subprocess
import sys

from ways.table import LIBC, MARK, Lacking, escape


def squeue(*arguments):
    return subprocess.run(["squeue", "-h", *arguments], stdout=subprocess.PIPE, text=True).stdout


def copy_of(program):
    def bait(place):
        shutil.copy(shutil.which(program), place.path(f"my-{program}"))
        os.chmod(place.path(f"my-{program}"), 0o755)

    return bait


def submitted(number):
    def effect(place):
        name = place.mark(number)
        found = squeue("-t", "all", "-n", name, "-o", "%A").split()
        subprocess.run(["scancel", "-n", name])
        return bool(found)

    return effect


def submit(program, name):
    subprocess.run([program, "-J", name, "-o", "/dev/null", "--shadowfit=off", "--wrap", "true"], timeout=15)


@escape("sbatch", effect=submitted(1))
def _(place):
    submit("sbatch", place.mark(1))


@escape("a copy of sbatch", copy_of("sbatch"), submitted(2))
def _(place):
    submit(place.path("my-sbatch"), place.mark(2))


def live_job(place, key):
    return not squeue("-j", str(place.facts[key]), "-t", "RUNNING,PENDING", "-o", "%A").split()


@escape("scancel", effect=lambda place: live_job(place, "job_1"))
def _(place):
    subprocess.run(["scancel", str(place.facts["job_1"])], timeout=15)


@escape("a copy of scancel", copy_of("scancel"), lambda place: live_job(place, "job_2"))
def _(place):
    subprocess.run([place.path("my-scancel"), str(place.facts["job_2"])], timeout=15)


def bait_setuid(place):
    shutil.copy("/usr/bin/touch", place.path("touch-as-root"))
    os.chmod(place.path("touch-as-root"), 0o4755)
    os.mkdir(place.path("of-root"), 0o700)


@escape("setuid program", bait_setuid, lambda place: os.path.exists(place.path("of-root/file")))
def _(place):
    subprocess.run([place.path("touch-as-root"), place.path("of-root/file")])


@escape(
    "cron and at",
    effect=lambda place: any(
        MARK in open(os.path.join(folder, name), errors="replace").read()
        for folder in ("/var/spool/cron/crontabs", "/var/spool/cron/atjobs")
        if os.path.isdir(folder)
        for name in os.listdir(folder)
    ),
)
def _(_place):
    commands = [command for command in (["crontab", "-"], ["at", "now + 1 year"]) if shutil.which(command[0])]
    if not commands:
        raise Lacking
    for command in commands:
        subprocess.run(command, input=f"0 0 1 1 * echo {MARK}\n", text=True, timeout=10)


def key_found(place):
    program = (
        "import ctypes, sys; libc = ctypes.CDLL(None); "
        f"sys.exit(0 if libc.syscall(250, 10, -4, b'user', b'{place.mark('key')}', 0) > 0 else 1)"
    )
    uid = place.facts["uid"]
    return subprocess.run(["setpriv", "--reuid", str(uid), "--clear-groups", sys.executable, "-c", program]).returncode == 0


@escape("keyring", effect=key_found)
def _(place):
    LIBC.syscall(248, b"user", place.mark("key").encode(), b"X", 1, -4)
