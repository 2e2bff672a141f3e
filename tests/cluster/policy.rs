//! What the admin allows, and what no policy may touch.

use crate::cluster::{Cluster, Result, ensure};

pub fn what_must_be_left_alone_is(cluster: &mut Cluster) -> Result<()> {
    let known = cluster.known.clone();
    let cases: [(&[&str], &str); 5] = [
        (&["--mem=0", "-c2"], "--mem=0"),
        (&["--mem=4000", "-c2", "--exclusive"], "--exclusive"),
        (
            &["--mem=4000", "-c2", "--no-requeue"],
            "may not be requeued",
        ),
        (&["--mem=4000", "-c2", "--shadowfit=off"], "--shadowfit=off"),
        (
            &["--mem=4000", "-c2", ":", "--mem=4000"],
            "heterogeneous job",
        ),
    ];
    for (options, why) in cases {
        let held = [&["--hold"], options].concat();
        let (id, said) = cluster.sbatch("alice", &held, &known, &["105"])?;
        let job = cluster.job(id)?;
        ensure(
            job.record()["kept"] == why,
            format!("{options:?}: {}", job.comment),
        )?;
        ensure(!said.contains("shadowfit"), said)?;
        ensure(
            why == "--mem=0" || job.memory_mib == Some(4000),
            format!("{options:?}: {:?}", job.memory_mib),
        )?;
    }
    let shown = "scontrol show job $SLURM_JOB_ID";
    let interactive = cluster.run("alice", &["srun", "--mem=4000", "bash", "-c", shown])?;
    ensure(
        interactive.contains("MinMemoryNode=4000M") && !interactive.contains("AdminComment"),
        interactive,
    )
}

pub fn modes_and_rules_hold(cluster: &mut Cluster) -> Result<()> {
    cluster.configure("[[rule]]\nuser = 'alice'\nmode = 'observe'\n")?;
    cluster.let_the_plugin_look();
    let job = cluster.submit_known(&[])?;
    cluster.is_as_written(&job)?;
    ensure(job.record()["memory"]["mode"] == "observe", job.comment)?;

    // alice names no account: physics is her default, which the plugin knows from the directory.
    cluster.configure("[[rule]]\naccount = 'physics'\nmemory = 'advise'\ncpus = 'off'\n")?;
    cluster.let_the_plugin_look();
    let known = cluster.known.clone();
    let (id, said) = cluster.sbatch("alice", &["--mem=4000", "-c2", "--hold"], &known, &["105"])?;
    cluster.is_as_written(&cluster.job(id)?)?;
    ensure(
        said.contains("--mem=1") && said.contains("would do") && !said.contains("cpus"),
        said,
    )?;

    cluster.configure("[[rule]]\npartition = 'batch'\nmode = 'off'\n")?;
    cluster.let_the_plugin_look();
    let job = cluster.submit_known(&[])?;
    cluster.is_as_written(&job)?;
    ensure(job.comment.is_empty(), job.comment)
}

pub fn a_request_that_is_too_small_is_told_and_raised_where_the_site_wants_that(
    cluster: &mut Cluster,
) -> Result<()> {
    let known = cluster.known.clone();
    let submit =
        |cluster: &Cluster| cluster.sbatch("alice", &["--mem=50", "--hold"], &known, &["105"]);
    cluster.configure("")?;
    cluster.let_the_plugin_look();
    let (told, said) = submit(cluster)?;
    ensure(said.contains("--mem=50M is too small"), said.clone())?;
    ensure(
        cluster.job(told)?.memory_mib == Some(50),
        cluster.job(told)?.comment,
    )?;
    // What is advised is what sbatch takes.
    let advised = said
        .split_once("more; ")
        .and_then(|(_, rest)| rest.split(' ').next());
    let advised = advised.ok_or("nothing is advised")?.to_owned();
    cluster.sbatch("alice", &[&advised, "--hold"], &known, &["105"])?;

    cluster.configure("raise = 'apply'\nraise_to_mib = 1000\n")?;
    cluster.let_the_plugin_look();
    let (id, said) = submit(cluster)?;
    let raised = cluster.job(id)?;
    ensure(said.contains("memory 50M -> "), said)?;
    ensure(
        raised
            .memory_mib
            .is_some_and(|mib| (100..=1000).contains(&mib)),
        raised.comment,
    )?;
    cluster.run("root", &["scontrol", "release", &id.to_string()])?;
    cluster.wait_for(id, "COMPLETED")?;
    cluster.books_agree()?;
    let explained = cluster.run("root", &["shadowfit", "explain", &id.to_string()])?;
    cluster.configure("")?;
    ensure(explained.contains("which is too small, 50M -> "), explained)
}

pub fn the_kill_switch_stops_everything(cluster: &mut Cluster) -> Result<()> {
    let switch = cluster.dir.join("shadowfit/off");
    std::fs::write(&switch, "")?;
    cluster.let_the_plugin_look();
    let job = cluster.submit_known(&[])?;
    cluster.is_as_written(&job)?;
    ensure(job.comment.is_empty(), job.comment)?;
    std::fs::remove_file(&switch)?;
    cluster.is_well()
}

pub fn a_broken_configuration_lets_jobs_pass_and_says_so(cluster: &mut Cluster) -> Result<()> {
    cluster.configure("[modes.memory]\n")?;
    cluster.let_the_plugin_look();
    cluster.is_as_written(&cluster.submit_known(&[])?)?;
    let log = cluster.log()?;
    ensure(
        log.contains("shadowfit: every job passes unchanged: ")
            && log.contains("shadowfit.toml: line 8"),
        log,
    )?;
    cluster.configure("")?;
    cluster.is_well()
}

/// Another plugin, asked first, writes the comment.
pub fn a_taken_admin_comment_is_left_alone(cluster: &mut Cluster) -> Result<()> {
    let lua = "function slurm_job_submit(job, partitions, uid)\n job.admin_comment = 'site note'\n return slurm.SUCCESS\nend\n\
               function slurm_job_modify(job, record, partitions, uid)\n return slurm.SUCCESS\nend\n";
    std::fs::write(cluster.dir.join("etc/job_submit.lua"), lua)?;
    let conf = cluster.dir.join("etc/slurm.conf");
    let before = std::fs::read_to_string(&conf)?;
    std::fs::write(
        &conf,
        before.replace(
            "JobSubmitPlugins=shadowfit",
            "JobSubmitPlugins=lua,shadowfit",
        ),
    )?;
    cluster.stop("slurmctld")?;
    cluster.start("slurmctld")?;
    let job = cluster.submit_known(&[]);
    std::fs::write(&conf, before)?;
    cluster.stop("slurmctld")?;
    cluster.start("slurmctld")?;
    let job = job?;
    cluster.is_as_written(&job)?;
    ensure(job.comment == "site note", job.comment)?;
    cluster.is_well()
}
