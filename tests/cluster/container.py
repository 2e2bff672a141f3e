#!/usr/bin/env python3
"""A node in a container, as operators of Kubernetes run slurmd: container.py FOLDER NODE, in a mount namespace of its own.

Its root is an overlay, as an image's is; processes, the host's name, IPC and control groups are its own. Then becomes
slurmd of NODE.
"""

import os
import subprocess
import sys

CGROUPS = "/sys/fs/cgroup"
NAMESPACES = ["--pid", "--fork", "--kill-child", "--uts", "--ipc", "--cgroup"]
# What the cluster and its jobs work in, as volumes are mounted.
VOLUMES = "/dev", "/var/tmp", "/home"


def run(*words):
    subprocess.run(words, check=True)


def hierarchies():
    """Of cgroup v1, by the names of their controllers."""
    found = os.listdir(CGROUPS)
    return [name for name in found if os.path.exists(f"{CGROUPS}/{name}/tasks") and name != "systemd"]


def leave_cgroups():
    """What is its root there is the container's: Slurm's groups lie where the cluster's end looks for them."""
    for name in hierarchies():
        with open(f"{CGROUPS}/{name}/cgroup.procs", "w") as group:
            group.write(str(os.getpid()))


def make_root(layers, node):
    names = hierarchies()
    os.makedirs(layers)
    run("mount", "-t", "tmpfs", "tmpfs", layers)
    root = f"{layers}/root"
    for folder in "upper", "work", "root":
        os.mkdir(f"{layers}/{folder}")
    run("mount", "-t", "overlay", "-o", f"lowerdir=/,upperdir={layers}/upper,workdir={layers}/work", "overlay", root)
    for kind, where in ("proc", "/proc"), ("sysfs", "/sys"), ("tmpfs", CGROUPS), ("tmpfs", "/run"):
        run("mount", "-t", kind, kind, root + where)
    for name in names:
        os.mkdir(f"{root}{CGROUPS}/{name}")
        run("mount", "-t", "cgroup", "-o", name, "cgroup", f"{root}{CGROUPS}/{name}")
    for volume in VOLUMES:
        run("mount", "--rbind", volume, root + volume)
    with open(f"{root}/etc/hosts", "w") as hosts:
        hosts.write(f"127.0.0.1 localhost pod-{node}\n")
    return root


def enter(root):
    os.makedirs(f"{root}/outside")
    os.chdir(root)
    run("pivot_root", ".", "outside")
    os.chdir("/")
    run("umount", "--lazy", "/outside")


def main(folder, node, where="outside"):
    if where == "outside":
        leave_cgroups()
        words = ["unshare", *NAMESPACES, sys.executable, __file__, folder, node, "inside"]
        os.execvp(words[0], words)
    run("hostname", f"pod-{node}")
    enter(make_root(f"{folder}/layers", node))
    with open(f"{folder}/ready", "w"):
        pass
    os.execvp("slurmd", ["slurmd", "-D", "-N", node])


main(*sys.argv[1:])
