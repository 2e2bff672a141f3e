//! What a job sends and receives: the kernel's own count of each of its TCP connections, and of the network
//! interfaces of a network that is the job's alone.
//!
//! A connection is the job's if one of its processes holds it. What it did is asked at each look, and reported
//! once more by the kernel a moment after its end; one that begins and ends between two looks is not seen.
//! Connections within the node are no network.
//!
//! The kernel tells of all of the node's connections, whoever has them: those of others are passed over, and where they are too
//! many the network is watched no more.

use super::descriptors::Descriptors;
use super::folder::{open, read_up_to};
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags,
};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr};
use procfs::FromBufRead;
use procfs::net::{DeviceStatus, InterfaceDeviceStatus};
use procfs::process::Process;
use std::cell::Cell;
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

/// Of a node with more open TCP connections none is looked at: to be told of all of them would cost each of its jobs too much.
const MOST_CONNECTIONS: usize = 20_000;

/// Packets of reported ends that are read at once: others may end connections faster than these are read.
const MOST_ENDINGS: usize = 4096;

/// Networks of a job's own that are watched, and the most that is read of what one's interfaces counted, in bytes: a user can
/// make any number of both.
const MOST_NETWORKS: usize = 16;
const MOST_OF_INTERFACES: u64 = 64 << 10;

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

/// A connection of the job's.
#[derive(Default)]
struct Connection {
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
    /// Not all that there is could be looked at.
    is_cut: bool,
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
            is_cut: false,
            asked: asked().ok(),
            endings: endings().ok(),
            connections: HashMap::new(),
            ended: Traffic::default(),
            networks: HashMap::new(),
            own_network: network_of(&proc.join("self")),
            most: 0,
        }
    }

    /// Looks at the connections and networks of these processes, all of a job.
    pub fn look(&mut self, look: &Descriptors) {
        if self.is_cut {
            return;
        }
        self.note_endings();
        self.look_at_connections(look);
        self.note_interfaces(look.processes());
    }

    /// Bytes that were seen so far; `None` where there was too much to see all.
    pub fn traffic(&self) -> Option<Traffic> {
        let connections = self.connections.values().map(|c| c.traffic);
        let interfaces = self.networks.values().map(|i| i.since_first);
        let all = connections.chain(interfaces);
        (!self.is_cut).then(|| all.fold(self.ended, Traffic::plus))
    }

    /// Most connections held at the same time.
    pub fn most_connections(&self) -> usize {
        self.most
    }

    /// The kernel is asked only where the job has a connection, or had one at the look before.
    fn look_at_connections(&mut self, look: &Descriptors) {
        let held = look.sockets();
        if held.is_cut {
            return self.give_up();
        }
        if held.inodes.is_empty() && self.connections.is_empty() {
            return;
        }
        let Some(socket) = &self.asked else { return };
        let mut own = Vec::new();
        let all = each_connection(socket, MOST_CONNECTIONS, |seen| {
            let is_known = self.connections.contains_key(&cookie(seen));
            let is_ours = is_known || held.inodes.contains(&seen.header.inode.into());
            if is_ours && (self.counts)(seen.header.socket_id.destination_address) {
                own.push((cookie(seen), traffic(seen)));
            }
        });
        match all {
            Ok(All::Told) => {
                self.note_connections(&own);
                self.note_endings();
            }
            Ok(All::TooMany) => self.give_up(),
            Err(_) => {}
        }
    }

    /// What was seen so far is not all, and no more will be: nothing is kept, and the kernel is heard no more.
    fn give_up(&mut self) {
        self.is_cut = true;
        (self.asked, self.endings) = (None, None);
        (self.connections, self.networks) = (HashMap::new(), HashMap::new());
    }

    fn note_connections(&mut self, now: &[(Cookie, Traffic)]) {
        for &(cookie, traffic) in now {
            let known = self.connections.entry(cookie).or_default();
            known.traffic = traffic;
        }
        let there: HashSet<Cookie> = now.iter().map(|(cookie, _)| *cookie).collect();
        self.note_missing(&there);
        self.most = self.most.max(there.len());
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

    /// A connection is over, having done `all` if that is known.
    fn note_end(&mut self, cookie: &Cookie, all: Option<Traffic>) {
        if let Some(known) = self.connections.remove(cookie) {
            self.ended = self.ended.plus(all.unwrap_or(known.traffic));
        }
    }

    fn note_endings(&mut self) {
        let Some(socket) = &self.endings else { return };
        let mut ended = Vec::new();
        for _ in 0..MOST_ENDINGS {
            let Ok((bytes, _)) = socket.recv_from_full() else {
                break;
            };
            read(&bytes, |seen| {
                if self.connections.contains_key(&cookie(seen)) {
                    ended.push((cookie(seen), traffic(seen)));
                }
            });
        }
        for (cookie, all) in ended {
            self.note_end(&cookie, Some(all));
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
            let count = self.networks.len();
            match self.networks.entry(network) {
                Entry::Occupied(known) => known.into_mut().note(now),
                Entry::Vacant(place) if count < MOST_NETWORKS => {
                    place.insert(Interfaces::first_seen(now));
                }
                Entry::Vacant(_) => {}
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
    let text = read_up_to(MOST_OF_INTERFACES, process, "net/dev")?;
    let InterfaceDeviceStatus(mut all) = InterfaceDeviceStatus::from_buf_read(&text[..]).ok()?;
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

/// Whether the kernel has told of all connections.
#[derive(Debug, PartialEq)]
enum All {
    Told,
    TooMany,
}

/// Tells `each` of all TCP connections of this network, up to `most`; the socket is good for nothing more where there are more.
fn each_connection(
    socket: &Socket,
    most: usize,
    mut each: impl FnMut(&InetResponse),
) -> io::Result<All> {
    let count = Cell::new(0);
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
        let mut note = |one: &InetResponse| {
            count.set(count.get() + 1);
            each(one);
        };
        while count.get() <= most && read(&socket.recv_from_full()?.0, &mut note) {}
        if count.get() > most {
            return Ok(All::TooMany);
        }
    }
    Ok(All::Told)
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
fn read(mut bytes: &[u8], mut each: impl FnMut(&InetResponse)) -> bool {
    while !bytes.is_empty() {
        let Ok(message) = NetlinkMessage::<SockDiagMessage>::deserialize(bytes) else {
            return false;
        };
        match message.payload {
            NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                each(&response);
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
