//! The license sensor: inside a shadow's network, in the place of license servers, it counts who is asked
//! and how often. It never answers: demand is seen and no license is taken.

use crate::job::licenses::Server;
use crate::shadow::{MOST_SERVERS, server_address};
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{setsockopt, sockopt::RcvBuf};
use std::collections::BTreeMap;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Between two looks whether somebody asks.
const LOOK: Duration = Duration::from_millis(50);

/// How often each server was asked.
type Asked = BTreeMap<String, u32>;

/// Where server number `index` of the list answers.
fn address(server: &Server, index: usize) -> IpAddr {
    let given = server.host.parse::<Ipv4Addr>();
    IpAddr::V4(given.unwrap_or(server_address(index)))
}

/// A sensor at work.
#[derive(Debug, Default, Clone)]
pub struct Sensor(Arc<Mutex<Asked>>);

/// So many who ask are held, whomever they ask: each costs root's process a descriptor, and its user names the servers.
const MOST_HELD: usize = 128;

/// Bytes that may wait unread of each; the kernel makes it what it must be at least.
const LEAST_ROOM: usize = 1;

impl Sensor {
    /// Listens for `servers` (`27000@lic1,...`) in the network of process `init`, which must be its own and
    /// up, in a thread that lives as long as this process. Once this returns, whoever asks is counted. `proc` is
    /// `/proc`.
    pub fn start(servers: &str, proc: &Path, init: i32) -> Sensor {
        let network = proc.join(format!("{init}/ns/net"));
        Sensor::listening(servers, move || enter(&network))
    }

    /// The same in the network to which `enter` takes the thread; nobody listens where it cannot.
    fn listening(servers: &str, enter: impl FnOnce() -> bool + Send + 'static) -> Sensor {
        let sensor = Sensor::default();
        if !servers.is_empty() {
            let (own, servers) = (sensor.clone(), servers.to_owned());
            let (listening, begun) = channel::<()>();
            std::thread::spawn(move || {
                if enter() {
                    let listeners = listeners(&servers);
                    drop(listening);
                    own.count(&listeners);
                }
            });
            let _nothing_to_wait_for = begun.recv();
        }
        sensor
    }

