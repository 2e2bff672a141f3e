//! What a job sends and receives: the kernel's own count of each of its TCP connections, and of the network
//! interfaces of a network that is the job's alone.
//!
//! A connection is the job's if one of its processes holds it. What it did is asked at each look, and reported
//! once more by the kernel a moment after its end; one that begins and ends between two looks is not seen.
//! Connections within the node are no network.

use super::process::{MAX_PROCESSES, open, sockets};
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags,
};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr};
use procfs::net::DeviceStatus;
use procfs::process::Process;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The groups in which the kernel reports TCP connections that end, over IPv4 and IPv6
/// (sock_diag's SKNLGRP_INET_TCP_DESTROY and SKNLGRP_INET6_TCP_DESTROY).
const ENDINGS: [u32; 2] = [1, 3];

/// Where `struct tcp_info` has bytes acknowledged and bytes received.
const BYTES_ACKED: usize = 120;
const BYTES_RECEIVED: usize = 128;

/// Names a connection for as long as the kernel runs.
type Cookie = [u8; 8];

/// What went over the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes received.
    pub received: u64,
    /// Bytes sent, and acknowledged by the other side.
    pub sent: u64,
}

impl Traffic {
    fn plus(self, other: Traffic) -> Traffic {
        Traffic {
            received: self.received + other.received,
            sent: self.sent + other.sent,
        }
    }

    fn since(self, before: Traffic) -> Traffic {
        Traffic {
            received: self.received.saturating_sub(before.received),
            sent: self.sent.saturating_sub(before.sent),
        }
    }
}

/// A connection of this node.
struct Connection {
    ours: bool,
    traffic: Traffic,
    /// The last look did not find it, and the kernel has not reported its end yet.
    missing: bool,
}

/// What each interface of a network had counted, by its name.
type Counts = HashMap<String, Traffic>;

/// Interfaces of a network of the job's own: an end of a pair is gone as soon as the other is, and what it had counted is
/// not.
struct Interfaces {
    last: Counts,
    since_first: Traffic,
}

impl Interfaces {
    fn first_seen(now: Counts) -> Interfaces {
        Interfaces {
            last: now,
            since_first: Traffic::default(),
        }
    }

    fn note(&mut self, now: Counts) {
        for (name, now) in &now {
            // A new one may have come from elsewhere, with all that it counted there.
            let Some(before) = self.last.get(name) else {
                continue;
            };
            // One that has counted less than before is another of that name.
            if now.received >= before.received && now.sent >= before.sent {
                self.since_first = self.since_first.plus(now.since(*before));
            }
        }
        self.last = now;
    }
}

/// Watches the network.
pub struct Network {
    proc: PathBuf,
    counts: fn(IpAddr) -> bool,
    asked: Option<Socket>,
    endings: Option<Socket>,
    connections: HashMap<Cookie, Connection>,
    ended: Traffic,
    networks: HashMap<u64, Interfaces>,
    own_network: Option<u64>,
    most: usize,
}

impl Network {
    /// Nothing seen yet; `proc` is `/proc`.
    pub fn new(proc: &Path) -> Network {
        Network::counting(proc, |to| !to.to_canonical().is_loopback())
    }

    fn counting(proc: &Path, counts: fn(IpAddr) -> bool) -> Network {
        Network {
            proc: proc.into(),
            counts,
            asked: asked().ok(),
            endings: endings().ok(),
            connections: HashMap::new(),
            ended: Traffic::default(),
            networks: HashMap::new(),
            own_network: network_of(&proc.join("self")),
            most: 0,
        }
    }

    /// Looks at these processes, all of a job.
    pub fn look(&mut self, ids: &[u32]) {
        let ids = &ids[..ids.len().min(MAX_PROCESSES)];
        self.note_endings();
        if let Some(now) = self
            .asked
            .as_ref()
            .and_then(|socket| connections(socket).ok())
        {
            self.note_connections(&now, ids);
            self.note_endings();
        }
        self.note_interfaces(ids);
    }

    /// Bytes that were seen so far.
    pub fn traffic(&self) -> Traffic {
        let connections = self.connections.values().filter(|c| c.ours);
        let interfaces = self.networks.values().map(|i| i.since_first);
        connections
            .map(|connection| connection.traffic)
            .chain(interfaces)
            .fold(self.ended, Traffic::plus)
    }

    /// Most connections held at the same time.
    pub fn most_connections(&self) -> usize {
        self.most
    }

    fn note_connections(&mut self, now: &[InetResponse], ids: &[u32]) {
        let now: Vec<&InetResponse> = now
            .iter()
            .filter(|c| (self.counts)(c.header.socket_id.destination_address))
            .collect();
        let is_new = |c: &&&InetResponse| !self.connections.contains_key(&cookie(c));
        // Files of processes are looked through only where there is something new to find.
        let held: HashSet<u64> = match now.iter().find(is_new) {
            Some(_) => self.held_by(ids),
            None => HashSet::new(),
        };
        for connection in &now {
            let ours = held.contains(&connection.header.inode.into());
            let traffic = traffic(connection);
            let known = self.connections.entry(cookie(connection));
            let known = known.or_insert(Connection {
                ours,
                traffic,
                missing: false,
            });
            known.traffic = traffic;
        }
        let there: HashSet<Cookie> = now.iter().map(|connection| cookie(connection)).collect();
        self.note_missing(&there);
        let held = self.connections.values().filter(|c| c.ours && !c.missing);
        self.most = self.most.max(held.count());
    }

