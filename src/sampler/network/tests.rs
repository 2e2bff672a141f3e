use super::*;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

#[test]
fn connections_are_counted_to_the_last_byte() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut network = Network::counting(Path::new("/proc"), |_| true);
    let own = [std::process::id()];
    let mut to = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    let mut from = server.accept().unwrap().0;
    network.look(&own);
    let before = network.traffic();
    let writer = std::thread::spawn(move || to.write_all(&[7; 3_000_000]).map(|()| to));
    let mut bytes = vec![0; 3_000_000];
    from.read_exact(&mut bytes).unwrap();
    let to = writer.join().unwrap().unwrap();
    network.look(&own);
    // Both ends are this process's. Other tests may use the network at the same time, too.
    let all = network.traffic().since(before);
    assert!(all.received >= 3_000_000 && all.sent > 2_900_000, "{all:?}");
    assert!(network.most_connections() >= 2);
    drop((to, from));
    network.look(&own);
    assert!(network.traffic().since(before).received >= 3_000_000);
}

#[test]
fn a_connection_counts_while_it_is_held_and_its_bytes_for_good() {
    // Of each connection one end leads there, and no other test's does.
    const THERE: &str = "127.77.9.9";
    let server = TcpListener::bind((THERE, 0)).unwrap();
    let at = server.local_addr().unwrap();
    let is_there = |to: IpAddr| to.to_string() == THERE;
    let mut network = Network::counting(Path::new("/proc"), is_there);
    let own = [std::process::id()];
    let exchange = |to: &mut TcpStream, from: &mut TcpStream| {
        to.write_all(&[7; 1000]).unwrap();
        from.read_exact(&mut [0; 1000]).unwrap();
    };
    for _ in 0..2 {
        let before = network.traffic().sent;
        let mut to = TcpStream::connect(at).unwrap();
        let mut from = server.accept().unwrap().0;
        exchange(&mut to, &mut from);
        network.look(&own);
        let sent = network.traffic().sent - before;
        assert!((1000..=1001).contains(&sent), "{sent}");
        assert_eq!(network.most_connections(), 1);
        drop((to, from));
        while !network.connections.is_empty() {
            network.look(&own);
        }
        assert!(network.traffic().sent - before >= 1000);
    }
}

#[test]
fn an_end_that_is_reported_after_the_look_that_misses_it_counts_in_full() {
    const THERE: &str = "127.77.9.10";
    let server = TcpListener::bind((THERE, 0)).unwrap();
    let mut network = Network::counting(Path::new("/proc"), |to| to.to_string() == THERE);
    let own = [std::process::id()];
    let mut to = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    let mut from = server.accept().unwrap().0;
    network.look(&own);
    to.write_all(&[7; 1000]).unwrap();
    from.read_exact(&mut [0; 1000]).unwrap();
    drop((to, from));
    network.note_connections(&[], &own);
    assert_eq!((network.connections.len(), network.most), (1, 1));
    let is_reported = network.endings.is_some();
    for _ in 0..1000 {
        network.note_endings();
        if network.connections.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    // To root alone: others get what was last seen, and only once it has been missed twice.
    assert_eq!(network.traffic().sent >= 1000, is_reported);
    network.note_connections(&[], &own);
    assert!(network.connections.is_empty());
}

#[test]
fn interfaces_are_read_and_loopback_is_not_one() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("7/net")).unwrap();
    let text = "Inter-|   Receive | Transmit\n face |bytes packets | bytes\n    lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n  \
                eth0: 1000 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n veth: 5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0\n";
    std::fs::write(dir.path().join("7/net/dev"), text).unwrap();
    let traffic = |received, sent| Traffic { received, sent };
    let right = [("eth0", traffic(1000, 20)), ("veth", traffic(5, 6))];
    let right: Counts = right.map(|(name, seen)| (name.to_owned(), seen)).into();
    let process = open(dir.path(), 7).unwrap();
    assert_eq!(interfaces(&process), Some(right));
}

#[test]
fn what_an_interface_counted_stays_when_it_goes_and_what_comes_counts_from_then_on() {
    type Rows = [(&'static str, u64, u64)];
    let counts = |all: &Rows| -> Counts {
        let one =
            |&(name, received, sent): &(&str, _, _)| (name.to_owned(), Traffic { received, sent });
        all.iter().map(one).collect()
    };
    let mut network = Interfaces::first_seen(counts(&[("eth0", 100, 10)]));
    let looks: [(&Rows, u64, u64); 7] = [
        (&[("eth0", 130, 11)], 30, 1),
        (&[("eth0", 130, 11), ("veth", 7000, 2)], 30, 1),
        (&[("eth0", 131, 11), ("veth", 7004, 3)], 35, 2),
        (&[], 35, 2),
        (&[("eth0", 4, 1)], 35, 2),
        (&[("eth0", 3, 5)], 35, 2),
        (&[("eth0", 9, 6)], 41, 3),
    ];
    for (now, received, sent) in looks {
        network.note(counts(now));
        assert_eq!(network.since_first, Traffic { received, sent }, "{now:?}");
    }
}
