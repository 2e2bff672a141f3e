//! A site that hides users' jobs from each other (PrivateData): shadowfit shows nobody more than sacct does.

use crate::cluster::{Cluster, Result, ensure, eventually};

/// Said where slurmctld and slurmdbd read it, until it is dropped.
struct Private<'a> {
    cluster: &'a Cluster,
    before: Vec<(std::path::PathBuf, String)>,
}

impl<'a> Private<'a> {
    fn new(cluster: &'a Cluster) -> Result<Private<'a>> {
        let files = ["slurm.conf", "slurmdbd.conf"].map(|name| cluster.dir.join("etc").join(name));
        let before: Vec<_> = files
            .into_iter()
            .map(|path| Ok((path.clone(), std::fs::read_to_string(path)?)))
            .collect::<Result<_>>()?;
        let private = Private { cluster, before };
        for (path, text) in &private.before {
            std::fs::write(path, format!("{text}\nPrivateData=jobs\n"))?;
        }
        private.read_anew()?;
        Ok(private)
    }

    fn read_anew(&self) -> Result<()> {
        for service in ["slurmdbd", "slurmctld"] {
            self.cluster.stop(service)?;
            self.cluster.start(service)?;
        }
        Ok(())
    }
}

impl Drop for Private<'_> {
    fn drop(&mut self) {
        for (path, text) in &self.before {
            let _ = std::fs::write(path, text);
        }
        let _ = self.read_anew();
        let _ = administer(self.cluster, "None");
    }
}

/// bob's rank among Slurm's administrators.
fn administer(cluster: &Cluster, level: &str) -> Result<String> {
    let level = format!("AdminLevel={level}");
    cluster.run(
        "root",
        &[
            "sacctmgr", "-i", "-Q", "modify", "user", "bob", "set", &level,
        ],
    )
}

/// What explain, profile and report say of this job, or why they do not.
fn said_of(cluster: &Cluster, user: &str, job: &str) -> Result<[String; 3]> {
    let said = |words: &[&str]| -> Result<String> {
        let output = cluster.command(user, words).output()?;
        Ok(crate::cluster::text(&output.stdout))
    };
    Ok([
        said(&["shadowfit", "explain", job])?,
        said(&["shadowfit", "profile", job])?,
        said(&["shadowfit", "report", "-P", "-u", "alice"])?,
    ])
}

/// Of three forms, those that tell of alice's job.
fn tell(said: &[String; 3], job: &str) -> Vec<&'static str> {
    let [explained, profile, report] = said;
    let tells = [
        ("explain", explained.contains(&format!("JobId={job} "))),
        ("profile", !profile.is_empty()),
        ("report", report.contains("alice|")),
    ];
    tells
        .into_iter()
        .filter(|(_, tells)| *tells)
        .map(|(name, _)| name)
        .collect()
}

/// A build in which a user's `explain` asks the database, as it did while that could be read by all, fails here.
pub fn nobody_is_shown_more_than_sacct_shows(cluster: &mut Cluster) -> Result<()> {
    let known = cluster.known.clone();
    let job = cluster.submit("alice", &["--mem=4000", "-c2"], &known, &["105"])?;
    cluster.wait_for(job, "COMPLETED")?;
    let (id, all) = (job.to_string(), ["explain", "profile", "report"]);
    eventually("the job in the database", 20, || {
        cluster.pass()?;
        Ok(tell(&said_of(cluster, "root", &id)?, &id) == all)
    })?;
    // Where the site hides nothing, they all tell: what follows is its doing.
    let open = said_of(cluster, "bob", &id)?;
    ensure(tell(&open, &id) == all, format!("before: {open:?}"))?;
    let _private = Private::new(cluster)?;
    for (user, expected) in [("alice", &all[..]), ("bob", &[])] {
        let said = said_of(cluster, user, &id)?;
        ensure(tell(&said, &id) == expected, format!("{user}: {said:?}"))?;
    }
    administer(cluster, "Operator")?;
    eventually("an operator who sees all", 20, || {
        Ok(tell(&said_of(cluster, "bob", &id)?, &id) == all)
    })
}
