//! The sampler beside every job: known workloads with known truth, and jobs that outlive it.

use crate::cluster::{Cluster, Result, ensure, eventually, folder_for_all};
use crate::shadow::{near, write_script};
use serde_json::Value;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Waits for the job's end and returns what its sampler saw.
fn profile(cluster: &Cluster, job: u64) -> Result<Value> {
    cluster.wait_for(job, "COMPLETED")?;
    let record = cluster.job(job)?.record();
    ensure(
        record["profile"].is_object(),
        format!("no profile: {record}"),
    )?;
    Ok(record["profile"].clone())
}

/// A file in which a job writes down what it really did.
fn truth(cluster: &Cluster) -> Result<PathBuf> {
    let path = cluster.scratch.join("truth");
    std::fs::write(&path, "")?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666))?;
    Ok(path)
}

fn held(truth: &Path) -> Result<f64> {
    let text = std::fs::read_to_string(truth)?;
    text.parse().map_err(|_| format!("no truth: {text}").into())
}

fn run(cluster: &Cluster, name: &str, script: &str) -> Result<(u64, Value)> {
    let script = write_script(cluster, name, script)?;
    let job = cluster.submit("alice", &["--mem=3000", "-c2"], &script, &[])?;
    Ok((job, profile(cluster, job)?))
}

/// 512 MiB for a fifth of a second: sacct, which looks once a second at most, may see nothing of it. What
/// script and program really held then, as the kernel reports them, is written to $1.
const BURST: &str = "#!/bin/bash\nsleep 1\npython3 - $1 <<'PYTHON'
import os, sys, time
def anonymous(pid):
    rows = dict(line.split(':', 1) for line in open(f'/proc/{pid}/smaps_rollup') if ':' in line)
    return int(rows['Anonymous'].split()[0])
held = bytearray(512 << 20)
held[::4096] = bytes(len(held[::4096]))
open(sys.argv[1], 'w').write(str(anonymous(os.getpid()) + anonymous(os.getppid())))
time.sleep(0.2)
del held
time.sleep(2)
PYTHON
";

