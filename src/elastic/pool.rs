//! The memory of a node that Slurm does not give out, and who has been lent how much of it. A loan holds as long as its job's group is
//! there: whatever dies meanwhile, nothing is lent twice, and nothing has to be given back.

use super::node::memory;
use crate::config::ElasticLimits;
use crate::text::units::MIB;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What is lent, and what keeps two samplers from lending at the same time; root's alone.
const LOANS: &str = "lent.json";
const LOCK: &str = "lent.lock";

/// Less than this, in bytes, helps no job, unless it wants no more.
const LEAST: u64 = 32 * MIB;

/// What a job was lent.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Loan {
    /// Its group, and which of that name it is: a job that runs again has another one.
    folder: PathBuf,
    inode: u64,
    /// Its user's number; of what was lent by an earlier release nobody knows.
    #[serde(default)]
    user: Option<u32>,
    bytes: u64,
}

impl Loan {
    fn holds(&self) -> bool {
        inode(&self.folder) == Some(self.inode)
    }
}

fn inode(folder: &Path) -> Option<u64> {
    std::fs::metadata(folder).ok().map(|found| found.ino())
}

/// A node's, as the jobs of one user see it.
#[derive(Debug, Clone)]
pub struct MemoryPool {
    folder: PathBuf,
    proc: PathBuf,
    user: u32,
    bytes: u64,
    /// What of it may be that user's.
    most: u64,
}

fn sum<'l>(loans: impl Iterator<Item = &'l Loan>) -> u64 {
    loans.map(|loan| loan.bytes).fold(0, u64::saturating_add)
}

impl MemoryPool {
    /// For the jobs of the user with this number; `folder` is where it is noted what is lent, `proc` is `/proc`.
    pub fn new(folder: &Path, proc: &Path, limits: ElasticLimits, user: u32) -> MemoryPool {
        let bytes = limits.pool_mib.saturating_mul(MIB);
        MemoryPool {
            folder: folder.into(),
            proc: proc.into(),
            user,
            bytes,
            most: (bytes as f64 * limits.user_share) as u64,
        }
    }

    /// Lends the job whose group is `to` so many bytes, or what there is, in whole MiB: 0 where that is next to nothing, or nobody knows.
    pub fn lend(&self, to: &Path, wanted: u64) -> u64 {
        self.try_lend(to, wanted).unwrap_or(0)
    }

    fn try_lend(&self, to: &Path, wanted: u64) -> io::Result<u64> {
        let inode = inode(to).ok_or(io::ErrorKind::NotFound)?;
        std::fs::create_dir_all(&self.folder)?;
        let _alone = self.lock()?;
        let mut loans = self.loans()?;
        loans.retain(Loan::holds);
        // Beside a sampler of an earlier release nobody knows whose they are.
        let is_own = |loan: &&Loan| loan.user.is_none_or(|user| user == self.user);
        let own = loans.iter().filter(is_own);
        let left = self.bytes.saturating_sub(sum(loans.iter()));
        let left = left.min(self.most.saturating_sub(sum(own)));
        // What an admin calls a pool and is none harms nobody.
        let there = left.min(memory(&self.proc, "MemAvailable")?);
        let lends = wanted.min(there) / MIB * MIB;
        if lends == 0 || lends < wanted.min(LEAST) {
            return Ok(0);
        }
        loans.push(Loan {
            folder: to.into(),
            inode,
            user: Some(self.user),
            bytes: lends,
        });
        self.keep(&loans)?;
        Ok(lends)
    }

