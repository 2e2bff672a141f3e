"""Cold starts: real programs that the cluster has never seen, each measured by a shadow before it runs."""

import functools
import json
import pathlib
import random
import shutil
import statistics
import subprocess
import threading
import time

PACKAGES = "bwa minimap2 bowtie2 velvet samtools xz-utils zstd gcc python3-numpy pari-gp glpk-utils minisat sqlite3 x264 mafft openbabel"
REQUEST_MIB = 4096
REQUEST_CPUS = 4
FIXED_DEFAULT_MIB = 2048
SIZES = ("small", "middle", "large")
JOB_TIMEOUT_S = 600

# What each program does with $IN, its input of that size, in a folder of its own; and a factor of its input's size.
PROGRAMS = {
    "bwa-index": ("cp $IN/genome.fa . && bwa index genome.fa", (6, 20, 40)),
    "bwa-mem": ("bwa mem -t 2 $IN/indexed.fa $IN/reads.fq > out.sam", (60, 200, 400)),
    "minimap2": ("minimap2 -t 2 -a $IN/genome.fa $IN/reads.fq > out.sam", (5, 20, 40)),
    "bowtie2-build": ("bowtie2-build -q --threads 2 $IN/genome.fa index", (3, 8, 16)),
    "velvet": ("velveth out 31 -fastq -short $IN/reads.fq && velvetg out", (100, 250, 500)),
    "samtools-sort": ("samtools sort -@ 1 -m 600M $IN/reads.sam -o out.bam", (100, 400, 900)),
    "sort": ("sort -S 1200M --parallel=2 -T . $IN/numbers.txt -o out.txt", (2, 6, 14)),
    "xz": ("xz -9 -T1 -c $IN/numbers.txt > out.xz", (0.4, 1, 2)),
    "zstd": ("zstd -q -19 -T2 $IN/numbers.txt -o out.zst", (2, 5, 10)),
    "gcc": ("gcc -O2 -c $IN/program.c -o out.o", (3, 8, 16)),
    "numpy-svd": ("/usr/bin/python3 $IN/svd.py", (8, 12, 17)),
    "pari": ("gp -q -D nbthreads=2 --stacksize 1G $IN/matrix.gp", (3, 5, 7)),
    "glpsol": ("glpsol --tmlim 60 --lp $IN/problem.lp -o out.txt", (3, 5, 8)),
    "minisat": ("minisat -cpu-lim=60 $IN/formula.cnf out.txt || [ $? -ge 10 ] || true", (4, 10, 20)),
    "sqlite": ("sqlite3 :memory: < $IN/query.sql", (20, 60, 120)),
    "x264": ("x264 --quiet --threads 2 --preset medium --input-res 640x360 --demuxer raw $IN/film.yuv -o out.264", (4, 10, 20)),
    "mafft": ("mafft --quiet --thread 2 --retree 2 $IN/family.fa > out.fa", (2, 4, 7)),
    "obabel": ("obabel $IN/molecules.smi -O out.sdf --gen2d -h", (4, 10, 20)),
}


def bases(count):
    return "".join(random.choices("ACGT", k=count))


def write_genome(folder, megabases, name="genome.fa"):
    genome = bases(int(megabases * 1_000_000))
    lines = "\n".join(genome[start : start + 80] for start in range(0, len(genome), 80))
    (folder / name).write_text(f">chr1\n{lines}\n")
    return genome


def write_reads(folder, genome, thousands):
    with open(folder / "reads.fq", "w") as out:
        for number in range(thousands * 1000):
            start = random.randrange(len(genome) - 100)
            out.write(f"@r{number}\n{genome[start : start + 100]}\n+\n{'I' * 100}\n")


def write_numbers(folder, size):
    with open(folder / "numbers.txt", "w") as out:
        for _ in range(int(size * 1_500_000)):
            out.write(f"{random.getrandbits(60)}\n")