/// 200 MiB in pieces of 4 KiB, and then time for the kernel to count who has what.
const WRITES: &str = "#!/bin/bash\npython3 -c '
import os
file = os.open(\"'$(mktemp -p /var/tmp)'\", os.O_WRONLY)
for n in range(51200): os.write(file, bytes(4096))
import time
time.sleep(3)'\nrm -f /var/tmp/tmp.*\n";

/// 2.5 CPUs in bursts of three seconds: two that never rest and one that rests half of the time, if the machine has CPUs
/// for them. It writes down what the kernel says of it: the CPU time that it used; and how many CPUs it ran on or waited for
/// in a second of a burst, in that which wanted least and in that which wanted most.
const BUSY: &str = "#!/bin/bash\npython3 - $1 <<'PYTHON'
import bisect, json, multiprocessing, resource, sys, time
BURSTS, BURST, SECOND, STEP = 2, 3, 1, 0.02
def wanted():
    ran, waited, _ = open('/proc/self/schedstat').read().split()
    return (int(ran) + int(waited)) / 1e9
def burn(rests, noted, all):
    bursts = []
    for burst in range(BURSTS):
        all.wait()
        end = time.monotonic() + BURST
        bursts.append([(time.monotonic(), wanted())])
        while time.monotonic() < end:
            stop = time.monotonic() + STEP
            while time.monotonic() < stop: pass
            bursts[-1].append((time.monotonic(), wanted()))
            time.sleep(STEP if rests else 0)
        time.sleep(1)
    noted.put(bursts)
def until(marks, at):
    after = min(max(bisect.bisect(marks, (at,)), 1), len(marks) - 1)
    (t0, w0), (t1, w1) = marks[after - 1:after + 1]
    return w0 + (w1 - w0) * (at - t0) / (t1 - t0)
noted, all = multiprocessing.Queue(), multiprocessing.Barrier(3)
burners = [multiprocessing.Process(target=burn, args=(n == 2, noted, all)) for n in range(3)]
for burner in burners: burner.start()
bursts = list(zip(*[noted.get() for burner in burners]))
for burner in burners: burner.join()
seconds = []
for burst in bursts:
    at, end = max(marks[0][0] for marks in burst), min(marks[-1][0] for marks in burst)
    while at + SECOND <= end:
        seconds.append(sum(until(marks, at + SECOND) - until(marks, at) for marks in burst))
        at += STEP
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
used = sum(u.ru_utime + u.ru_stime for u in used)
json.dump({'used': used, 'least': min(seconds), 'most': max(seconds)}, open(sys.argv[1], 'w'))
PYTHON
";

/// 100 MiB from one network to another, both the job's own, joined by a veth that is gone before they are.
const SENDS: &str = "#!/bin/bash\nexec unshare -rn bash -c '
unshare -n sleep 30 & other=$!
until [ \"$(readlink /proc/$other/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]; do sleep 0.05; done
ip link add here type veth peer name there netns $other
ip addr add 10.9.9.1/24 dev here && ip link set here up
nsenter -t $other -n ip addr add 10.9.9.2/24 dev there && nsenter -t $other -n ip link set there up
nsenter -t $other -n python3 -c \"
import socket
server = socket.create_server((str(), 5000))
client = server.accept()[0]
while client.recv(1 << 20): pass
\" & server=$!
sleep 2
python3 -c \"
import socket
to = socket.create_connection((\\\"10.9.9.2\\\", 5000))
for n in range(100): to.sendall(bytes(1 << 20))
to.close()
\"
wait $server; sleep 2; ip link del here; sleep 3; kill $other'
";

pub fn a_burst_that_sacct_misses_is_in_the_profile(cluster: &mut Cluster) -> Result<()> {
    let truth = truth(cluster)?;
    let script = write_script(cluster, "burst.sh", BURST)?;
    let path = truth.display().to_string();
    let job = cluster.submit("alice", &["--mem=3000"], &script, &[&path])?;
    let seen = profile(cluster, job)?;
    let held = held(&truth)? / 1024.0;
    ensure(held > 512.0, format!("{held} MiB held"))?;
    let batch = format!("{job}.batch");
    let sacct = ["sacct", "-n", "-P", "-o", "MaxRSS", "-j", &batch];
    let sampled = cluster.run("root", &sacct)?;
    println!(
        "held {held:.1} MiB; the sampler saw {}, sacct's MaxRSS is '{sampled}'",
        seen["peak_mib"]
    );
    near("peak_mib", &seen["peak_mib"], 0.99 * held, 1.01 * held)?;
    ensure(seen["ended"] == "finished", seen.to_string())?;
    eventually("the peak in the store", 20, || {
        cluster.pass()?;
        let used = cluster.run(
            "root",
            &["shadowfit", "report", "--json", "-j", &job.to_string()],
        )?;
        Ok(serde_json::from_str::<Value>(&used)?["total"]["runs"] == 1)
    })?;
    let shown = cluster.run("root", &["shadowfit", "profile", &job.to_string()])?;
    ensure(shown.contains("at its peak"), shown)?;
    let shown = cluster.run(
        "root",
        &["shadowfit", "profile", "--json", &job.to_string()],
    )?;
    ensure(serde_json::from_str::<Value>(&shown)? == seen, shown)?;
    let explained = cluster.run("root", &["shadowfit", "explain", &job.to_string()])?;
    ensure(
        explained.contains("profile   ") && explained.contains("used      51"),
        explained,
    )
}

/// 200 MiB of files in memory, and next to nothing of its own.
const SHARES: &str =
    "#!/bin/bash\nfile=$(mktemp -p /dev/shm)\nhead -c 200M /dev/zero >$file\nsleep 3\nrm $file\n";

pub fn what_a_job_does_is_counted_right(cluster: &mut Cluster) -> Result<()> {
    let (_, wrote) = run(cluster, "writes.sh", WRITES)?;
    // What is written to a disk the kernel can do without, what is written to memory it cannot.
    near("peak_mib of a writer", &wrote["peak_mib"], 3.0, 30.0)?;
    let (_, shared) = run(cluster, "shares.sh", SHARES)?;
    near("peak_mib of /dev/shm", &shared["peak_mib"], 200.0, 215.0)?;
    near("written_mib", &wrote["written_mib"][0], 195.0, 210.0)?;
    near("write calls", &wrote["calls"][1], 51_000.0, 54_000.0)?;
    near("threads", &wrote["threads"], 2.0, 12.0)
}

pub fn bursts_of_cpu_are_counted_right(cluster: &mut Cluster) -> Result<()> {
    let truth = truth(cluster)?;
    let script = write_script(cluster, "busy.sh", BUSY)?;
    let options = ["--mem=3000", "-c3"];
    let path = truth.display().to_string();
    let job = cluster.submit("alice", &options, &script, &[&path])?;
    let busy = profile(cluster, job)?;
    let truth: Value = serde_json::from_slice(&std::fs::read(&truth)?)?;
    println!(
        "{truth}; the sampler saw {} and {}",
        busy["cpu_s"], busy["demand_peak"]
    );
    let told = |name: &str| truth[name].as_f64().ok_or(format!("no {name}: {truth}"));
    let used = told("used")?;
    near("cpu_s", &busy["cpu_s"], 0.95 * used, 1.05 * used)?;
    // Whichever seconds the sampler took, one of them lies within a burst.
    near(
        "CPUs wanted in a burst",
        &busy["demand_peak"],
        0.95 * told("least")?,
        1.05 * told("most")?,
    )
}

pub fn what_a_job_sends_is_counted_right(cluster: &mut Cluster) -> Result<()> {
    let (_, sent) = run(cluster, "sends.sh", SENDS)?;
    near("received", &sent["network_mib"][0], 100.0, 105.0)?;
    near("sent", &sent["network_mib"][1], 100.0, 105.0)?;
    near("MiB a second", &sent["peak_mib_s"][1], 80.0, 210.0)
}

pub fn a_job_outlives_its_sampler(cluster: &mut Cluster) -> Result<()> {
    let text = "#!/bin/bash\necho begins\nsleep 4\necho ends >&2\n";
    let script = write_script(cluster, "outlives.sh", text)?;
    let printed = folder_for_all(cluster, "outlives")?.join("printed");
    let output = format!("--output={}", printed.display());
    let job = cluster.submit("alice", &["--mem=100", &output], &script, &[])?;
    cluster.kill_process(&format!("shadowfit-sampler job --job {job} "))?;
    cluster.wait_for(job, "COMPLETED")?;
    let record = cluster.job(job)?.record();
    ensure(
        record["shadowfit"] == 1 && record["profile"].is_null(),
        record.to_string(),
    )?;
    let printed = std::fs::read_to_string(&printed)?;
    ensure(
        printed == "begins\nends\n",
        format!("its output holds: {printed}"),
    )
}

/// Somebody else's AdminComment stays, whatever the sampler saw.
pub fn a_foreign_comment_outlives_the_sampler(cluster: &mut Cluster) -> Result<()> {
    let script = write_script(cluster, "foreign.sh", "#!/bin/bash\nsleep 2\n")?;
    let job = cluster.submit("alice", &["--mem=100", "--hold"], &script, &[])?;
    let name = format!("JobId={job}");
    cluster.run(
        "root",
        &["scontrol", "update", &name, "AdminComment=ticket 42"],
    )?;
    cluster.run("root", &["scontrol", "release", &job.to_string()])?;
    cluster.wait_for(job, "COMPLETED")?;
    let comment = cluster.job(job)?.comment;
    ensure(comment == "ticket 42", comment)
}

/// Sizes of files that the command line or the script names travel with the submission, their names do not.
pub fn the_size_of_the_input_is_told(cluster: &mut Cluster) -> Result<()> {
    let known = cluster.known.clone();
    let input = cluster.scratch.join("secret-sample.fq");
    std::fs::write(&input, vec![b'A'; 5000])?;
    let path = input.display().to_string();
    let named = format!("in={path}");
    let arguments = ["105", &path, "/nonexistent", &named];
    let job = cluster.submit("alice", &["--mem=4000", "--hold"], &known, &arguments)?;
    let job = cluster.job(job)?;
    ensure(
        job.record()["input_bytes"] == 5000 && !job.comment.contains("secret"),
        job.comment,
    )?;
    let names_it = write_script(cluster, "reads.sh", &format!("#!/bin/sh\nwc <{path}\n"))?;
    let job = cluster.submit("alice", &["--mem=4000", "--hold"], &names_it, &["105"])?;
    let job = cluster.job(job)?;
    ensure(job.record()["input_bytes"] == 5000, job.comment)?;
    let wrap = format!("wc {path}");
    let wrapped = [
        "sbatch",
        "--parsable",
        "--mem=4000",
        "--hold",
        "--wrap",
        &wrap,
    ];
    let job = cluster.run("alice", &wrapped)?.parse()?;
    let job = cluster.job(job)?;
    ensure(job.record()["input_bytes"] == 5000, job.comment)?;
    let without = cluster.submit_known(&[])?;
    ensure(without.record()["input_bytes"].is_null(), without.comment)
}

/// Where the site names time, backfill may shorten a known kind's limit, and only then.
pub fn a_known_kind_may_be_backfilled_sooner(cluster: &mut Cluster) -> Result<()> {
    let known = cluster.known.clone();
    let shown = |cluster: &Cluster, options: &[&str]| {
        let options = [&["--mem=4000", "-c2", "--hold"], options].concat();
        let job = cluster.submit("alice", &options, &known, &["105"])?;
        cluster.run("root", &["scontrol", "show", "job", &job.to_string()])
    };
    let untouched = shown(cluster, &["--time=120"])?;
    ensure(untouched.contains("TimeMin=N/A"), untouched)?;
    cluster.configure("[[rule]]\ntime = 'apply'\n")?;
    cluster.let_the_plugin_look();
    let shortened = shown(cluster, &["--time=120"])?;
    ensure(
        shortened.contains("TimeLimit=02:00:00 TimeMin=00:10:00"),
        shortened,
    )?;
    let own = shown(cluster, &["--time=120", "--time-min=60"])?;
    ensure(own.contains("TimeMin=01:00:00"), own)?;
    cluster.configure("[[rule]]\ntime = 'apply'\n[time]\nlimit = true\n")?;
    cluster.let_the_plugin_look();
    let limited = shown(cluster, &["--time=120"])?;
    ensure(limited.contains("TimeLimit=00:10:00"), limited)
}

/// Holds as many seats as it is told for two seconds: `seats.sh PORT SEATS`.
const SEATS: &str = "#!/bin/bash\npython3 -c '
import socket, sys, time
held = [socket.create_connection((\"127.0.0.1\", int(sys.argv[1]))) for n in range(int(sys.argv[2]))]
time.sleep(2)' $1 $2
[ -e \"$NEEDS\" ] || exit 0
folder=$(mktemp -d) && cp /bin/sleep $folder/ansys && $folder/ansys 2
exit 1\n";

pub fn licenses_are_set_to_what_was_in_use(cluster: &mut Cluster) -> Result<()> {
    let server = TcpListener::bind("127.0.0.1:0")?;
    let port = server.local_addr()?.port().to_string();
    std::thread::spawn(move || server.incoming().collect::<Vec<_>>());
    cluster.configure(&format!(
        "[licenses]\nmin_runs = 2\n[[rule]]\nlicenses = 'apply'\n\
         [[license]]\nname = 'matlab'\nservers = ['{port}@127.0.0.1']\n\
         [[license]]\nname = 'ansys'\nprocesses = ['ansys']\n"
    ))?;
    cluster.let_the_plugin_look();
    let script = write_script(cluster, "seats.sh", SEATS)?;
    let submit = |seats: &str, more: &[&str]| {
        let options = [&["--mem=500"], more].concat();
        cluster.sbatch("alice", &options, &script, &[&port, seats])
    };
    for _ in 0..2 {
        let (job, said) = submit("3", &["-L", "matlab:4,ansys"])?;
        ensure(!said.contains("licenses"), said)?;
        let seen = profile(cluster, job)?;
        ensure(
            seen["licenses"]["matlab"] == 3 && seen["licenses"]["ansys"] == 0,
            seen.to_string(),
        )?;
    }
    cluster.books_agree()?;
    cluster.let_the_plugin_look();
    let (job, said) = submit("3", &["-L", "matlab:4,ansys", "--hold"])?;
    ensure(
        said.contains("licenses matlab:4,ansys -> matlab:3 (2 runs used at most 3 of matlab, none of 2 runs used ansys)"),
        said,
    )?;
    let shown = cluster.run("root", &["scontrol", "show", "job", &job.to_string()])?;
    ensure(shown.contains("Licenses=matlab:3 "), shown)?;
    let (_, said) = submit("3", &["--hold"])?;
    ensure(
        said.contains("--licenses=matlab:3 would do (2 of 2 runs used matlab)"),
        said,
    )?;
    // One that needs what was dropped, and fails without it, runs again with what its user asked for.
    let needs = format!("{}/needs-ansys", cluster.scratch.display());
    std::fs::write(&needs, "")?;
    let (job, said) = submit(
        "3",
        &[
            "-L",
            "matlab:4,ansys",
            "--export",
            &format!("NEEDS={needs}"),
        ],
    )?;
    ensure(said.contains("-> matlab:3"), said)?;
    cluster.wait_for(job, "FAILED")?;
    std::fs::remove_file(&needs)?;
    cluster.pass()?;
    cluster.wait_for(job, "COMPLETED")?;
    let shown = cluster.run("root", &["scontrol", "show", "job", &job.to_string()])?;
    ensure(
        shown.contains("Licenses=matlab:4,ansys") && shown.contains("Restarts=1"),
        shown,
    )
}

/// 50 MB a second for four seconds.
const STREAM: &str = "#!/bin/bash\npython3 -c '
import tempfile, time
with tempfile.TemporaryFile(dir=\"/var/tmp\") as file:
    start = time.monotonic()
    for n in range(80):
        file.write(bytes(2_500_000))
        file.flush()
        time.sleep(max(0, start + 0.05 * (n + 1) - time.monotonic()))
    time.sleep(1)'\n";

/// Bandwidth as a license: Slurm keeps jobs apart that would saturate a file system together.
pub fn bandwidth_becomes_a_license(cluster: &mut Cluster) -> Result<()> {
    cluster.configure(
        "[licenses]\nmin_runs = 2\nadd = 'apply'\n[[rule]]\nlicenses = 'apply'\n[io]\nlicense = 'lustre_mbps'\n",
    )?;
    for _ in 0..2 {
        let (_, seen) = run(cluster, "stream.sh", STREAM)?;
        near("MB a second", &seen["licenses"]["lustre_mbps"], 47.0, 56.0)?;
    }
    cluster.books_agree()?;
    cluster.let_the_plugin_look();
    let script = cluster.scratch.join("stream.sh");
    let job = cluster.submit("alice", &["--mem=3000", "-c2", "--hold"], &script, &[])?;
    let shown = cluster.run("root", &["scontrol", "show", "job", &job.to_string()])?;
    ensure(
        shown.contains("Licenses=lustre_mbps:5") || shown.contains("Licenses=lustre_mbps:4"),
        shown,
    )
}

/// Rank 1, on another node than the batch script, holds 300 MiB for two seconds.
const RANKS: &str = "#!/bin/bash\nsrun python3 -c '
import os, time
held = bytearray((300 << 20) * int(os.environ[\"SLURM_PROCID\"]))
held[::4096] = bytes(len(held[::4096]))
time.sleep(2.5)'\n";

/// Where nodes share a folder, all of them report, and AdminComment may hold what it wants.
pub fn every_node_of_a_job_tells_what_it_saw(cluster: &mut Cluster) -> Result<()> {
    let spool = cluster.scratch.join("spool");
    std::fs::create_dir(&spool)?;
    std::fs::set_permissions(&spool, std::fs::Permissions::from_mode(0o700))?;
    let folder = spool.display().to_string();
    cluster.configure(&format!("[profile]\nspool_dir = '{folder}'\n"))?;
    let script = write_script(cluster, "ranks.sh", RANKS)?;
    let options = ["--mem=1000", "-N2", "-n2", "--hold"];
    let job = cluster.submit("alice", &options, &script, &[])?.to_string();
    let name = format!("JobId={job}");
    cluster.run(
        "root",
        &["scontrol", "update", &name, "AdminComment=ticket 42"],
    )?;
    cluster.run("root", &["scontrol", "release", &job])?;
    let shown = ["shadowfit", "profile", "--json", &job];
    eventually("a profile in the store", 60, || {
        cluster.pass_as_root()?;
        Ok(cluster.run("root", &shown).is_ok())
    })?;
    let seen: Value = serde_json::from_str(&cluster.run("root", &shown)?)?;
    near("the second node's peak", &seen["peak_mib"], 300.0, 312.0)?;
    ensure(seen["processes"].as_u64() >= Some(3), seen.to_string())?;
    ensure(seen["nodes"] == 2, seen.to_string())?;
    ensure(
        std::fs::read_dir(&spool)?.count() == 0,
        "files stay in the spool folder",
    )
}

/// Where Slurm keeps no cgroups, a job's processes are found in /proc.
pub fn a_cluster_without_cgroups_is_profiled_too(cluster: &mut Cluster) -> Result<()> {
    let conf = cluster.dir.join("etc/slurm.conf");
    let with_cgroups = std::fs::read_to_string(&conf)?;
    let without = with_cgroups
        .replace("proctrack/cgroup", "proctrack/linuxproc")
        .replace("task/cgroup", "task/none")
        .replace("jobacct_gather/cgroup", "jobacct_gather/linux");
    ensure(!without.contains("cgroup"), without.clone())?;
    std::fs::write(&conf, without)?;
    cluster.restart_all()?;
    let seen = run(cluster, "steps.sh", STEPS);
    std::fs::write(&conf, with_cgroups)?;
    cluster.restart_all()?;
    let (_, seen) = seen?;
    near("peak_mib", &seen["peak_mib"], 300.0, 330.0)?;
    near("cpu_s", &seen["cpu_s"], 1.9, 2.4)
}

/// Two steps at the same time, one of 200 MiB and one of 100 MiB, each of which burns a second of CPU.
const STEPS: &str = "#!/bin/bash\nfor mib in 200 100; do
    srun --exact -n1 -c1 --mem=$((mib + 100)) python3 -c '
import sys, time
held = bytearray(int(sys.argv[1]) << 20)
held[::4096] = bytes(len(held[::4096]))
while time.process_time() < 1: pass
time.sleep(5)' $mib &
done
wait\n";
