"""Strangers' jobs: forms.py's forms, six rounds of each on a private cluster, with shadowfit sizing from the start.

Every job leaves a mark only when its work is done; the mark names its run, so that for each run of each job it is known
whether it did what it was for, whatever Slurm calls its end. In the last three rounds one job of each form that can needs
far more than its kind ever did. Jobs of Snakemake are rescued; those of Nextflow are not: where one fails, the bench submits it
again with more, as that does.
"""

import collections
import json
import sqlite3
import time

from forms import FAILS, FORMS, MARKS, install, script
from place import Bench, last_of_each

ROUNDS = 6
QUIET_ROUNDS = 3
# After the last run's end, for shadowfitd to see that a job was harmed.
GRACE_S = 90
ROUND_TIMEOUT_S = 900
# Every kind at once and no breaker: what may go wrong with a rewritten job shall go wrong here.
CONFIG = '[modes]\ndefault = "apply"\n[agent]\ninterval_s = 2\n[trust]\nstages = []\n[breaker]\nenabled = false\n'
CONFIG += '[managers]\nsnakemake = "rescue"\nnextflow = "size"\nno_requeue = "size"\n'


class Strangers(Bench):
    def __init__(self, cluster, folder):
        super().__init__(cluster)
        self.database = folder / "shadowfit/jobs.db"
        self.form_of, self.need_of = {}, {}
        # What a manager submitted in a job's place.
        self.again = {}
        self.submitted_at = time.strftime("%Y-%m-%dT%H:%M:%S")
        install()

    def submit(self, name, need, *more):
        """One job of a form, or a chain of two, with more options; returns its number."""
        form = FORMS[name]
        sbatch = [
            "sbatch",
            "--parsable",
            "--output=/dev/null",
            *(["--time=10"] if "-t" not in form.options else []),
            *form.options.split(),
            *more,
        ]
        text = script(form.script)
        if form.how in ("wrap", "stdin"):
            text = text.replace("{}", str(need))
        if form.how == "wrap":
            numbers = [self.inside(*sbatch, "--wrap", text.partition("\n")[2].replace("\n", ";").rstrip(";"), user="alice")]
        elif form.how == "stdin":
            numbers = [
                self.inside("bash", "-c", 'script=$1; shift; printf %s "$script" | "$@"', "-", text, *sbatch, "-J", "piped", user="alice")
            ]
        else:
            file = self.script(f"{name}.sh", text)
            numbers = [self.inside(*sbatch, file, str(need), user="alice")]
            if form.how == "after":
                numbers.append(self.inside(*sbatch, f"--dependency=afterok:{numbers[0].strip()}", file, str(need), user="alice"))
        for number in numbers:
            self.form_of[number.strip()], self.need_of[number.strip()] = name, need
        return numbers[-1].strip()

    def manage(self, runs):
        """Submits again what failed of jobs whose manager does that by itself."""
        for run in last_of_each(runs):
            job = run["job"]
            if FORMS[run["form"]].is_managed and run["state"] in ("FAILED", "OUT_OF_MEMORY", "TIMEOUT") and job not in self.again:
                self.again[job] = self.submit(run["form"], self.need_of[job], "--mem=3000")

    def play(self, number):
        """Submits a round, by turns, and waits until every job did its work or will not."""
        for turn in range(2):
            for name, form in FORMS.items():
                is_surprise = form.surprise and turn == 1 and number >= QUIET_ROUNDS
                self.submit(name, form.surprise if is_surprise else form.usual + 5 * turn + 3 * number)
        started = last_busy = time.time()
        while time.time() < started + ROUND_TIMEOUT_S:
            time.sleep(2)
            runs = self.runs()
            self.manage(runs)
            # Accounting hears of a job a moment after its submission.
            unseen = self.form_of.keys() - {run["submitted"] for run in runs}
            if unseen or any(run["state"] in ("PENDING", "RUNNING", "REQUEUED", "COMPLETING") for run in last_of_each(runs)):
                last_busy = time.time()
                continue
            without = [run for run in last_of_each(runs) if self.lacks_mark(run)]
            if not without or time.time() > last_busy + GRACE_S:
                return time.time() - started
        return time.time() - started

    def lacks_mark(self, run):
        return FORMS[run["form"]].right != FAILS and not self.is_done(run["job"])

    def is_done(self, job):
        """It did its work, or what was submitted in its place did."""
        return bool(self.marked_runs(job)) or job in self.again and self.is_done(self.again[job])

    def marked_runs(self, job):
        return {int(path.suffix[1:]) for path in MARKS.glob(f"{job}.*")}

    def runs(self):
        """Every run of every job, in the order in which they were submitted."""
        fields = "JobIDRaw,JobID,Submit,State,ReqMem,ElapsedRaw,AdminComment"
        rows = self.inside("sacct", "-a", "-D", "-X", "-P", "-n", "-S", self.submitted_at, "-o", fields)
        runs, restarts = [], collections.Counter()
        for row in sorted(rows.splitlines(), key=lambda row: row.split("|")[2]):
            raw, label, _, state, asked, elapsed, comment = row.split("|", 6)
            number = label.partition("_")[0]
            name = self.form_of.get(number)
            if name is None or "[" in label:
                continue
            record = json.loads(comment) if comment.startswith('{"shadowfit"') else {}
            state = state.split()[0]
            run = {"form": name, "job": raw, "submitted": number, "run": restarts[raw], "state": state}
            runs.append({**run, "record": record, "elapsed": int(elapsed), "mem": asked})
            restarts[raw] += 1
        return runs

    def counted_as_enough(self):
        """The runs that training takes for done, as (job, which of its runs)."""
        database = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        query = "SELECT job_id, state = 'COMPLETED' AND NOT peak_is_bound FROM jobs JOIN usages ON job = id WHERE started > 0 ORDER BY submitted, id"
        counted, restarts = set(), collections.Counter()
        for job, is_enough in database.execute(query):
            if is_enough:
                counted.add((str(job), restarts[job]))
            restarts[job] += 1
        return counted