def write_program(folder, size):
    with open(folder / "program.c", "w") as out:
        for number in range(size * 700):
            body = " ".join(f"x = x * {random.randrange(9)} + a[x & 255] - (x >> {random.randrange(1, 9)});" for _ in range(20))
            out.write(f"int f{number}(int x, const int *a) {{ for (int i = 0; i < x; i++) {{ {body} }} return x; }}\n")


def write_problem(folder, size):
    columns, rows = size * 400, size * 300
    with open(folder / "problem.lp", "w") as out:
        out.write("Maximize\n obj: " + " + ".join(f"{random.randrange(1, 99)} x{n}" for n in range(columns)) + "\nSubject To\n")
        for row in range(rows):
            chosen = random.sample(range(columns), 30)
            out.write(
                f" c{row}: " + " + ".join(f"{random.randrange(1, 50)} x{n}" for n in chosen) + f" <= {random.randrange(1000, 9000)}\n"
            )
        out.write("End\n")


def write_formula(folder, size):
    variables = size * 20_000
    clauses = int(variables * 3.6)
    with open(folder / "formula.cnf", "w") as out:
        out.write(f"p cnf {variables} {clauses}\n")
        for _ in range(clauses):
            out.write(" ".join(str(random.choice((1, -1)) * random.randrange(1, variables + 1)) for _ in range(3)) + " 0\n")


