use super::*;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

fn look(network: &mut Network, ids: &[u32]) {
    network.look(&Descriptors::of(&network.proc.clone(), ids));
}

fn seen(network: &Network) -> Traffic {
    network.traffic().expect("few connections")
}

#[test]
fn connections_are_counted_to_the_last_byte() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut network = Network::counting(Path::new("/proc"), |_| true);
    let own = [std::process::id()];
    let mut to = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    let mut from = server.accept().unwrap().0;
    look(&mut network, &own);
    let before = seen(&network);
    let writer = std::thread::spawn(move || to.write_all(&[7; 3_000_000]).map(|()| to));
    let mut bytes = vec![0; 3_000_000];
    from.read_exact(&mut bytes).unwrap();
    let to = writer.join().unwrap().unwrap();
    look(&mut network, &own);
    // Both ends are this process's. Other tests may use the network at the same time, too.
    let all = seen(&network).since(before);
    assert!(all.received >= 3_000_000 && all.sent > 2_900_000, "{all:?}");
    assert!(network.most_connections() >= 2);
    drop((to, from));
    look(&mut network, &own);
    assert!(seen(&network).since(before).received >= 3_000_000);
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
        let before = seen(&network).sent;
        let mut to = TcpStream::connect(at).unwrap();
        let mut from = server.accept().unwrap().0;
        exchange(&mut to, &mut from);
        look(&mut network, &own);
        let sent = seen(&network).sent - before;
        assert!((1000..=1001).contains(&sent), "{sent}");
        assert_eq!(network.most_connections(), 1);
        drop((to, from));
        while !network.connections.is_empty() {
            look(&mut network, &own);
        }
        assert!(seen(&network).sent - before >= 1000);
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
    look(&mut network, &own);
    to.write_all(&[7; 1000]).unwrap();
    from.read_exact(&mut [0; 1000]).unwrap();
    drop((to, from));
    network.note_connections(&[]);
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
    assert_eq!(seen(&network).sent >= 1000, is_reported);
    network.note_connections(&[]);
    assert!(network.connections.is_empty());
}

#[test]
fn what_is_not_the_jobs_is_passed_over_and_too_many_are_not_told() {
    const THERE: &str = "127.77.9.11";
    let server = TcpListener::bind((THERE, 0)).unwrap();
    let clients: Vec<_> = (0..40)
        .map(|_| TcpStream::connect(server.local_addr().unwrap()).unwrap())
        .collect();
    let mut child = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .unwrap();
    let mut others = Network::counting(Path::new("/proc"), |to| to.to_string() == THERE);
    look(&mut others, &[child.id()]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((others.connections.len(), others.most), (0, 0));
    let socket = asked().unwrap();
    let all = each_connection(&socket, clients.len() / 2, |_| {}).unwrap();
    assert_eq!(all, All::TooMany);
    let mut there = 0;
    let all = each_connection(&asked().unwrap(), usize::MAX, |one| {
        there += usize::from((others.counts)(one.header.socket_id.destination_address));
    });
    assert_eq!((all.unwrap(), there), (All::Told, clients.len()));
}

#[test]
fn a_network_that_cannot_be_watched_whole_was_not_watched_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let fd = dir.path().join("7/fd");
    std::fs::create_dir_all(&fd).unwrap();
    let mut network = Network::new(dir.path());
    look(&mut network, &[7]);
    assert_eq!(network.traffic(), Some(Traffic::default()));
    for number in 0..5000 {
        let to = format!("socket:[{number}]");
        std::os::unix::fs::symlink(to, fd.join(number.to_string())).unwrap();
    }
    for _ in 0..2 {
        look(&mut network, &[7]);
        assert_eq!(network.traffic(), None);
        assert!(network.asked.is_none() && network.endings.is_none());
    }
}

#[test]
fn a_table_of_interfaces_that_is_too_long_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("7/net")).unwrap();
    let line = |n: u32| format!("  eth{n}: 1000 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n");
    for (count, is_read) in [(100, true), (10_000, false)] {
        let text: String = (0..count).map(line).collect();
        std::fs::write(dir.path().join("7/net/dev"), format!("a\nb\n{text}")).unwrap();
        let process = open(dir.path(), 7).unwrap();
        assert_eq!(interfaces(&process).is_some(), is_read, "{count}");
    }
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
