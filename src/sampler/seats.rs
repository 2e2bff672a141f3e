//! Seats of licenses that a job holds: established connections of its processes to a license server, or
//! processes that hold a seat while they run.

use super::descriptors::Descriptors;
use super::folder::{open, read_up_to};
use crate::config::License;
use crate::job::licenses::Server;
use procfs::FromBufReadSI;
use procfs::current_system_info;
use procfs::net::{TcpNetEntries, TcpNetEntry, TcpState};
use procfs::process::Process;
use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// No longer table of a node's connections is read, in bytes: some 25,000 of them, whoever has them.
const MOST_OF_A_TABLE: u64 = 4 << 20;

/// Watches for the licenses of a site.
pub struct SeatWatch {
    proc: PathBuf,
    licenses: Vec<Watched>,
}

struct Watched {
    name: String,
    servers: Servers,
    processes: Vec<String>,
    /// At some look it was not known where all its servers are.
    was_blind: bool,
    most: u32,
}

/// Where a license's servers are, once that is known.
#[derive(Default)]
struct Servers(Arc<OnceLock<Found>>);

#[derive(Default)]
struct Found {
    addresses: HashSet<SocketAddr>,
    are_all: bool,
}

impl Servers {
    /// Finds them by name, if they are not numbers already: beside the job, for that may take longer than the job does.
    fn find(texts: &[String]) -> Servers {
        let all: Vec<(String, u16)> = texts
            .iter()
            .filter_map(|text| Server::parse(text))
            .map(|server| (server.host.to_owned(), server.port))
            .collect();
        let found = Servers::default();
        let cell = found.0.clone();
        let are_numbers = all.iter().all(|(host, _)| host.parse::<IpAddr>().is_ok());
        let fill = move || {
            let _only_once = cell.set(look_up(&all));
        };
        match are_numbers {
            true => fill(),
            false => {
                std::thread::spawn(fill);
            }
        }
        found
    }

    fn contain(&self, address: &SocketAddr) -> bool {
        self.0
            .get()
            .is_some_and(|found| found.addresses.contains(address))
    }

    fn are_all_known(&self) -> bool {
        self.0.get().is_some_and(|found| found.are_all)
    }

    fn is_any_known(&self) -> bool {
        self.0
            .get()
            .is_some_and(|found| !found.addresses.is_empty())
    }
}

fn look_up(servers: &[(String, u16)]) -> Found {
    let mut found = Found {
        are_all: true,
        ..Found::default()
    };
    for (host, port) in servers {
        match (host.as_str(), *port).to_socket_addrs() {
            Ok(addresses) => found.addresses.extend(addresses),
            Err(_) => found.are_all = false,
        }
    }
    found
}

impl Watched {
    fn of(license: &License) -> Watched {
        Watched {
            name: license.name.clone(),
            servers: Servers::find(&license.servers),
            processes: license.processes.clone(),
            was_blind: false,
            most: 0,
        }
    }

    /// Where a server could not be looked for from the first look on, none seen is no zero.
    fn is_seen(&self) -> bool {
        let is_watched = !self.processes.is_empty() || self.servers.is_any_known();
        self.most > 0 || is_watched && !self.was_blind
    }
}

impl SeatWatch {
    /// Watches for these licenses. Where a server cannot be found by name, that no seat was seen is not reported.
    pub fn new(proc: &Path, licenses: &[License]) -> SeatWatch {
        // What only a license manager or a rate reports is not seen here, and is no zero.
        let is_seen_here =
            |license: &&License| !license.servers.is_empty() || !license.processes.is_empty();
        SeatWatch {
            proc: proc.into(),
            licenses: licenses
                .iter()
                .filter(is_seen_here)
                .map(Watched::of)
                .collect(),
        }
    }

    /// Looks at these processes, all of a job.
    pub fn look(&mut self, look: &Descriptors) {
        if self.licenses.is_empty() {
            return;
        }
        let ids = look.processes().iter();
        let processes: Vec<Process> = ids.filter_map(|&id| open(&self.proc, id)).collect();
        let names: Vec<String> = processes
            .iter()
            .filter_map(|p| Some(p.stat().ok()?.comm))
            .collect();
        let connections = self.connections(&processes, look);
        let is_blind = connections.is_none();
        let connections = connections.unwrap_or_default();
        for license in &mut self.licenses {
            let running = names
                .iter()
                .filter(|name| license.processes.contains(name))
                .count();
            let connected = connections
                .iter()
                .filter(|to| license.servers.contain(to))
                .count();
            license.most = license.most.max(running.max(connected) as u32);
            license.was_blind |= !license.servers.are_all_known();
            license.was_blind |= is_blind && license.servers.is_any_known();
        }
    }

