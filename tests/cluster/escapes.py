#!/usr/bin/env python3
"""Ways out of a sandbox, tried from inside and looked for from outside; ways/ holds them, by subject.

    escapes.py live DIR PORT                       as the user, in a job: what must not be reached
    escapes.py bait DIR UID PID JOB_1 JOB_2 PORT   as root: what is to be harmed; PID is the live job's
    escapes.py attempt DIR                         as the user, in a job: every attempt in turn
    escapes.py one DIR NAME                        as the user, in no job: one of them
    escapes.py effects DIR                         as root: the attempts that had an effect, one a line
    escapes.py control DIR                         as root, outside: those that need root
    escapes.py shown DIR                           all, each behind what has shown that it is one: user, root,
                                                   lacking (this machine has no such thing) or nothing
    escapes.py all                                 all of them, in the order in which they are tried
    escapes.py open                                those that no sandbox closes yet

An attempt that can only be judged from inside counts as successful by its return value; the place of the
first such one in the order, from 1 on, is the exit code, and so is that of one that fails by a fault of its own. Without a sandbox each must succeed: for the user, or, where
no user ever has it, for root. What a kernel does not have at all is no way out of it, and named as such.
"""

import json
import os
import signal
import subprocess
import sys
import time
import traceback

from ways import counted, files, kernel, messages, processes, services, shared  # noqa: F401 each brings its own
from ways.live import live
from ways.table import WAYS, Lacking, Place


def bait(folder, uid, live_pid, job_1, job_2, port):
    facts = {"uid": uid, "live_pid": live_pid, "job_1": job_1, "job_2": job_2, "port": port}
    with open(os.path.join(folder, "facts.json"), "w") as file:
        json.dump(facts, file)
    place = Place(folder)
    for way in WAYS.values():
        if way.bait:
            way.bait(place)


HOLE, LACKING, BROKEN, NOTHING = 77, 78, 79, 0
CRASHES = (-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGILL)


def tried(place, attempt):
    """What an attempt, in a process of its own, comes to."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            found = HOLE if attempt(place) is True else NOTHING
        except Lacking:
            found = LACKING
        except (OSError, ValueError, subprocess.SubprocessError):
            found = NOTHING
        except BaseException:
            # It was not tried: a bait that is missing, a fault in the attempt itself.
            traceback.print_exc()
            found = BROKEN
        os._exit(found)
    _, status = os.waitpid(child, 0)
    came_to = os.waitstatus_to_exitcode(status)
    return BROKEN if came_to in CRASHES else came_to


def attempt_all(folder):
    """All are tried, whatever the first of them find."""
    place = Place(folder)
    grown, found = [], []
    for way in WAYS.values():
        # A shadow whose memory stays the same for long is taken to have shown all, and ended.
        grown.append(b"x" * (1 << 18))
        came_to = tried(place, way.attempt)
        # Its effect tells, not what it thinks of itself.
        found.append(NOTHING if way.effect and came_to == HOLE else came_to)
    note(folder, str(os.getuid()), zip(WAYS, found, strict=True))
    results = zip(WAYS.values(), found, strict=True)
    bad = [place for place, (way, result) in enumerate(results, 1) if result == BROKEN or (result == HOLE and not way.still_open)]
    return bad[0] if bad else 0


def control(folder):
    """What a user is refused by any kernel: root, who may, shows that the attempt is one."""
    place = Place(folder)
    note(folder, "root", [(name, tried(place, way.attempt)) for name, way in WAYS.items() if way.needs_root])


def effects(folder):
    place = Place(folder)
    time.sleep(0.3)
    found = [name for name, way in WAYS.items() if way.effect and way.effect(place)]
    note(folder, "effects", [(name, HOLE) for name in found])
    print("\n".join(found))


def note(folder, who, found):
    """In a shadow this is written as all else is, and seen by nobody."""
    with open(os.path.join(folder, f"found-{who}"), "w") as file:
        file.writelines(f"{result} {name}\n" for name, result in found)


def noted(folder):
    """Who found what, as (who, result, name)."""
    for name in os.listdir(folder):
        if name.startswith("found-"):
            with open(os.path.join(folder, name)) as file:
                for line in file:
                    result, way = line.rstrip("\n").split(" ", 1)
                    yield name.removeprefix("found-"), int(result), way


def shown(folder):
    seen = {name: set() for name in WAYS}
    for who, result, name in noted(folder):
        if result == HOLE:
            seen[name].add("root" if who == "root" else "user")
        elif result == LACKING:
            seen[name].add("lacking")
    for name, by in seen.items():
        print(next((word for word in ("user", "root", "lacking") if word in by), "nothing"), name)


if __name__ == "__main__":
    verb, arguments = sys.argv[1], sys.argv[2:]
    if verb == "bait":
        bait(arguments[0], *(int(word) for word in arguments[1:]))
    elif verb == "live":
        live(arguments[0], int(arguments[1]))
    elif verb == "attempt":
        sys.exit(attempt_all(arguments[0]))
    elif verb == "one":
        tried(Place(arguments[0]), WAYS[arguments[1]].attempt)
    elif verb == "all":
        print("\n".join(WAYS))
    elif verb == "open":
        print("\n".join(name for name, way in WAYS.items() if way.still_open))
    else:
        {"effects": effects, "control": control, "shown": shown}[verb](arguments[0])
