//! Submissions in the forms that people write: what slurmctld got is what `predict` reads, and what sbatch
//! refuses `predict` refuses.

use crate::cluster::{Cluster, Result, ensure, own_name, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Output;
use std::time::Instant;

/// Options on the command line, with blanks between the words.
const OPTIONS: &[&str] = &[
    // Sizes.
    "--mem=4000",
    "--mem=4000M",
    "--mem=4000m",
    "--mem=4000MB",
    "--mem=4g",
    "--mem=4Gb",
    "--mem=2048000K",
    "--mem=2048001k",
    "--mem=1025KB",
    "--mem=+4G",
    "--mem=04000",
    "--mem=0",
    "--mem=0G",
    "--mem=-0",
    "--mem-per-cpu=1G -c2",
    "--mem-per-cpu=0",
    "--mem 4G",
    "--mem=4G --mem=2G",
    "--mem=1.5G",
    "--mem=4GiB",
    "--mem=4GBs",
    "--mem=4B",
    "--mem=4P",
    "--mem=-1",
    "--mem=lots",
    "--mem=",
    "--mem",
    "--mem=99999999999999999999",
    "--mem=0x10",
    "--mem=1e3",
    "--mem=4G --mem-per-cpu=1G",
    "--mem=4G --mem-per-gpu=1G",
    "--tmp=lots",
    // Counts.
    "-c2",
    "-c 2",
    "--cpus-per-task=+2",
    "-c02",
    "-n4",
    "-n 4 -c2",
    "-n4 -N2",
    "-N2",
    "-N2-4",
    "-N 2",
    "-N-2",
    "-N2 --ntasks-per-node=3",
    "--tasks-per-node=3",
    "--ntasks-per-node=3 -N2 -n6",
    "-n1 -N2",
    "-n3 -N2-4",
    "-N1-1 -n4",
    "-N0",
    "-w test1",
    "-w test[1-2]",
    "-w test1,test2 -N2",
    "-w test1,test1",
    "--mincpus=4 --mem=1G",
    "-O -n2",
    "-c0",
    "-c-1",
    "-c2.0",
    "-ctwo",
    "-n0",
    "-n4x",
    "-N4-2",
    "-N2-",
    "-Ntwo",
    "-N1-2-3",
    "--ntasks-per-node=0",
    "--ntasks-per-core=x",
    "--threads-per-core=x",
    "--core-spec=x",
    // Times.
    "-t5",
    "-t 5",
    "--time=5:30",
    "-t0:30",
    "-t1:00:00",
    "-t1:00:01",
    "-t0-1",
    "-t0-1:30",
    "-t0-1:30:30",
    "-t1-",
    "-t1-0:0:0",
    "--time=00:05:00",
    "-t10 --time-min=5",
    "-t",
    "-t1h",
    "-t5m",
    "-t1:",
    "-t:30",
    "-t1:2:3:4",
    "-t1-2-3",
    "-t1-2:",
    "-tsoon",
    "--time-min=x",
    // Options without value, with an optional one, in clusters, shortened.
    "--get-user-env --mem=2G",
    "--get-user-env=10L --mem=2G",
    "--contiguous --mem=2G",
    "-H -c2 --mem=2G",
    "-Hc2 --mem=2G",
    "-HOc2 --mem=2G",
    "-k --mem=2G",
    "-koff --mem=2G",
    "--no-kill=off --mem=2G",
    "--no-kill=maybe",
    "--nice --mem=2G",
    "--nice=100 --mem=2G",
    "--nice 100 --mem=2G",
    "--propagate --mem=2G",
    "--propagate=NONE --mem=2G",
    "--propagate NONE --mem=2G",
    "--exclusive --mem=2G",
    "--exclusive=user --mem=2G",
    "--exclusive user --mem=2G",
    "--exclusive=oversubscribe --mem=2G",
    "--exclusive=maybe",
    "--exclusive --oversubscribe --mem=2G",
    "-s --mem=2G",
    "--oversubscribe=yes",
    "--requeue --mem=2G",
    "--no-requeue --mem=2G",
    "--no-requeue --requeue --mem=2G",
    "--requeue --no-requeue --mem=2G",
    "--spread-job --mem=2G",
    "--use-min-nodes --mem=2G",
    "--ignore-pbs --mem=2G",
    "--parti=long --mem=2G",
    "--acc=physics --mem=2G",
    "--job=short --mem=2G",
    "--excl --mem=2G",
    "--ntask=2",
    "--cpus=2",
    "--node=2",
    "--bogus",
    "--memory=4G",
    "-X",
    "-2",
    "--hold=yes",
    // Names and places.
    "-J name",
    "-Jname",
    "-J=name",
    "--job-name=name",
    "--job-name name",
    "--job-name=--mem=4G",
    "-J -c2",
    "-J näme",
    "-p long",
    "-plong,batch",
    "-A physics",
    "-L matlab",
    "-L matlab:2,ansys",
    "-L matlab:2,ansys --mem=2G -c2",
    "--comment=x --mem=2G",
    "--comment x --mem=2G",
    "-o out -e err -D /tmp --mem=2G",
    "--export=NONE --mem=2G",
    "--begin=now+1hour --mem=2G",
    "--begin now --mem=2G",
    "--begin=2030-12-24T08:00 --mem=2G",
    "--begin=12/24/30-08:00 --mem=2G",
    "--begin=teatime --mem=2G",
    "--begin=soon",
    "--begin=25:00",
    "--begin=now+2hour --deadline=now+1hour",
    "--mail-type=END,FAIL --mem=2G",
    "--mail-type=maybe",
    "--hint=nomultithread --mem=2G",
    "--hint=maybe",
    "-a1-3 --mem=2G",
    "--array=1-3%2 --mem=2G",
    "--shadowfit=off --mem=2G",
    "--shadowfit off --mem=2G",
    "--shadow=off --mem=2G",
    "--shadowfit=on",
    "--open-mode=append --mem=2G",
    "--open-mode=x",
    "--kill-on-invalid-dep=yes --mem=2G",
    "--kill-on-invalid-dep=maybe",
    "--signal=BOGUS",
    "--signal=B:USR1@60 --mem=2G",
    "--signal=sigterm --mem=2G",
    "--signal=PIPE --mem=2G",
    "--signal=10@x",
    "--signal=0",
    "-m bogus",
    "-m cyclic:block --mem=2G",
    "-m block:block,NoPack --mem=2G",
    "-m plane=0",
    "-m arbitrary",
    "--cpu-freq=bogus",
    "--cpu-freq=high --mem=2G",
    "--cpu-freq=low-high --mem=2G",
    "--cpu-freq=low-high:OnDemand --mem=2G",
    "--cpu-freq=high-low",
    "--delay-boot=x",
    "--delay-boot=5 --mem=2G",
    "--acctg-freq=bogus",
    "--acctg-freq=task=1 --mem=2G",
    "--switches=x",
    "--switches=2@10 --mem=2G",
    "--profile=bogus",
    "--profile=task,bogus --mem=2G",
    "--priority=-1",
    "--priority=4294967294",
    "--nice=2147483646",
    "--nice=5x --mem=2G",
    "--wait-all-nodes=2",
    "--wait-all-nodes=1 --mem=2G",
    "--gpu-bind=x",
    "--gpu-bind=verbose,closest --mem=2G",
    "--gpu-freq=x",
    "--gpu-freq=high,memory=low,verbose --mem=2G",
    "--mem-bind=bogus",
    "--mem-bind=map_mem",
    "--mem-bind=quiet,local --mem=2G",
    "-S1 --thread-spec=1",
    "--ntasks-per-gpu=1 --gpus-per-task=1",
    "--ntasks-per-gpu=1 --ntasks-per-node=2",
    "-c4 --cpus-per-gpu=4",
    "--mem=2G : --mem=1G",
    "--mem=2G : --mem=x",
    "--mem=2G --",
];

/// What follows the first line of a script.
const SCRIPTS: &[&str] = &[
    "#SBATCH --mem=2G -c2\n",
    "#SBATCH  --mem=2G\t-c2\n",
    "#SBATCH--mem=2G\n",
    "\n\n#SBATCH --mem=2G\n",
    "# note\n  # another\n#SBATCH --mem=2G\n",
    " #SBATCH --mem=3G\n#SBATCH --mem=2G\n",
    "#SLURM --mem=2G\n",
    "#SBATCH --mem=2G\ntrue\n#SBATCH --mem=3G\n",
    "true\n#SBATCH --mem=3G\n",
    "#SBATCH --mem=2G # was 3G, don't lower\n",
    "#SBATCH --mem=2G#was 3G\n",
    "#SBATCH #--mem=2G\n",
    "#SBATCH # --mem=2G\n#SBATCH -c2\n",
    "##SBATCH --mem=3G\n#SBATCH -c2\n",
    "# SBATCH --mem=3G\n#SBATCH -c2\n",
    "#sbatch --mem=3G\n#SBATCH -c2\n",
    "#SBATCHx --mem=3G\n",
    "#SBATCH --mem=\"2G\" -J 'my job'\n",
    "#SBATCH -J 'al'ign-\"x y\" -c2\n",
    "#SBATCH -J \"a\\\"b\" -c2\n",
    "#SBATCH -J a\\ b\n",
    "#SBATCH -J a\\#b -c2\n",
    "#SBATCH -J \"a#b\" -c2\n",
    "#SBATCH -J \"a\\\\b\" -c2\n",
    "#SBATCH -J \"\" --mem=2G\n",
    "#SBATCH --mem=2G \"\" -c2\n",
    "#SBATCH -J a b\n",
    "#SBATCH --job-name=a b --mem=2G\n",
    "#SBATCH -J \"a\n",
    "#SBATCH -J 'it's'\n",
    "#SBATCH -J a:b -c2\n",
    "#SBATCH -J :a\n",
    "#SBATCH --mem\n#SBATCH 2G\n",
    "#SBATCH -c\n\n# note\n#SBATCH 2 --mem=2G\n",
    "#SBATCH --mem=2G --\n",
    "#SBATCH -- --mem=2G\n",
    "#SBATCH --mem=2G\n#SBATCH --mem=1G\n",
    "#SBATCH --mem=2G\n#SBATCH --mem-per-cpu=1G\n",
    "#SBATCH --mem=2.5G\n",
    "#SBATCH --mem=2G input.dat\n",
    "#SBATCH -N2 -n4 --mem=2G -t5:30 -p long -A physics -J many -L ansys:2\n",
    "#SBATCH --nodes 2 --ntasks 4 --mem 2G --time 5:30 --partition long\n",
    "#SBATCH --wrap=true --mem=2G\n",
    "#SBATCH -v -Q --mem=2G\n",
    "#SBATCH --get-user-env --mem=2G -c2\n",
    "#SBATCH --nice\n#SBATCH --mem=2G\n",
    "#SBATCH --shadowfit=off --mem=2G\n",
    "#SBATCH --mem=2G\n#SBATCH hetjob\n#SBATCH --mem=1G\n",
    "#SBATCH --mem=2G\n#SBATCH packjob\n#SBATCH --mem=1G\n",
    "#SBATCH --mem=2G hetjob -c2\n",
    "#SBATCH -J hetjob -c2\n",
    "#SBATCH\n#SBATCH --mem=2G\n",
    "#SBATCH --mem=2G",
    "#SBATCH --mem=2G\r\n",
    "\u{a0}#SBATCH --mem=2G\n",
    "#SBATCH --comment=é --mem=2G\n",
    // What PBS and LSF read.
    "#PBS -l mem=2gb,walltime=0:05:00\n",
    "#PBS -l nodes=2:ppn=3\n#PBS -N pbs -q long -A physics\n",
    "#PBS -l select=2:ncpus=4:mpiprocs=2\n",
    "#PBS -l nodes=test1+test2:ppn=2\n",
    "#PBS -l pmem=1gb,vmem=2gb,mem=3000mb\n",
    "#PBS -l mem=2gb:ncpus=2\n",
    "true\n#PBS -l mem=2gb\n",
    "#PBS -j oe -m abe -V -r n -l mem=2gb\n",
    "#PBS -Z\n",
    "#PBS -N a b\n",
    "#SBATCH --mem=1G -J slurm\n#PBS -l mem=2gb -N pbs\n",
    "#SBATCH --ignore-pbs --mem=1G\n#PBS -l mem=2gb\n",
    "#BSUB -J lsf -n 2,4 -W 5 -q long -M 1048576\n",
    "#BSUB -M 1G -x\n#PBS -l mem=2gb\n",
    "#BSUB -R rusage[mem=4]\n",
];

/// Variables with a comma between them, what follows the first line of the script, options.
const VARIABLES: &[(&str, &str, &str)] = &[
    ("SBATCH_MEM_PER_NODE=2G", "", ""),
    ("SBATCH_MEM_PER_NODE=2G", "#SBATCH --mem=1G\n", ""),
    ("SBATCH_MEM_PER_NODE=2G", "", "--mem=1G"),
    ("SBATCH_MEM_PER_NODE=2G", "#SBATCH --mem-per-cpu=1G\n", ""),
    ("SBATCH_MEM_PER_CPU=1G", "#SBATCH --mem=2G\n", ""),
    ("SBATCH_MEM_PER_CPU=1G", "", "-c2"),
    ("SBATCH_MEM_PER_CPU=1G,SBATCH_MEM_PER_NODE=2G", "", ""),
    (
        "SBATCH_MEM_PER_CPU=1G,SBATCH_MEM_PER_NODE=2G",
        "",
        "--mem=1G",
    ),
    ("SBATCH_MEM_PER_NODE=2.5G", "", "--mem=2G"),
    ("SBATCH_MEM_PER_NODE=", "", ""),
    ("SBATCH_TIMELIMIT=5", "#SBATCH -t 7\n", ""),
    ("SBATCH_TIMELIMIT=5", "", "-t 7"),
    ("SBATCH_JOB_NAME=env", "#SBATCH -J script\n", ""),
    ("SBATCH_JOB_NAME=env", "", "-J line"),
    ("SBATCH_JOB_NAME=two words", "", ""),
    ("SBATCH_PARTITION=long", "", ""),
    ("SBATCH_ACCOUNT=physics", "", ""),
    ("SBATCH_NO_REQUEUE=", "", "--mem=2G"),
    ("SBATCH_NO_REQUEUE=yes", "", "--mem=2G"),
    ("SBATCH_NO_REQUEUE=1", "", "--mem=2G"),
    ("SBATCH_NO_REQUEUE=0", "", "--mem=2G"),
    ("SBATCH_NO_REQUEUE=no", "", "--mem=2G"),
    ("SBATCH_NO_REQUEUE=no", "#SBATCH --no-requeue\n", "--mem=2G"),
    ("SBATCH_NO_REQUEUE=1,SBATCH_REQUEUE=1", "", "--mem=2G"),
    ("SBATCH_NO_REQUEUE=1", "", "--requeue --mem=2G"),
    ("SBATCH_EXCLUSIVE=", "", "--mem=2G"),
    ("SBATCH_EXCLUSIVE=user", "", "--mem=2G"),
    ("SBATCH_EXCLUSIVE=yes", "", "--mem=2G"),
    ("SBATCH_EXCLUSIVE=", "", "-s --mem=2G"),
    ("SBATCH_IGNORE_PBS=", "#PBS -l mem=2gb\n", ""),
    ("SBATCH_IGNORE_PBS=0", "#PBS -l mem=2gb\n", ""),
    ("SBATCH_CPUS_PER_TASK=2", "", ""),
    ("SLURM_JOB_NAME=other,SLURM_MEM_PER_NODE=1G", "", "--mem=2G"),
    (
        "SLURM_SPANK__SLURM_SPANK_OPTION_shadowfit_shadowfit=off",
        "",
        "--mem=2G",
    ),
    ("SBATCH_OPEN_MODE=x", "", ""),
];

/// One submission.
struct Form {
    variables: Vec<&'static str>,
    script: &'static str,
    options: Vec<&'static str>,
}

impl std::fmt::Display for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:?} {:?} {:?}",
            self.variables, self.script, self.options
        )
    }
}