def write_input(name, folder, size):
    """Makes the input of one program and size; what takes long is made once, by the program's own tools."""
    random.seed(size)
    folder.mkdir(parents=True)
    if name in ("bwa-index", "bowtie2-build"):
        write_genome(folder, size)
    elif name == "minimap2":
        write_reads(folder, write_genome(folder, size), 20)
    elif name in ("bwa-mem", "velvet", "samtools-sort"):
        genome = write_genome(folder, 3 if name != "velvet" else 0.5, "indexed.fa")
        write_reads(folder, genome, size)
        if name != "velvet":
            subprocess.run(["bwa", "index", "indexed.fa"], cwd=folder, check=True, capture_output=True)
        if name == "samtools-sort":
            with open(folder / "reads.sam", "w") as out:
                subprocess.run(
                    ["bwa", "mem", "-t2", "indexed.fa", "reads.fq"], cwd=folder, check=True, stdout=out, stderr=subprocess.DEVNULL
                )
    elif name in ("sort", "xz", "zstd"):
        write_numbers(folder, size)
    elif name == "gcc":
        write_program(folder, size)
    elif name == "numpy-svd":
        (folder / "svd.py").write_text(
            f"import numpy\na = numpy.random.default_rng(1).standard_normal(({size}00, {size}00))\nfor n in range(3): numpy.linalg.svd(a)\n"
        )
    elif name == "pari":
        (folder / "matrix.gp").write_text(f"M = matrix({size}00, {size}00, i, j, random(10^6)); D = matdet(M); print(#digits(D)); quit\n")
    elif name == "glpsol":
        write_problem(folder, size)
    elif name == "minisat":
        write_formula(folder, size)
    elif name == "sqlite":
        (folder / "query.sql").write_text(
            f"CREATE TABLE t AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {size}00000) SELECT x, random() AS r, hex(randomblob(20)) AS h FROM n;\n"
            "CREATE INDEX i ON t (h); SELECT count(*), max(r) FROM t GROUP BY x % 10;\n"
        )
    elif name == "x264":
        frame = random.randbytes(640 * 360 * 3 // 2)
        with open(folder / "film.yuv", "wb") as out:
            for number in range(size * 60):
                out.write(frame[number * 640 % len(frame) :] + frame[: number * 640 % len(frame)])
    elif name == "mafft":
        ancestor = bases(600)
        with open(folder / "family.fa", "w") as out:
            for number in range(size * 150):
                child = "".join(random.choice("ACGT") if random.random() < 0.2 else base for base in ancestor)
                out.write(f">s{number}\n{child}\n")
    elif name == "obabel":
        with open(folder / "molecules.smi", "w") as out:
            for number in range(size * 400):
                out.write("C" * random.randrange(3, 12) + "(=O)N" + "C" * random.randrange(1, 9) + f"c1ccccc1 m{number}\n")


class Truth(threading.Thread):
    """The true peak of a job: its cgroup, looked at fifty times a second. sacct's samples miss bursts."""

    def __init__(self, number):
        super().__init__(daemon=True)
        self.pattern = f"slurm_*/uid_*/job_{number}/step_batch/memory.stat"
        self.peak, self.ended = 0, False
        self.start()

    def run(self):
        files = []
        while not self.ended:
            files = files or list(pathlib.Path("/sys/fs/cgroup/memory").glob(self.pattern))
            for file in files:
                try:
                    fields = dict(line.split() for line in file.read_text().splitlines())
                    self.peak = max(self.peak, int(fields["total_rss"]) + int(fields["total_shmem"]))
                except OSError:
                    pass
            time.sleep(0.02)

    def peak_mib(self):
        self.ended = True
        self.join()
        return round(self.peak / 2**20)


class Bench:
    """A cluster on which every program is new. `cluster` runs scripts/cluster and returns what it prints."""

    def __init__(self, cluster, window_s):
        self.cluster, self.window_s = cluster, window_s
        self.folder = pathlib.Path("/var/tmp/shadowfit-bench")

    def inside(self, *command, user="root"):
        return self.cluster("exec", "--user", user, "--", *command, cwd=self.folder)

    def job(self, number):
        jobs = json.loads(self.inside("squeue", "--json"))["jobs"]
        own = next(one for one in jobs if one["job_id"] == number)
        shadow = next((one for one in jobs if one["name"] == f"shadow-of-{number}"), None)
        return own, shadow

    def measure(self, name, size, command):
        """Submits one program of a kind never seen and waits until accounting knows what it used."""
        script = self.folder / f"{name}-{size}.sh"
        script.write_text(
            f"#!/bin/bash\n: {name} {size}\nIN={self.folder}/input/{name}-{size}\nexport OMP_NUM_THREADS=2\n"
            f"cd $(mktemp -d) || exit 1\n{command}\nstatus=$?\nrm -rf $PWD\nexit $status\n"
        )
        number = int(
            self.inside(
                "sbatch", "--parsable", "-o", "/dev/null", "-t", "30", f"--mem={REQUEST_MIB}", f"-c{REQUEST_CPUS}", script, user="alice"
            )
        )
        deadline = time.time() + JOB_TIMEOUT_S
        updated = None
        truth = Truth(number)
        while time.time() < deadline:
            own, shadow = self.job(number)
            if updated is None and own["start_time"] and own["job_state"] != "PENDING":
                updated = own["start_time"] - own["submit_time"]
            if own["job_state"] not in ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING"):
                break
            time.sleep(0.5)
        rescued = own["restart_cnt"] > 0 or own["job_state"] == "OUT_OF_MEMORY"
        return {
            "program": name,
            "size": size,
            "state": own["job_state"],
            "rescued": rescued,
            "updated_s": updated,
            **self.predicted(own, shadow),
            **self.used(number),
            "used_mib": truth.peak_mib(),
        }

    def predicted(self, own, shadow):
        record = json.loads(own["admin_comment"] or "{}")
        counters = json.loads((shadow or {}).get("admin_comment") or "{}").get("counters") or {}
        memory, cpus = record.get("memory") or {}, record.get("cpus") or {}
        return {
            "ended": counters.get("ended"),
            "why": counters.get("why") or record.get("kept"),
            "seen_mib": counters.get("peak_mib"),
            "shadow_s": counters.get("wall_s"),
            "demand": counters.get("demand_peak"),
            "set_mib": memory.get("set", REQUEST_MIB),
            "set_cpus": cpus.get("set", REQUEST_CPUS),
            "predicted_mib": (record.get("evidence") or {}).get("shadow_mib"),
        }

    def used(self, number):
        for _ in range(20):
            rows = self.inside("sacct", "-nP", "-j", str(number), "-o", "JobID,MaxRSS,ElapsedRaw,TotalCPU", "--units=K").splitlines()
            batch = [row.split("|") for row in rows if ".batch" in row]
            if batch and batch[-1][1]:
                mib = float(batch[-1][1].rstrip("K")) / 1024
                elapsed = int(batch[-1][2])
                cpu = sum(
                    float(part) * unit for part, unit in zip(reversed(batch[-1][3].split("-")[-1].split(":")), (1, 60, 3600), strict=False)
                )
                return {"sacct_mib": round(mib), "elapsed_s": elapsed, "cores": round(cpu / max(elapsed, 1), 2)}
            time.sleep(0.5)
        return {"sacct_mib": None, "elapsed_s": None, "cores": None}


def waste(rows, given):
    """MiB·s that were given and not used; a rescued job wasted its first attempt too."""
    return sum(
        max(given(row) - row["used_mib"], 0) * max(row["elapsed_s"], 1) + (given(row) * row["elapsed_s"] if row["rescued"] else 0)
        for row in rows
    )


def summarize(rows):
    known = [row for row in rows if row["used_mib"]]
    predicted = [row for row in known if row["predicted_mib"]]
    asked = waste([{**row, "rescued": False} for row in known], lambda row: REQUEST_MIB)
    errors = sorted(abs(row["set_mib"] - row["used_mib"]) / row["used_mib"] for row in predicted if row["used_mib"] > 232)
    seen = sorted(abs(row["seen_mib"] - row["used_mib"]) / row["used_mib"] for row in predicted if row["used_mib"])
    right = [abs(max(1, row["demand"]) - max(1, row["cores"])) <= 1 for row in predicted]
    fixed = waste([{**row, "rescued": row["used_mib"] > FIXED_DEFAULT_MIB} for row in known], lambda row: FIXED_DEFAULT_MIB)
    return {
        "runs": len(known),
        "predicted": len(predicted),
        "waste_of_request": waste(known, lambda row: row["set_mib"]) / asked,
        "waste_of_request_fixed_default": fixed / asked,
        "waste_of_request_perfect": 0.0,
        "killed_pct": 100 * sum(row["rescued"] for row in known) / max(len(known), 1),
        "median_error_of_seen": statistics.median(seen) if seen else None,
        "median_error_of_set_above_floor": statistics.median(errors) if errors else None,
        "cpus_within_one_pct": 100 * statistics.mean(right) if right else None,
        "updated_s_max": max((row["updated_s"] or 0 for row in known), default=None),
    }


def show_figure(row, key, digits=0):
    return "-" if row[key] is None else f"{row[key]:.{digits}f}"


def run(cluster, window_s, out, only=None):
    bench = Bench(cluster, window_s)
    shutil.rmtree(bench.folder, ignore_errors=True)
    bench.folder.mkdir()
    bench.folder.chmod(0o777)
    rows = []
    print(
        f"{'program':15} {'size':7} {'shadow':9} {'after s':>7} {'seen':>6} {'set':>6} {'used':>6} {'sacct':>6} MiB {'CPUs wanted':>11} {'set':>4} {'busy':>5} {'run s':>6}"
    )
    for name, (command, sizes) in PROGRAMS.items():
        for size, amount in zip(SIZES, sizes, strict=True):
            if only and name not in only:
                continue
            write_input(name, bench.folder / "input" / f"{name}-{size}", amount)
            row = bench.measure(name, size, command)
            rows.append(row)
            show = functools.partial(show_figure, row)
            print(
                f"{name:15} {size:7} {row['ended'] or '-':9} {show('shadow_s', 1):>7} {show('seen_mib'):>6} {show('set_mib'):>6} {show('used_mib'):>6} {show('sacct_mib'):>6}     {show('demand', 1):>11} {show('set_cpus'):>4} {show('cores', 1):>5} {show('elapsed_s'):>6} {'KILLED, rescued' if row['rescued'] else ''} {row['why'] or ''}",
                flush=True,
            )
            shutil.rmtree(bench.folder / "input" / f"{name}-{size}")
    summary = summarize(rows)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"summary": summary, "rows": rows}, indent=2) + "\n")
    for key, value in summary.items():
        print(f"{key:34} {value if value is None or isinstance(value, int) else round(value, 3)}")
    shutil.rmtree(bench.folder, ignore_errors=True)
