//! What slurmstepd and the sandbox report, line by line.

use shadowfit_core::shadow::{REPORT_EXIT, REPORT_PID, REPORT_READY, REPORT_REFUSED};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::sync::mpsc::{Receiver, Sender, channel};

/// One line.
pub enum News {
    /// There is an init, with this pid.
    Started(i32),
    /// All parts of the sandbox have been taken.
    Ready,
    /// It could not be built.
    Refused(String),
    /// The program ended with this code.
    Exited(i32),
}

/// Reads the pipe in a thread of its own, so that a look is never late.
pub fn listen(fd: u32) -> Receiver<News> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || read(fd, &sender));
    receiver
}

fn read(fd: u32, sender: &Sender<News>) {
    let Ok(pipe) = File::open(format!("/proc/self/fd/{fd}")) else {
        return;
    };
    for line in BufReader::new(pipe).lines().map_while(Result::ok) {
        let news = match line.split_once(' ').unwrap_or((&line, "")) {
            (REPORT_PID, pid) => pid.parse().ok().map(News::Started),
            (REPORT_READY, _) => Some(News::Ready),
            (REPORT_EXIT, code) => code.parse().ok().map(News::Exited),
            (REPORT_REFUSED, why) => Some(News::Refused(why.to_owned())),
            _ => None,
        };
        if news.is_some_and(|news| sender.send(news).is_err()) {
            return;
        }
    }
}