    /// Of one that is not found twice in a row the report was lost: it did what it was last seen to have done.
    fn note_missing(&mut self, there: &HashSet<Cookie>) {
        let mut gone = Vec::new();
        for (cookie, known) in &mut self.connections {
            let missing = !there.contains(cookie);
            if missing && known.missing {
                gone.push(*cookie);
            }
            known.missing = missing;
        }
        gone.iter().for_each(|cookie| self.note_end(cookie, None));
    }

    /// Inodes of all sockets of these processes.
    fn held_by(&self, ids: &[u32]) -> HashSet<u64> {
        let processes = ids.iter().filter_map(|&id| open(&self.proc, id));
        processes.flat_map(|process| sockets(&process)).collect()
    }

    /// A connection is over, having done `all` if that is known.
    fn note_end(&mut self, cookie: &Cookie, all: Option<Traffic>) {
        if let Some(known) = self.connections.remove(cookie).filter(|known| known.ours) {
            self.ended = self.ended.plus(all.unwrap_or(known.traffic));
        }
    }

    fn note_endings(&mut self) {
        let Some(socket) = &self.endings else { return };
        let mut reported = Vec::new();
        while let Ok((bytes, _)) = socket.recv_from_full() {
            read(&bytes, &mut reported);
        }
        for connection in reported {
            self.note_end(&cookie(&connection), Some(traffic(&connection)));
        }
    }

    /// Networks that the sampler is not in itself.
    fn note_interfaces(&mut self, ids: &[u32]) {
        let mut seen = HashSet::new();
        for id in ids {
            let folder = self.proc.join(id.to_string());
            let Some(network) = network_of(&folder) else {
                continue;
            };
            if Some(network) == self.own_network || !seen.insert(network) {
                continue;
            }
            let Some(now) = open(&self.proc, *id).and_then(|process| interfaces(&process)) else {
                continue;
            };
            match self.networks.entry(network) {
                Entry::Occupied(known) => known.into_mut().note(now),
                Entry::Vacant(place) => {
                    place.insert(Interfaces::first_seen(now));
                }
            }
        }
    }
}

/// Its inode number names a network.
fn network_of(process: &Path) -> Option<u64> {
    let link = std::fs::read_link(process.join("ns/net")).ok()?;
    let text = link.to_str()?;
    text.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
}

/// All interfaces of a process's network but loopback.
fn interfaces(process: &Process) -> Option<Counts> {
    let mut all = process.dev_status().ok()?;
    all.remove("lo");
    let count = |(name, seen): (String, DeviceStatus)| {
        let (received, sent) = (seen.recv_bytes, seen.sent_bytes);
        (name, Traffic { received, sent })
    };
    Some(all.into_iter().map(count).collect())
}

/// A socket on which the kernel reports connections that end; only root gets it.
fn endings() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    for group in ENDINGS {
        socket.add_membership(group)?;
    }
    socket.set_non_blocking(true)?;
    Ok(socket)
}

/// A socket on which the kernel is asked for connections.
fn asked() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    Ok(socket)
}

/// All TCP connections of this network.
fn connections(socket: &Socket) -> io::Result<Vec<InetResponse>> {
    let mut found = Vec::new();
    for (family, socket_id) in [
        (AF_INET, SocketId::new_v4()),
        (AF_INET6, SocketId::new_v6()),
    ] {
        let request = InetRequest {
            family,
            protocol: IPPROTO_TCP,
            extensions: ExtensionFlags::INFO,
            states: open_states(),
            socket_id,
        };
        let mut message = NetlinkMessage::from(SockDiagMessage::InetRequest(request));
        message.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        socket.send(&bytes, 0)?;
        while read(&socket.recv_from_full()?.0, &mut found) {}
    }
    Ok(found)
}

/// All in which something was sent and the kernel has not reported the end yet.
fn open_states() -> StateFlags {
    StateFlags::from_iter([
        StateFlags::ESTABLISHED,
        StateFlags::FIN_WAIT1,
        StateFlags::FIN_WAIT2,
        StateFlags::CLOSE_WAIT,
        StateFlags::LAST_ACK,
        StateFlags::CLOSING,
    ])
}

/// Reads the messages of one packet; true if more packets come.
fn read(mut bytes: &[u8], found: &mut Vec<InetResponse>) -> bool {
    while !bytes.is_empty() {
        let Ok(message) = NetlinkMessage::<SockDiagMessage>::deserialize(bytes) else {
            return false;
        };
        match message.payload {
            NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                found.push(*response);
            }
            _ => return false,
        }
        // Each begins at a multiple of four bytes.
        let length = (message.header.length as usize).next_multiple_of(4);
        bytes = bytes.get(length.max(4)..).unwrap_or_default();
    }
    true
}

fn cookie(connection: &InetResponse) -> Cookie {
    connection.header.socket_id.cookie
}

fn traffic(connection: &InetResponse) -> Traffic {
    let info = connection.nlas.iter().find_map(|nla| match nla {
        Nla::TcpInfo(info) => Some(info),
        _ => None,
    });
    let number = |at: usize| {
        let bytes = info?.get(at..at + 8)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    };
    Traffic {
        received: number(BYTES_RECEIVED).unwrap_or(0),
        sent: number(BYTES_ACKED).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests;
