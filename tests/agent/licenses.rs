//! Whose seats a license manager shows.

use super::*;

/// What a license manager reports of running jobs teaches as what their samplers saw does.
#[test]
fn seats_that_a_license_manager_sees_are_the_running_jobs() {
    let site = Site::new();
    let license = "[[license]]\nname = 'matlab'\nlmstat = ['lmstat', '-a']\nfeature = 'MATLAB'\n";
    let config = std::fs::read_to_string(&site.config).unwrap();
    std::fs::write(&site.config, format!("{config}{license}")).unwrap();
    let mut running: serde_json::Value =
        serde_json::from_str(&queued(1, "RUNNING", 0, 8000, &record(None))).unwrap();
    running["nodes"] = "n[1-2],m7".into();
    running["start_time"] = (NOON - 3600).into();
    site.slurm.queue.borrow_mut().push(running.to_string());
    let checkout = |minutes: i64| {
        let since = jiff::Timestamp::from_second(NOON + 60 * minutes).unwrap();
        since
            .to_zoned(jiff::tz::TimeZone::system())
            .strftime("%a %m/%d %H:%M")
            .to_string()
    };
    *site.slurm.seats.borrow_mut() = format!(
        "Users of MATLAB:  (Total of 10 licenses issued;  Total of 9 licenses in use)\n\
           alice n2.site.org /dev/pts/1 (v44) (lic1/27000 1), start {}, 2 licenses\n\
           alice n2 /dev/pts/2 (v44) (lic1/27000 2), start {}\n\
           alice n3 /dev/pts/2 (v44) (lic1/27000 3), start {}\n\
           bob n2 /dev/pts/2 (v44) (lic1/27000 4), start {}, 4 licenses\n\
           alice n2 /dev/pts/2 (v44) (lic1/27000 5), start {}\n",
        checkout(-10),
        checkout(-5),
        checkout(-5),
        checkout(-5),
        checkout(-90)
    );
    site.agent().pass(true).unwrap();
    site.slurm.queue.borrow_mut().clear();
    *site.slurm.rows.borrow_mut() = finished(1, 1 << 20);
    site.watch.0.set(NOON + 60);
    assert_eq!(site.agent().pass(true).unwrap().new_runs, 1);
    let database = rusqlite::Connection::open(site.config.with_file_name("jobs.db")).unwrap();
    let seats: String = database
        .query_row("SELECT seats FROM usages", [], |row| row.get(0))
        .unwrap();
    assert_eq!(seats, r#"{"matlab":3}"#);
}

/// A job of alice's and one of bob's, on n1 and n2.
fn two_running_jobs() -> String {
    let job = |id: u32, user: &str, node: &str| {
        let mut job: serde_json::Value =
            serde_json::from_str(&queued(id, "RUNNING", 0, 8000, &record(None))).unwrap();
        job["user_name"] = user.into();
        job["nodes"] = node.into();
        job["start_time"] = (NOON - 3600).into();
        job.to_string()
    };
    [job(1, "alice", "n1"), job(2, "bob", "n2")].join(",")
}

fn site_with_matlab() -> Site {
    let site = Site::new();
    let config = std::fs::read_to_string(&site.config).unwrap();
    let license = "modes.licenses = 'apply'\n[[license]]\nname = 'matlab'\nlmstat = ['lmstat', '-a']\nfeature = 'MATLAB'\n";
    std::fs::write(&site.config, format!("{config}{license}")).unwrap();
    site
}

/// FlexNet's answer about MATLAB, with so many seats in use and these lines.
fn flexnet(in_use: u32, lines: &[&str]) -> String {
    let since = jiff::Timestamp::from_second(NOON - 600).unwrap();
    let since = since.to_zoned(jiff::tz::TimeZone::system());
    let since = since.strftime("(v44) (lic1/27000 1), start %a %m/%d %H:%M");
    let lines: Vec<String> = lines
        .iter()
        .map(|line| line.replace("@", &since.to_string()))
        .collect();
    format!(
        "Users of MATLAB:  (Total of 10 licenses issued;  Total of {in_use} licenses in use)\n{}\n",
        lines.join("\n")
    )
}

#[test]
fn seats_are_matched_to_jobs_and_what_cannot_be_matched_is_nobodys() {
    for (in_use, lines, expected) in [
        (0, &[][..], &[(1, 0), (2, 0)][..]),
        (1, &["  alice n1 :0 @"], &[(1, 1), (2, 0)]),
        (
            4,
            &[
                "  ALICE N1 :0 @",
                "  bob n2.site.org :0 @, 3 licenses, PID: 77",
            ],
            &[(1, 1), (2, 3)],
        ),
        (1, &["  John Doe pc17 :0 @"], &[(1, 0), (2, 0)]),
        (1, &["  eve n1 :0 @"], &[(2, 0)]),
        (2, &["  eve n1 :0 @", "  alice n1 :0 @"], &[(1, 1), (2, 0)]),
        (1, &["  alice n1 :0 @ (linger: 60 / 900)"], &[(2, 0)]),
        (
            2,
            &["  2 RESERVATIONs for GROUP a (lic1/27000)"],
            &[(1, 0), (2, 0)],
        ),
        (
            1,
            &[
                "  alice n9 :0 @",
                "  alice n1 :0 (v44) (lic1/27000 1) queued for 1 license",
            ],
            &[(1, 0), (2, 0)],
        ),
        (2, &["  alice n1 :0 @"], &[]),
        // The host is any of alice's: her job may hold it.
        (1, &["  alice 10.0.0.7 :0 @"], &[(2, 0)]),
        (1, &["  alice localhost.localdomain :0 @"], &[(2, 0)]),
        (1, &["  alice /dev/pts/1 @"], &[(2, 0)]),
        (1, &["  alice n1_v7 :0 @"], &[(1, 1), (2, 0)]),
        (1, &["  SITE\\Alice n1 :0 @"], &[(1, 1), (2, 0)]),
    ] {
        let site = site_with_matlab();
        site.slurm.queue.replace(vec![two_running_jobs()]);
        *site.slurm.seats.borrow_mut() = flexnet(in_use, lines);
        site.agent().pass(true).unwrap();
        let database = rusqlite::Connection::open(site.config.with_file_name("jobs.db")).unwrap();
        let mut noted = database
            .prepare("SELECT job_id, most FROM seats ORDER BY job_id")
            .unwrap();
        let noted = noted
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        let noted: Vec<(u32, u32)> = noted.map(Result::unwrap).collect();
        assert_eq!(noted, expected, "{lines:?}");
    }
}

/// A manager lists a seat once that programs of one user on one node share: a job without a seat of its own may
/// be one of those.
#[test]
fn a_seat_of_the_same_user_on_the_same_node_is_no_zero() {
    let site = site_with_matlab();
    let mut later: serde_json::Value =
        serde_json::from_str(&queued(3, "RUNNING", 0, 8000, &record(None))).unwrap();
    later["user_name"] = "alice".into();
    later["nodes"] = "n1".into();
    later["start_time"] = (NOON - 1800).into();
    site.slurm
        .queue
        .replace(vec![format!("{},{later}", two_running_jobs())]);
    *site.slurm.seats.borrow_mut() = flexnet(1, &["  alice n1 :0 @"]);
    site.agent().pass(true).unwrap();
    let database = rusqlite::Connection::open(site.config.with_file_name("jobs.db")).unwrap();
    let noted = |table: &str| -> Vec<u32> {
        let query = format!("SELECT job_id FROM {table} ORDER BY job_id");
        let mut query = database.prepare(&query).unwrap();
        let rows = query.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    assert_eq!(
        (noted("seats"), noted("unseen_seats")),
        (vec![2, 3], vec![1])
    );
}

/// What is set for a job that asks for matlab when five runs of its kind have ended, and these were the
/// answers of the license manager while they ran.
fn licenses_after_five_runs(answers: &[&str]) -> Option<String> {
    let site = site_with_matlab();
    let running: Vec<String> = (1..=5)
        .map(|id| queued(id, "RUNNING", 0, 8000, &record(None)))
        .collect();
    site.slurm.queue.replace(vec![running.join(",")]);
    let mut agent = site.agent();
    for answer in answers {
        *site.slurm.seats.borrow_mut() = (*answer).to_owned();
        agent.pass(true).unwrap();
    }
    site.slurm.queue.replace(vec![String::new()]);
    *site.slurm.rows.borrow_mut() = (1..=5).map(|id| finished(id, 1 << 20)).collect();
    site.watch.0.set(NOON + 60);
    assert_eq!(agent.pass(true).unwrap().new_runs, 5);
    let config = Config::load(&site.config).unwrap();
    let snapshot = Snapshot::load(&site.config.with_file_name("snapshot")).unwrap();
    let texts = Texts {
        name: b"align",
        script: b"#!/bin/sh\n",
        ..Texts::default()
    };
    let request = Request {
        jobs: 1,
        array: None,
        uid: 7,
        texts,
        ask: record(None).asked.unwrap(),
        licenses: "matlab",
        input_bytes: None,
        left_alone: None,
        may_wait: true,
        unshadowed: None,
        starts_later: false,
        measured: false,
    };
    let decided = decide(&config, Some(&snapshot), &request, NOON + 60).unwrap();
    decided.licenses.map(|licenses| licenses.set)
}

#[test]
fn a_license_server_that_is_down_drops_no_license() {
    let down = "lmutil - Copyright\nError getting status: Cannot connect to license server system. (-15,570:111)\n";
    let other = flexnet(0, &[]).replace("MATLAB", "SIMULINK");
    let none = flexnet(0, &[]);
    let unlisted = flexnet(3, &[]);
    assert_eq!(
        licenses_after_five_runs(&[&none, &none]),
        Some(String::new()),
        "five runs that were seen to use none"
    );
    // One of two servers.
    let half = format!(
        "{none}License server status: 27000@lic2\n\nlmgrd is not running: no answer. (-96,7)\n"
    );
    for answers in [
        &[down][..],
        &[&half],
        &[""],
        &[&other],
        &[&unlisted],
        &[&none, down],
        &[down, &none],
        &[&none, "", &none],
    ] {
        assert_eq!(licenses_after_five_runs(answers), None, "{answers:?}");
    }
}

/// Each is asked within a short time, one after the other is left for the next pass, and both are let alone for a while.
#[test]
fn license_managers_that_hang_cost_a_small_share_of_the_time_and_drop_nothing() {
    let site = site_with_matlab();
    let config = std::fs::read_to_string(&site.config).unwrap();
    let other = "[[license]]\nname = 'ansys'\nlmstat = ['lmstat', '-c', 'other']\n";
    std::fs::write(&site.config, format!("{config}{other}")).unwrap();
    site.slurm.queue.replace(vec![two_running_jobs()]);
    site.slurm.seats.replace(flexnet(0, &[]));
    let database = rusqlite::Connection::open(site.config.with_file_name("jobs.db")).unwrap();
    let unseen = || -> u32 {
        let query = "SELECT count(*) FROM unseen_seats WHERE license = 'matlab'";
        database.query_row(query, [], |row| row.get(0)).unwrap()
    };
    let mut agent = site.agent();
    agent.pass(true).unwrap();
    assert_eq!((site.slurm.calls("lmstat").len(), unseen()), (2, 0));
    site.slurm.managers_hang.set(true);
    let began = site.watch.elapsed();
    for (at, asked) in [
        (0, &["lmstat -a"][..]),
        (30, &["lmstat -c other"]),
        (60, &[]),
        (599, &[]),
        (600, &["lmstat -a"]),
    ] {
        site.watch
            .sleep(Duration::from_secs(at) - (site.watch.elapsed() - began));
        agent.pass(true).unwrap();
        assert_eq!(site.slurm.calls("lmstat"), asked, "{at}");
        assert_eq!(unseen(), 2, "silence is no zero");
    }
}
