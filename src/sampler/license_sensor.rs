//! The license sensor: inside a shadow's network, in the place of license servers, it counts who is asked
//! and how often. It never answers: demand is seen and no license is taken.

use crate::job::licenses::Server;
use crate::shadow::server_address;
use nix::sched::{CloneFlags, setns};
use std::collections::BTreeMap;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
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

impl Sensor {
    /// Listens for `servers` (`27000@lic1,...`) in the network of process `init`, which must be its own and
    /// up, in a thread that lives as long as this process. Once this returns, whoever asks is counted.
    pub fn start(servers: &str, init: i32) -> Sensor {
        let sensor = Sensor::default();
        if !servers.is_empty() {
            let (own, servers) = (sensor.clone(), servers.to_owned());
            let (listening, begun) = channel();
            std::thread::spawn(move || own.listen(&servers, init, listening));
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

    /// Drops `listening` once it is.
    fn listen(&self, servers: &str, init: i32, listening: Sender<()>) {
        let Ok(network) = File::open(format!("/proc/{init}/ns/net")) else {
            return;
        };
        // Of this thread alone.
        if setns(network, CloneFlags::CLONE_NEWNET).is_err() {
            return;
        }
        let listeners: Vec<(&str, TcpListener)> = servers
            .split(',')
            .enumerate()
            .filter_map(|(index, text)| {
                let server = Server::parse(text)?;
                Some((text, listener((address(&server, index), server.port))?))
            })
            .collect();
        drop(listening);
        let mut held = Vec::new();
        loop {
            for (name, listener) in &listeners {
                self.take(name, listener, &mut held);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Whoever asks is kept waiting: to hang up would be an answer.
    fn take(&self, name: &str, listener: &TcpListener, held: &mut Vec<TcpStream>) {
        while let Ok((client, _)) = listener.accept() {
            held.push(client);
            let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *asked.entry(name.to_owned()).or_default() += 1;
        }
    }
}

fn listener(address: (IpAddr, u16)) -> Option<TcpListener> {
    let listener = TcpListener::bind(address).ok()?;
    listener.set_nonblocking(true).ok()?;
    Some(listener)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

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