    /// Where the job's established connections to any of the servers lead; `None` where there are too many of any to say.
    fn connections(&self, processes: &[Process], look: &Descriptors) -> Option<Vec<SocketAddr>> {
        if !self.licenses.iter().any(|l| l.servers.is_any_known()) {
            return Some(Vec::new());
        }
        let held = look.sockets();
        if held.is_cut {
            return None;
        }
        let is_server = |to: &SocketAddr| self.licenses.iter().any(|l| l.servers.contain(to));
        // All of a job's processes are in one network.
        let first = processes.first().filter(|_| !held.inodes.is_empty());
        let Some(first) = first else {
            return Some(Vec::new());
        };
        let tables = [table(first, "net/tcp")?, table(first, "net/tcp6")?];
        // Of the whole node's connections only those that one of the job's processes holds; in both tables stands none.
        let mine = tables.iter().flatten().filter(|entry| {
            entry.state == TcpState::Established && held.inodes.contains(&entry.inode)
        });
        let to = mine.map(|entry| plain(entry.remote_address));
        Some(to.filter(is_server).collect())
    }

    /// Most seats held at the same time so far, of every license that could be watched for.
    pub fn most(&self) -> BTreeMap<String, u32> {
        let most = |license: &Watched| (license.name.clone(), license.most);
        let seen = self.licenses.iter().filter(|license| license.is_seen());
        seen.map(most).collect()
    }
}

/// A table of the connections in a process's network; `None` where it is too long. Where there is no IPv6 one is missing.
fn table(process: &Process, name: &str) -> Option<Vec<TcpNetEntry>> {
    if process.open_relative(name).is_err() {
        return Some(Vec::new());
    }
    let text = read_up_to(MOST_OF_A_TABLE, process, name)?;
    let entries = TcpNetEntries::from_buf_read(&text[..], current_system_info());
    Some(entries.map(|TcpNetEntries(all)| all).unwrap_or_default())
}

/// IPv4 in IPv6's clothes is IPv4.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn connections_of_this_process_are_seats_and_others_are_not() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let license = |name: &str, port: u16| License {
            name: name.into(),
            servers: vec![format!("{port}@127.0.0.1"), "/a/license/file".into()],
            ..License::default()
        };
        let reported_by_others = License {
            name: "managed".into(),
            lmstat: vec!["lmstat".into()],
            ..License::default()
        };
        let with = |name: &str, servers: &[&str]| License {
            name: name.into(),
            servers: servers.iter().map(|&text| text.into()).collect(),
            ..License::default()
        };
        let licenses = [
            license("used", port),
            license("other", 1),
            reported_by_others,
            with("file", &["/a/license/file"]),
            with("unfound", &["1@127.0.0.1", "1@no-such-host.invalid"]),
            License {
                processes: vec!["no such program".into()],
                ..with("half", &["1@no-such-host.invalid"])
            },
        ];
        let mut seats = SeatWatch::new(Path::new("/proc"), &licenses);
        let held: Vec<TcpStream> = (0..3)
            .map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap())
            .collect();
        let proc = Path::new("/proc");
        seats.look(&Descriptors::of(proc, &[std::process::id()]));
        drop(held);
        seats.look(&Descriptors::of(proc, &[std::process::id(), 999_999_999]));
        assert_eq!(
            seats.most(),
            [("used".into(), 3), ("other".into(), 0)].into()
        );
    }

    #[test]
    fn where_a_node_has_too_many_connections_none_seen_is_no_zero() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("7");
        std::fs::create_dir_all(folder.join("net")).unwrap();
        std::fs::create_dir_all(folder.join("fd")).unwrap();
        std::os::unix::fs::symlink("socket:[5]", folder.join("fd/3")).unwrap();
        let license = License {
            name: "used".into(),
            servers: vec!["27000@127.0.0.1".into()],
            ..License::default()
        };
        let line = |inode: u32| {
            format!(
                "   0: 0100007F:A001 0100007F:6978 01 00000000:00000000 00:00000000 00000000  1001        0 {inode} 1 x 20 4 30 10 -1\n"
            )
        };
        let table = |others: usize| format!("head\n{}{}", line(5), line(6).repeat(others));
        for (others, right) in [(9, Some(1)), (100_000, None)] {
            std::fs::write(folder.join("net/tcp"), table(others)).unwrap();
            let mut seats = SeatWatch::new(dir.path(), std::slice::from_ref(&license));
            seats.look(&Descriptors::of(dir.path(), &[7]));
            assert_eq!(seats.most().get("used").copied(), right, "{others}");
        }
    }
}
