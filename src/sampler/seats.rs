//! Seats of licenses that a job holds: established connections of its processes to a license server, or
//! processes that hold a seat while they run.

use super::process::{MAX_PROCESSES, open, sockets};
use crate::config::License;
use crate::job::licenses::Server;
use procfs::net::TcpState;
use procfs::process::Process;
use std::collections::{BTreeMap, HashSet};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

/// Watches for the licenses of a site.
pub struct SeatWatch {
    proc: PathBuf,
    licenses: Vec<Watched>,
}

struct Watched {
    name: String,
    servers: HashSet<SocketAddr>,
    processes: Vec<String>,
    most: u32,
}

impl SeatWatch {
    /// Servers that cannot be found by name now are not looked for later.
    pub fn new(proc: &Path, licenses: &[License]) -> SeatWatch {
        let addresses = |text: &String| {
            let server = Server::parse(text)?;
            (server.host, server.port).to_socket_addrs().ok()
        };
        let watched = |license: &License| Watched {
            name: license.name.clone(),
            servers: license
                .servers
                .iter()
                .filter_map(addresses)
                .flatten()
                .collect(),
            processes: license.processes.clone(),
            most: 0,
        };
        // What only a license manager or a rate reports is not seen here, and is no zero.
        let is_seen_here =
            |license: &&License| !license.servers.is_empty() || !license.processes.is_empty();
        SeatWatch {
            proc: proc.into(),
            licenses: licenses.iter().filter(is_seen_here).map(watched).collect(),
        }
    }

    /// Looks at these processes, all of a job.
    pub fn look(&mut self, ids: &[u32]) {
        if self.licenses.is_empty() {
            return;
        }
        let ids = ids.iter().take(MAX_PROCESSES);
        let processes: Vec<Process> = ids.filter_map(|&id| open(&self.proc, id)).collect();
        let names: Vec<String> = processes
            .iter()
            .filter_map(|p| Some(p.stat().ok()?.comm))
            .collect();
        let connections = self.connections(&processes);
        for license in &mut self.licenses {
            let running = names
                .iter()
                .filter(|name| license.processes.contains(name))
                .count();
            let connected = connections
                .iter()
                .filter(|to| license.servers.contains(to))
                .count();
            license.most = license.most.max(running.max(connected) as u32);
        }
    }

    /// Where the job's established connections to any of the servers lead.
    fn connections(&self, processes: &[Process]) -> Vec<SocketAddr> {
        let is_server = |to: &SocketAddr| self.licenses.iter().any(|l| l.servers.contains(to));
        // All of a job's processes are in one network.
        let Some(first) = processes.first() else {
            return Vec::new();
        };
        let tables = [first.tcp(), first.tcp6()].into_iter().flatten().flatten();
        let to_servers: BTreeMap<u64, SocketAddr> = tables
            .filter(|entry| entry.state == TcpState::Established)
            .map(|entry| (entry.inode, plain(entry.remote_address)))
            .filter(|(_, to)| is_server(to))
            .collect();
        if to_servers.is_empty() {
            return Vec::new();
        }
        // Of the whole node's connections only those that one of the job's processes holds.
        let held: HashSet<u64> = processes.iter().flat_map(sockets).collect();
        let mine = to_servers
            .into_iter()
            .filter(|(inode, _)| held.contains(inode));
        mine.map(|(_, to)| to).collect()
    }

    /// Most seats held at the same time so far, of every license that was watched for.
    pub fn most(&self) -> BTreeMap<String, u32> {
        let most = |license: &Watched| (license.name.clone(), license.most);
        self.licenses.iter().map(most).collect()
    }
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
        let licenses = [
            license("used", port),
            license("other", 1),
            reported_by_others,
        ];
        let mut seats = SeatWatch::new(Path::new("/proc"), &licenses);
        let held: Vec<TcpStream> = (0..3)
            .map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap())
            .collect();
        seats.look(&[std::process::id()]);
        drop(held);
        seats.look(&[std::process::id(), 999_999_999]);
        assert_eq!(
            seats.most(),
            [("used".into(), 3), ("other".into(), 0)].into()
        );
    }
}