def table(bench):
    """Prints a line a form. Returns how many jobs were lost and how many runs learned wrongly."""
    runs, counted = bench.runs(), bench.counted_as_enough()
    print(f"\n{'form':16} {'jobs':>5} {'sized':>6} {'harmed':>7} {'mended':>7} {'lost':>5} {'wrongly learned':>16} {'most runs':>10}")
    sums = collections.Counter()
    for name, form in FORMS.items():
        of_form = collections.defaultdict(list)
        for run in runs:
            if run["form"] == name:
                of_form[run["job"]].append(run)
        one = collections.Counter(jobs=len(of_form))
        for job, its in of_form.items():
            marked = bench.marked_runs(job)
            one["sized"] += any((run["record"].get("memory") or {}).get("mode") == "apply" or "again" in run["record"] for run in its)
            one["runs"] = max(one["runs"], len(its))
            if form.right == FAILS:
                one["lost"] += bool(marked) or its[-1]["state"] != "FAILED"
                continue
            unmarked = [run for run in its if run["run"] not in marked]
            one["harmed"] += bool(unmarked)
            one["mended"] += bool(unmarked and bench.is_done(job))
            # Two would write the same files.
            one["lost"] += not bench.is_done(job) or form.is_managed and len(its) > 1
            one["wrong"] += sum((job, run["run"]) in counted for run in unmarked)
        sums.update({key: count for key, count in one.items() if key != "runs"})
        print(
            f"{name:16} {one['jobs']:5} {one['sized']:6} {one['harmed']:7} {one['mended']:7} {one['lost']:5} {one['wrong']:16} {one['runs']:10}"
        )
    print(f"{'all':16} {sums['jobs']:5} {sums['sized']:6} {sums['harmed']:7} {sums['mended']:7} {sums['lost']:5} {sums['wrong']:16}")
    return sums


def run(cluster, folder, out):
    """Whether all is well; every run of every job goes to the file `out`."""
    bench = Strangers(cluster, folder)
    for number in range(ROUNDS):
        print(f"round {number + 1} of {ROUNDS}: {bench.play(number):.0f} s", flush=True)
    time.sleep(6)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(bench.runs(), indent=1))
    sums = table(bench)
    for run in last_of_each(bench.runs()):
        if bench.lacks_mark(run):
            print(f"lost: {run}")
    return not sums["lost"] and not sums["wrong"]