    /// How often each server was asked so far.
    pub fn asked(&self) -> Asked {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Counts who asks one of these, for ever.
    fn count(&self, listeners: &[(&str, TcpListener)]) {
        let mut held = Vec::new();
        loop {
            for (name, listener) in listeners {
                self.take(name, listener, &mut held);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Whoever asks is kept waiting: to hang up would be an answer. Beyond [`MOST_HELD`] they wait in the kernel, which has
    /// room for some more, and are not counted.
    fn take(&self, name: &str, listener: &TcpListener, held: &mut Vec<TcpStream>) {
        while held.len() < MOST_HELD
            && let Ok((client, _)) = listener.accept()
        {
            held.push(client);
            let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *asked.entry(name.to_owned()).or_default() += 1;
        }
    }
}

/// Takes this thread, and no other, to a network; false if that is not to be.
fn enter(network: &Path) -> bool {
    let network = File::open(network);
    network.is_ok_and(|network| setns(network, CloneFlags::CLONE_NEWNET).is_ok())
}

/// One for each of `servers` whose address is free, by its name there.
fn listeners(servers: &str) -> Vec<(&str, TcpListener)> {
    let one = |(index, text)| {
        let server = Server::parse(text)?;
        Some((text, listener((address(&server, index), server.port))?))
    };
    let servers = servers.split(',').enumerate().take(MOST_SERVERS);
    servers.filter_map(one).collect()
}

fn listener(address: (IpAddr, u16)) -> Option<TcpListener> {
    let listener = TcpListener::bind(address).ok()?;
    listener.set_nonblocking(true).ok()?;
    // Of what is sent next to nothing is kept: it would be memory that no job is charged for.
    setsockopt(&listener, RcvBuf, &LEAST_ROOM).ok()?;
    Some(listener)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::time::Instant;

    /// A port that is free at each of these addresses.
    fn free_at(addresses: &[Ipv4Addr]) -> u16 {
        loop {
            let any = TcpListener::bind((addresses[0], 0)).unwrap();
            let port = any.local_addr().unwrap().port();
            let is_free = |at: &Ipv4Addr| TcpListener::bind((*at, port)).is_ok();
            if addresses[1..].iter().all(is_free) {
                return port;
            }
        }
    }

    /// Waits until a sensor has counted what is expected, for some seconds.
    fn comes_to(sensor: &Sensor, expected: &Asked) -> bool {
        let end = Instant::now() + Duration::from_secs(10);
        while sensor.asked() != *expected && Instant::now() < end {
            std::thread::sleep(LOOK);
        }
        sensor.asked() == *expected
    }

    #[test]
    fn each_server_is_counted_by_its_name_and_those_that_are_none_stand_in_nobodys_place() {
        let [first, second, third] = [0, 1, 2].map(server_address);
        let port = free_at(&[first, third, Ipv4Addr::LOCALHOST]);
        let [named, named_late, given] =
            ["lic1", "lic3", "127.0.0.1"].map(|host| format!("{port}@{host}"));
        let servers = format!("{named},/opt/l.dat,{named_late},{given}");
        let sensor = Sensor::listening(&servers, || true);
        assert_eq!(sensor.asked(), Asked::new());
        // It listens already, and goes on.
        let ask = |at| TcpStream::connect((at, port));
        let mut clients = vec![ask(third).unwrap()];
        assert!(comes_to(&sensor, &[(named_late.clone(), 1)].into()));
        clients.extend([first, Ipv4Addr::LOCALHOST, third].map(|at| ask(at).unwrap()));
        let all = [(named, 1), (named_late, 2), (given, 1)];
        assert!(comes_to(&sensor, &all.into()), "{:?}", sensor.asked());
        assert!(ask(second).is_err());
        for mut client in clients {
            client.set_nonblocking(true).unwrap();
            let answer = client.read(&mut [0]).unwrap_err();
            assert_eq!(answer.kind(), std::io::ErrorKind::WouldBlock);
        }
    }

    #[test]
    fn nobody_listens_where_there_is_no_server_or_no_network() {
        let at = server_address(3);
        let port = free_at(&[at]);
        let servers = format!("/opt/l.dat,,,{port}@lic4");
        for (servers, enters) in [("", true), ("/opt/l.dat", true), (&servers, false)] {
            let sensor = Sensor::listening(servers, move || enters);
            assert!(TcpStream::connect((at, port)).is_err(), "{servers}");
            assert_eq!(sensor.asked(), Asked::new());
        }
    }

    #[test]
    fn a_sensor_listens_in_the_network_of_the_process_that_is_named() {
        let proc = tempfile::tempdir().unwrap();
        let folder = |init: &str| {
            let folder = proc.path().join(init).join("ns");
            std::fs::create_dir_all(&folder).unwrap();
            folder.join("net")
        };
        symlink("/proc/self/ns/net", folder("7")).unwrap();
        symlink("/proc/self/ns/uts", folder("8")).unwrap();
        std::fs::write(folder("9"), "").unwrap();
        // Who is not root may not even stay.
        let own = File::open("/proc/self/ns/net").unwrap();
        let may = setns(own, CloneFlags::CLONE_NEWNET).is_ok();
        let at = server_address(4);
        let port = free_at(&[at]);
        for (init, listens) in [(6, false), (8, false), (9, false), (7, may)] {
            let servers = format!("a,b,c,d,{port}@lic5");
            let sensor = Sensor::start(&servers, proc.path(), init);
            let client = TcpStream::connect((at, port));
            assert_eq!(client.is_ok(), listens, "{init}");
            let asked = listens.then(|| (format!("{port}@lic5"), 1));
            assert!(comes_to(&sensor, &asked.into_iter().collect()), "{init}");
        }
    }

    #[test]
    fn whoever_asks_is_counted_and_kept_waiting() {
        let sensor = Sensor::default();
        let server = listener((Ipv4Addr::LOCALHOST.into(), 0)).unwrap();
        let at = server.local_addr().unwrap();
        let mut held = Vec::new();
        sensor.take("27000@lic1", &server, &mut held);
        assert_eq!(sensor.asked(), Asked::new());
        let mut clients: Vec<_> = (0..3).map(|_| TcpStream::connect(at).unwrap()).collect();
        while held.len() < clients.len() {
            sensor.take("27000@lic1", &server, &mut held);
        }
        assert_eq!(sensor.asked(), [("27000@lic1".to_owned(), 3)].into());
        let client = &mut clients[0];
        client.set_nonblocking(true).unwrap();
        let answer = client.read(&mut [0]).unwrap_err();
        assert_eq!(answer.kind(), std::io::ErrorKind::WouldBlock);
    }

    #[test]
    fn many_who_ask_and_send_cost_next_to_nothing_and_wait() {
        let sensor = Sensor::default();
        let server = listener((Ipv4Addr::LOCALHOST.into(), 0)).unwrap();
        let at = server.local_addr().unwrap();
        let mut held = Vec::new();
        let mut clients = Vec::new();
        for _ in 0..MOST_HELD + 20 {
            clients.push(TcpStream::connect(at).unwrap());
            sensor.take("a", &server, &mut held);
        }
        sensor.take("a", &server, &mut held);
        assert_eq!(held.len(), MOST_HELD);
        assert_eq!(sensor.asked(), [("a".to_owned(), MOST_HELD as u32)].into());
        for client in &mut clients {
            client.set_nonblocking(true).unwrap();
            let answer = client.read(&mut [0]).unwrap_err();
            assert_eq!(answer.kind(), std::io::ErrorKind::WouldBlock);
        }
        let waiting = |client: &TcpStream| client.peek(&mut [0; 1 << 20]).unwrap_or(0);
        let sent = &mut clients[0];
        while std::io::Write::write(sent, &[7; 1 << 16]).is_ok() {}
        assert!(waiting(&held[0]) < 1 << 16, "{} bytes", waiting(&held[0]));
    }

    #[test]
    fn many_who_ask_many_servers_are_no_more_than_are_held_in_all() {
        let sensor = Sensor::default();
        let servers: Vec<_> = (0..8)
            .map(|_| listener((Ipv4Addr::LOCALHOST.into(), 0)).unwrap())
            .collect();
        let (mut held, mut clients) = (Vec::new(), Vec::new());
        for _ in 0..MOST_HELD / 4 {
            for server in &servers {
                clients.push(TcpStream::connect(server.local_addr().unwrap()).unwrap());
                sensor.take("a", server, &mut held);
            }
        }
        assert_eq!(held.len(), MOST_HELD);
        assert_eq!(sensor.asked(), [("a".to_owned(), MOST_HELD as u32)].into());
    }

    #[test]
    fn no_more_servers_are_stood_in_for_than_have_an_address() {
        let port = free_at(&[Ipv4Addr::LOCALHOST]);
        for (before, listening) in [(MOST_SERVERS - 1, 1), (MOST_SERVERS, 0)] {
            let servers = format!("{}{port}@127.0.0.1", ",".repeat(before));
            assert_eq!(listeners(&servers).len(), listening, "{before}");
        }
    }

    #[test]
    fn servers_are_read_and_nothing_else() {
        let good = Server::parse("27000@lic-1.site.org").unwrap();
        assert_eq!((good.port, good.host), (27000, "lic-1.site.org"));
        for text in [
            "",
            "@",
            "27000@",
            "0@a",
            "70000@a",
            "x@a",
            "/opt/l.dat",
            "1@a b",
            "1@a\n",
        ] {
            assert_eq!(Server::parse(text), None, "{text:?}");
        }
        assert_eq!(address(&good, 2).to_string(), "127.77.0.3");
        assert_eq!(
            address(&Server::parse("1@10.0.0.7").unwrap(), 2).to_string(),
            "10.0.0.7"
        );
    }
}
