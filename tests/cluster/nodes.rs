//! Nodes that have something else than what slurmctld's host has: samplers of other releases, or parts that are missing.

use crate::cluster::{Cluster, Result, ensure, folder_for_all};
use crate::shadow::{counters, enable, submit_new_kind, write_script};
use std::os::unix::fs::{PermissionsExt, symlink};

/// What a sampler does that was never called so.
const OF_OTHER_OPTIONS: &str = "#!/bin/sh
echo \"error: unexpected argument '--user' found\"
echo \"error: unexpected argument '--user' found\" >&2
exit 2
";

/// One whose records are read by nobody here: those of jobs, and those of shadows.
const OF_OTHER_RECORDS: &str = r#"#!/bin/sh
exec scontrol update JobId=$3 AdminComment='{"shadowfit":2,"kind":[7],"shadow_of":[7],"profile":"more","counters":{}}'
"#;

/// Nodes find their programs in another folder, until this is dropped: each step reads plugstack.conf anew.
struct Programs<'a> {
    cluster: &'a Cluster,
    plugstack: String,
}

impl<'a> Programs<'a> {
    /// `sampler` is a script in the place of the real one.
    fn of(cluster: &'a Cluster, sampler: Option<&str>, standin: bool) -> Result<Programs<'a>> {
        let folder = folder_for_all(cluster, "programs")?;
        let plugins = cluster.dir.join("plugins");
        let [own_sampler, own_standin] =
            ["shadowfit-sampler", "shadowfit-standin"].map(|name| folder.join(name));
        for old in [&own_sampler, &own_standin] {
            let _ = std::fs::remove_file(old);
        }
        match sampler {
            Some(text) => {
                std::fs::write(&own_sampler, text)?;
                std::fs::set_permissions(&own_sampler, std::fs::Permissions::from_mode(0o755))?;
            }
            None => symlink(plugins.join("shadowfit-sampler"), &own_sampler)?,
        }
        if standin {
            symlink(plugins.join("shadowfit-standin"), &own_standin)?;
        }
        let path = cluster.dir.join("etc/plugstack.conf");
        let plugstack = std::fs::read_to_string(&path)?;
        let elsewhere = format!(
            "optional spank_shadowfit.so programs={}\n",
            folder.display()
        );
        std::fs::write(path, elsewhere)?;
        Ok(Programs { cluster, plugstack })
    }
}

impl Drop for Programs<'_> {
    fn drop(&mut self) {
        let path = self.cluster.dir.join("etc/plugstack.conf");
        let _ = std::fs::write(path, &self.plugstack);
    }
}

/// A job of a new kind, and what its pass says once its shadow has ended.
fn new_kind(cluster: &Cluster, name: &str) -> Result<(u64, u64)> {
    enable(cluster, 30, "")?;
    let text = format!("#!/bin/bash\n: {name}\nsleep 1\n");
    let script = write_script(cluster, &format!("{name}.sh"), &text)?;
    submit_new_kind(cluster, &["--mem=3000"], &script, &[])
}

/// It starts long before its wait is over, with what its user asked for, and its record says this.
fn starts_as_asked(cluster: &Cluster, job: u64, why: &str) -> Result<()> {
    let pass = cluster.pass_as_root()?;
    ensure(pass.contains("shadows_ended: 1"), pass)?;
    cluster.wait_for(job, "COMPLETED")?;
    let seen = cluster.job(job)?;
    let record = seen.record();
    let kept = record["kept"].as_str().unwrap_or_default();
    ensure(
        seen.memory_mib == Some(3000) && kept.contains(why),
        seen.comment,
    )
}

pub fn samplers_of_other_releases_harm_no_job(cluster: &mut Cluster) -> Result<()> {
    let output = folder_for_all(cluster, "outputs")?.join("of-job");
    for sampler in [OF_OTHER_OPTIONS, OF_OTHER_RECORDS] {
        let _ = std::fs::remove_file(&output);
        let other = Programs::of(cluster, Some(sampler), true)?;
        let to = format!("--output={}", output.display());
        let options = ["--mem=4000", "-c2", &to];
        let job = cluster.submit("alice", &options, &cluster.known, &["105"])?;
        cluster.wait_for(job, "COMPLETED")?;
        let seen = cluster.job(job)?;
        cluster.is_rewritten(&seen)?;
        let has_written = seen.comment.contains("\"shadowfit\":2");
        ensure(has_written == (sampler == OF_OTHER_RECORDS), seen.comment)?;
        let said = std::fs::read_to_string(&output)?;
        ensure(said.is_empty(), format!("the job's output: {said}"))?;
        drop(other);
        cluster.books_agree()?;
        cluster.run("root", &["shadowfit", "explain", &job.to_string()])?;
        cluster.is_well()?;
    }
    Ok(())
}

pub fn a_shadow_of_which_its_node_says_nothing_is_given_up(cluster: &mut Cluster) -> Result<()> {
    let _other = Programs::of(cluster, Some(OF_OTHER_OPTIONS), true)?;
    let (job, shadow) = new_kind(cluster, "unwatched")?;
    cluster.wait_for(shadow, "FAILED")?;
    starts_as_asked(cluster, job, "FAILED, and its node reported nothing")
}

pub fn why_a_node_refuses_a_shadow_stands_in_both_records(cluster: &mut Cluster) -> Result<()> {
    let _other = Programs::of(cluster, None, false)?;
    let (job, shadow) = new_kind(cluster, "refused")?;
    let seen = counters(cluster, shadow)?;
    let why = "shadowfit-standin: No such file or directory";
    ensure(
        seen["ended"] == "refused" && seen["why"].to_string().contains(why),
        seen.to_string(),
    )?;
    cluster.wait_for(shadow, "FAILED")?;
    starts_as_asked(cluster, job, why)
}