    fn lock(&self) -> io::Result<Flock<File>> {
        let mut options = File::options();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(self.folder.join(LOCK))?;
        Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error.into())
    }

    /// An error where they cannot be read: then nobody knows what is left.
    fn loans(&self) -> io::Result<Vec<Loan>> {
        match std::fs::read(self.folder.join(LOANS)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => Ok(serde_json::from_slice(&read?)?),
        }
    }

    fn keep(&self, loans: &[Loan]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(&serde_json::to_vec(loans)?)?;
        file.persist(self.folder.join(LOANS))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node with so much memory available, and the groups of two jobs.
    struct Node {
        dir: tempfile::TempDir,
    }

    impl Node {
        fn new(available_mib: u64) -> Node {
            let dir = tempfile::tempdir().unwrap();
            let text = format!(
                "MemTotal: 1 kB\nMemAvailable: {} kB\n",
                available_mib * 1024
            );
            std::fs::write(dir.path().join("meminfo"), text).unwrap();
            for job in ["job_1", "job_2"] {
                std::fs::create_dir(dir.path().join(job)).unwrap();
            }
            Node { dir }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn lend(&self, pool_mib: u64, job: &str, mib: u64) -> u64 {
            self.lend_to(7, 1.0, pool_mib, job, mib)
        }

        fn lend_to(&self, user: u32, share: f64, pool_mib: u64, job: &str, mib: u64) -> u64 {
            let limits = ElasticLimits {
                pool_mib,
                user_share: share,
            };
            let pool = MemoryPool::new(&self.path("run"), self.dir.path(), limits, user);
            pool.lend(&self.path(job), mib * MIB) / MIB
        }
    }

    #[test]
    fn no_more_is_lent_than_there_is_until_a_job_is_gone() {
        let node = Node::new(1 << 20);
        assert_eq!(node.lend(1000, "job_1", 600), 600);
        assert_eq!(node.lend(1000, "job_2", 600), 400);
        assert_eq!(node.lend(1000, "job_2", 600), 0);
        std::fs::remove_dir(node.path("job_1")).unwrap();
        // 600 are free again, and of 20 none is worth the trouble.
        assert_eq!(node.lend(1000, "job_2", 580), 580);
        assert_eq!(node.lend(1000, "job_2", 580), 0);
        assert_eq!(node.lend(1000, "job_2", 20), 20);
        assert_eq!(node.lend(1000, "job_1", 1), 0, "it is gone");
    }

    #[test]
    fn one_user_is_lent_no_more_than_a_share_and_others_have_the_rest() {
        let node = Node::new(1 << 20);
        for (user, job, wanted, lent) in [
            (7, "job_1", 400, 400),
            (7, "job_2", 400, 200),
            (7, "job_2", 400, 0),
            (8, "job_2", 900, 400),
        ] {
            let got = node.lend_to(user, 0.6, 1000, job, wanted);
            assert_eq!(got, lent, "{wanted} MiB to {job} of user {user}");
        }
    }

    #[test]
    fn a_job_that_runs_again_has_been_lent_nothing() {
        let node = Node::new(1 << 20);
        assert_eq!(node.lend(1000, "job_1", 1000), 1000);
        // Another one of its name while the old one's number cannot be given away.
        std::fs::rename(node.path("job_1"), node.path("old")).unwrap();
        std::fs::create_dir(node.path("job_1")).unwrap();
        assert_eq!(node.lend(1000, "job_1", 1000), 1000);
    }

    #[test]
    fn what_the_node_does_not_have_is_not_lent() {
        let node = Node::new(100);
        assert_eq!(node.lend(1000, "job_1", 600), 100);
        assert_eq!(node.lend(0, "job_2", 600), 0);
        std::fs::write(node.path("meminfo"), "no such line\n").unwrap();
        assert_eq!(node.lend(1000, "job_2", 50), 0);
    }

    #[test]
    fn where_nobody_knows_what_is_lent_nothing_is() {
        let node = Node::new(1 << 20);
        assert_eq!(node.lend(1000, "job_1", 100), 100);
        std::fs::write(node.path("run").join(LOANS), "[{").unwrap();
        assert_eq!(node.lend(1000, "job_1", 100), 0);
    }

    #[test]
    fn twenty_at_once_are_lent_no_more_than_there_is() {
        let node = Node::new(1 << 20);
        let lent = std::thread::scope(|scope| {
            let each: Vec<_> = (0..20)
                .map(|_| scope.spawn(|| node.lend(1000, "job_1", 64)))
                .collect();
            let lent = each.into_iter().map(|one| one.join().unwrap());
            lent.sum::<u64>()
        });
        // Of 1000 / 64 the rest of 40 helps one more.
        assert_eq!(lent, 1000);
    }
}