/// The nodes that the forms name are the cluster's.
fn own_nodes(text: &str) -> &'static str {
    let name = own_name();
    let own = ["1", "2", "["].iter().fold(text.to_owned(), |text, node| {
        text.replace(&format!("test{node}"), &format!("{name}{node}"))
    });
    own.leak()
}

fn forms() -> Vec<Form> {
    fn words(text: &str, between: char) -> Vec<&'static str> {
        own_nodes(text)
            .split(between)
            .filter(|word| !word.is_empty())
            .collect()
    }
    let options = OPTIONS.iter().map(|&options| ("", "", options));
    let scripts = SCRIPTS.iter().map(|&script| ("", script, ""));
    let all = options.chain(scripts).chain(VARIABLES.iter().copied());
    all.map(|(variables, script, options)| Form {
        variables: words(variables, ','),
        script: own_nodes(script),
        options: words(options, ' '),
    })
    .collect()
}

pub fn every_form_is_read_as_sbatch_reads_it(cluster: &mut Cluster) -> Result<()> {
    let begun = Instant::now();
    let forms = forms();
    let mut wrong = Vec::new();
    let mut jobs = BTreeMap::new();
    let path = cluster.scratch.join("form.sh");
    for (number, form) in forms.iter().enumerate() {
        std::fs::write(&path, format!("#!/bin/sh\n{}", form.script))?;
        let submitted = submit(cluster, form)?;
        let predicted = predict(cluster, form)?;
        match (submitted.status.success(), predicted.status.success()) {
            (true, true) => {
                let id = text(&submitted.stdout);
                let id: u64 = id
                    .parse()
                    .map_err(|_| format!("{form}: no job number: {id}"))?;
                jobs.insert(
                    id,
                    (number, serde_json::from_slice::<Value>(&predicted.stdout)?),
                );
            }
            (false, false) => wrong.extend(refused_wrongly(form, &predicted)),
            _ => wrong.push(format!(
                "{form}\n  sbatch: {}\n  predict: {}",
                text(&submitted.stderr),
                text(&predicted.stderr)
            )),
        }
    }
    let queue = cluster.jobs()?;
    for (id, (number, predicted)) in &jobs {
        let job = queue.iter().find(|job| job.id == *id);
        let decided = job.map(|job| job.record()).unwrap_or_default();
        if decided.is_null() || decided != *predicted {
            wrong.push(format!(
                "{}\n  slurmctld: {decided}\n  predict: {predicted}",
                forms[*number]
            ));
        }
    }
    println!(
        "{} forms, {} submitted, in {:?}",
        forms.len(),
        jobs.len(),
        begun.elapsed()
    );
    ensure(
        jobs.len() > 100,
        format!("only {} forms reached slurmctld", jobs.len()),
    )?;
    ensure(wrong.is_empty(), wrong.join("\n"))
}

/// A refusal is one line, and not slurmctld's doing.
fn refused_wrongly(form: &Form, predicted: &Output) -> Option<String> {
    let said = text(&predicted.stderr);
    (said.lines().count() != 1).then(|| format!("{form}\n  predict: {said}"))
}

fn submit(cluster: &Cluster, form: &Form) -> Result<Output> {
    let mut words: Vec<&str> = [
        &["env"],
        &form.variables[..],
        &["sbatch", "--parsable", "--hold"],
    ]
    .concat();
    words.extend(&form.options);
    words.push("form.sh");
    Ok(cluster.command("alice", &words).output()?)
}

fn predict(cluster: &Cluster, form: &Form) -> Result<Output> {
    let mut words: Vec<&str> = [
        &["env"],
        &form.variables[..],
        &["shadowfit", "predict", "--json", "form.sh"],
    ]
    .concat();
    words.extend(["--parsable", "--hold"]);
    words.extend(&form.options);
    Ok(cluster.command("alice", &words).output()?)
}
