"""Mutants: small faults put into the code one by one. Which of them do the tests notice that need no cluster?

cargo-mutants says which faults there are. It would build the project anew for each; here every function gets all its
faulty bodies beside its own, and a variable chooses one when the tests start, so that a room is built a few times in all.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import time

VERSION = "27.1.0"
ROOMS = {
    "decide": "src/decide/",
    "record": "src/record/",
    "agent": "src/agent/",
    "slurm": "src/slurm/",
    "predict": "src/model/predict.rs",
    "trust": "src/model/trust.rs",
    "relies": "src/relies/",
    "sampler": "src/sampler/",
}
# In percent: a room of which less is caught fails.
LEAST_CAUGHT = 85
CHOICE = "SHADOWFIT_MUTANT"
# Behind the library's own lines: which fault the tests run with.
CHOOSE = f"""
/// Which mutant runs.
pub fn mutant() -> u32 {{
    static CHOSEN: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    *CHOSEN.get_or_init(|| std::env::var("{CHOICE}").ok().and_then(|n| n.parse().ok()).unwrap_or(0))
}}
"""
# Tests hang that take so many times as long as with the code as it is, or seconds where that is little; memory that they may take.
PATIENCE, LEAST_PATIENCE_S, MOST_MEMORY = 4, 60, 4 << 30
NOBODY = 65534
# What stands for itself when braces are counted: comments, strings, characters.
TOKENS = re.compile(r'//[^\n]*|/\*.*?\*/|b?r(#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?\'(?:\\.[^\']*|[^\\\'])\'|[{}()\[\]]', re.DOTALL)


def run(project, only, one_in):
    """Shows how many of each room's mutants were caught, and those that were not; tries one of so many, drawn by lot."""
    home = project / "target/mutants"
    tree = home / "tree"
    found = listed(project, [ROOMS.get(name, name) for name in only or ROOMS])
    # The same ones each time.
    found = random.Random(0).sample(found, -(-len(found) // one_in))
    if not found:
        raise SystemExit("bench: nothing there to change")
    copy(project, tree)
    for number, mutant in enumerate(found, 1):
        mutant["number"] = number
    tests = build(tree, home / "build", found)
    share(home)
    results = tried(tree, tests, [mutant for mutant in found if mutant["is_viable"]])
    show(found, results)


def listed(project, paths):
    """The mutants of these files, but those outside of any function."""
    tool = project / "target/tools/bin/cargo-mutants"
    install(project, tool)
    files = [f"--file={path}{'**' * path.endswith('/')}" for path in paths]
    tests = ["--exclude=**/tests.rs", "--exclude=**/tests/**"]
    done = subprocess.run([tool, "mutants", "--list", "--json", *files, *tests], cwd=project, capture_output=True, text=True, check=True)
    return [{**mutant, "is_viable": True} for mutant in json.loads(done.stdout) if mutant["function"]]


def install(project, tool):
    known = tool.exists() and subprocess.run([tool, "--version"], capture_output=True, text=True).stdout.split()[-1:] == [VERSION]
    if not known:
        install = ["cargo", "install", "--quiet", "--locked", f"--root={project}/target/tools", f"cargo-mutants@{VERSION}"]
        subprocess.run(install, check=True)


def copy(project, tree):
    """The project as it stands, without what git does not know."""
    shutil.rmtree(tree, ignore_errors=True)
    names = subprocess.run(["git", "ls-files", "-z"], cwd=project, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (project / name).exists():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project / name, tree / name)
    with (tree / "src/lib.rs").open("a") as lib:
        lib.write(CHOOSE)


def build(tree, target, found):
    """Leaves out what does not compile until all does; the tests that came of it."""
    sources = {mutant["file"]: (tree / mutant["file"]).read_text() for mutant in found}
    for _ in range(12):
        places = {name: write(tree / name, text, of_file(found, name)) for name, text in sources.items()}
        errors, tests = compiled(tree, target)
        if not errors:
            return tests
        for name, line in errors:
            leave_out(places.get(name, []), line, name)
    raise SystemExit("bench: the mutants do not compile together")


def of_file(found, name):
    return [mutant for mutant in found if mutant["file"] == name and mutant["is_viable"]]


def write(path, text, mutants):
    """Writes a file with these mutants; returns where each function and each mutant stands, in lines."""
    by_function = collections.defaultdict(list)
    for mutant in mutants:
        span = mutant["function"]["span"]
        by_function[offset(text, span["start"]), offset(text, span["end"])].append(mutant)
    pieces, places, at, line = [], [], 0, 1

    def push(piece):
        nonlocal line
        pieces.append(piece)
        line += piece.count("\n")

    # A function within another is left to the outer one's mutants.
    outer = [span for span in by_function if not any(o[0] <= span[0] and span[1] <= o[1] and o != span for o in by_function)]
    for span in by_function.keys() - set(outer):
        for mutant in by_function[span]:
            mutant["is_viable"] = False
    for start, end in sorted(outer):
        body = body_of(text, start, end)
        push(text[at:body])
        first, all_here = line, by_function[start, end]
        push("{ match crate::mutant() {\n")
        for mutant in all_here:
            begin = line
            push(f"{mutant['number']} => {changed(text, body, end, mutant)}\n")
            places.append((begin, line - 1, [mutant]))
        push(f"_ => {text[body:end]}\n}} }}")
        places.append((first, line, all_here))
        at = end
    push(text[at:])
    path.write_text("".join(pieces))
    return places


def offset(text, place):
    lines = text.split("\n", place["line"] - 1)
    return len(text) - len(lines[-1]) + place["column"] - 1


def body_of(text, start, end):
    """Where a function's own braces open: the first ones outside of all others."""
    depth = 0
    # Its attributes and its comments may hold anything.
    for token in TOKENS.finditer(text, text.index("fn ", start), end):
        if token[0] == "{" and depth == 0:
            return token.start()
        depth += (token[0] in "([{") - (token[0] in ")]}") if len(token[0]) == 1 else 0
    raise SystemExit(f"bench: no body in {text[start:end]!r}")


def changed(text, body, end, mutant):
    """A function's body with the fault in it."""
    begin, stop = (offset(text, mutant["span"][side]) for side in ("start", "end"))
    return f"{text[body:begin]} {mutant['replacement']} {text[stop:end]}"


def compiled(tree, target):
    """Where it does not compile, as files and lines; and the tests, if it does."""
    command = ["cargo", "test", "--locked", "--no-run", "--lib", "--test=agent", "--message-format=json"]
    known = {**os.environ, "CARGO_TARGET_DIR": str(target), "RUSTFLAGS": "--cap-lints=allow"}
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, env=known)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    errors = {
        (span["file_name"], span["line_start"])
        for message in messages
        if message["reason"] == "compiler-message" and message["message"]["level"] == "error"
        for span in message["message"]["spans"]
        if span["is_primary"]
    }
    if done.returncode and not errors:
        raise SystemExit(f"bench: the mutants do not compile\n{done.stderr[-3000:]}")
    return errors, [message["executable"] for message in messages if message.get("executable") and message["profile"]["test"]]


def leave_out(places, line, name):
    """The mutant on this line, or all of the function that holds it."""
    around = [place for place in places if place[0] <= line <= place[1]]
    if not around:
        raise SystemExit(f"bench: {name}:{line} does not compile, and no mutant is there")
    for mutant in min(around, key=lambda place: place[1] - place[0])[2]:
        mutant["is_viable"] = False


def share(home):
    """The tests run as nobody, for a fault may remove whatever its user may."""
    for folder, names, files in os.walk(home / "tree"):
        for name in [".", *names, *files]:
            os.chown(pathlib.Path(folder, name), NOBODY if os.geteuid() == 0 else -1, -1)


def tried(tree, tests, mutants):
    """Which of these are caught, by number; first it is seen that the code as it is passes."""
    lib, agent = sorted(tests, key=lambda path: "/agent-" in path)
    started = time.monotonic()
    if not passes(tree, [lib], 0) or not passes(tree, [agent], 0):
        raise SystemExit("bench: the tests fail without any mutant")
    patience_s = max(LEAST_PATIENCE_S, PATIENCE * (time.monotonic() - started))

    def is_caught(mutant):
        # A room's own tests find most of it, and fast.
        room = mutant["file"].removeprefix("src/").removesuffix(".rs").removesuffix("/mod").split("/")[0]
        all_pass = all(passes(tree, command, mutant["number"], patience_s) for command in ([lib, f"{room}::"], [lib], [agent]))
        return mutant["number"], not all_pass

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = {}
        for number, caught in pool.map(is_caught, mutants):
            results[number] = caught
            if not caught:
                print(f"missed: {mutants[len(results) - 1]['name']}", flush=True)
            if len(results) % 100 == 0:
                print(f"{len(results)} of {len(mutants)} tried, {sum(results.values())} caught", flush=True)
        return results


def passes(tree, command, number, patience_s=3600):
    scratch = tree / "tmp" / str(number)
    scratch.mkdir(parents=True, exist_ok=True)
    as_nobody = os.geteuid() == 0
    if as_nobody:
        os.chown(scratch, NOBODY, NOBODY)
    limited = ["timeout", "--kill-after=1", str(int(patience_s)), "prlimit", f"--as={MOST_MEMORY}", "--core=0"]
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if as_nobody else []
    known = {"PATH": os.environ["PATH"], "HOME": str(scratch), "TMPDIR": str(scratch), "CARGO_MANIFEST_DIR": str(tree), CHOICE: str(number)}
    done = subprocess.run([*limited, *drop, *command, "--quiet"], cwd=tree, env=known, capture_output=True)
    shutil.rmtree(scratch, ignore_errors=True)
    return done.returncode == 0


def show(found, results):
    print(f"\n{'room':32} {'viable':>6} {'caught':>6} {'missed':>6} {'%':>5} {'95 %':>12}")
    by_file = collections.defaultdict(list)
    for mutant in found:
        if mutant["number"] in results:
            by_file[mutant["file"]].append(results[mutant["number"]])
    by_room = {
        room: [caught for name, all_of in by_file.items() if name.startswith(path) for caught in all_of] for room, path in ROOMS.items()
    }
    for room, all_of in by_room.items():
        row(room, all_of)
    row("all", list(results.values()))
    print()
    for name, all_of in sorted(by_file.items()):
        row(name.removeprefix("src/"), all_of)
    few = [room for room, all_of in by_room.items() if 100 * sum(all_of) < LEAST_CAUGHT * len(all_of)]
    if few:
        raise SystemExit(f"bench: less than {LEAST_CAUGHT} % caught in {', '.join(few)}")


def row(name, results):
    if results:
        low, high = interval(sum(results), len(results))
        share = 100 * sum(results) / len(results)
        print(f"{name:32} {len(results):6} {sum(results):6} {len(results) - sum(results):6} {share:5.1f} {low:5.1f}..{high:5.1f}")


def interval(caught, tried):
    """The 95 % interval of a share, in percent, after Wilson (1927)."""
    z, share = 1.96, caught / tried
    middle = share + z * z / (2 * tried)
    around = z * ((share * (1 - share) + z * z / (4 * tried)) / tried) ** 0.5
    return tuple(100 * (middle + side) / (1 + z * z / tried) for side in (-around, around))
