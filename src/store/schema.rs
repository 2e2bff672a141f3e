//! The tables, as they came about.

/// Each brings the database from its position in this list to the next.
pub const MIGRATIONS: [&str; 13] = [
    "
    CREATE TABLE jobs (
        id INTEGER PRIMARY KEY,      -- in order of arrival
        job_id INTEGER NOT NULL,
        submitted INTEGER NOT NULL,  -- all times in seconds since 1970
        started INTEGER NOT NULL,    -- 0: never
        ended INTEGER NOT NULL,
        label TEXT,                  -- where it differs from job_id, as for array tasks
        state TEXT NOT NULL,
        name TEXT NOT NULL,
        user TEXT NOT NULL,
        account TEXT NOT NULL,
        partition TEXT NOT NULL,
        nodes INTEGER NOT NULL,
        cpus INTEGER NOT NULL,
        memory INTEGER,              -- given on each node, in bytes
        command_key INTEGER,
        script_key INTEGER,
        name_key INTEGER,
        comment TEXT,                -- AdminComment with our record
        UNIQUE (job_id, submitted)
    );
    CREATE INDEX jobs_by_command ON jobs (command_key, ended) WHERE command_key IS NOT NULL;
    CREATE INDEX jobs_by_script ON jobs (script_key, ended) WHERE script_key IS NOT NULL;
    CREATE INDEX jobs_by_name ON jobs (name_key, ended) WHERE name_key IS NOT NULL;
    CREATE INDEX jobs_by_end ON jobs (ended);
    CREATE TABLE usages (
        job INTEGER PRIMARY KEY REFERENCES jobs (id),
        peak INTEGER,                -- largest memory on one node, in bytes
        peak_is_bound INTEGER NOT NULL,
        cores REAL,                  -- busy on average
        elapsed INTEGER NOT NULL     -- seconds
    );
    CREATE TABLE progress (
        name TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    );
",
    "
    CREATE TABLE shadows (
        id INTEGER PRIMARY KEY,
        job_id INTEGER NOT NULL,     -- the shadow's own
        shadow_of TEXT NOT NULL,     -- the job that it ran for, as scontrol names it
        command_key INTEGER NOT NULL,
        submitted INTEGER NOT NULL,
        asked TEXT NOT NULL,         -- what that job asked for, as JSON
        ended INTEGER UNIQUE,        -- in order of their end; NULL: not ended yet
        counters TEXT,               -- as JSON; NULL: lost
        need_mib INTEGER,            -- memory that is enough; NULL: nothing can be told
        cores REAL                   -- CPUs that it would have kept busy
    );
    CREATE INDEX shadows_by_command ON shadows (command_key);
    CREATE INDEX shadows_by_time ON shadows (submitted);
",
    "
    ALTER TABLE jobs ADD COLUMN asked INTEGER; -- memory on a node that the user asked for, in bytes
    ALTER TABLE jobs ADD COLUMN input INTEGER; -- size of the input, in bytes
",
    "
    ALTER TABLE usages ADD COLUMN seats TEXT; -- most seats held of each license watched for, as JSON
",
    "
    ALTER TABLE jobs ADD COLUMN application_key INTEGER;
    CREATE INDEX jobs_by_application ON jobs (application_key, ended) WHERE application_key IS NOT NULL;
    CREATE INDEX jobs_by_user ON jobs (user, ended);
    CREATE INDEX jobs_by_label ON jobs (label) WHERE label IS NOT NULL;
    CREATE TABLE seats (             -- of licenses, held by jobs that run, as license managers tell
        job_id INTEGER NOT NULL,
        license TEXT NOT NULL,
        most INTEGER NOT NULL,
        PRIMARY KEY (job_id, license)
    ) WITHOUT ROWID;
    CREATE TABLE sums (              -- of runs that are too old to be kept
        month TEXT NOT NULL,         -- in which they ended, as 2026-11, UTC
        user TEXT NOT NULL,
        account TEXT NOT NULL,
        partition TEXT NOT NULL,
        runs INTEGER NOT NULL,
        completed INTEGER NOT NULL,
        node_hours REAL NOT NULL,
        asked_gbh REAL NOT NULL,     -- memory times run time; GB = 10^9 bytes
        given_gbh REAL NOT NULL,
        used_gbh REAL NOT NULL,
        PRIMARY KEY (month, user, account, partition)
    ) WITHOUT ROWID;
",
    "
    CREATE TABLE unseen_seats (      -- of licenses, whose managers did not tell what jobs that run held
        job_id INTEGER NOT NULL,
        license TEXT NOT NULL,
        PRIMARY KEY (job_id, license)
    ) WITHOUT ROWID;
",
    "
    CREATE TABLE harms (             -- runs that a rewrite harmed
        job_id INTEGER NOT NULL,
        restarts INTEGER NOT NULL,   -- of the job before this run
        started INTEGER NOT NULL,    -- seconds since 1970
        of_memory INTEGER NOT NULL,
        why TEXT NOT NULL,
        PRIMARY KEY (job_id, restarts, started) -- numbers of jobs come again
    ) WITHOUT ROWID;
",
    "
    ALTER TABLE jobs ADD COLUMN rewritten INTEGER NOT NULL DEFAULT 0; -- it had not what its user asked for
    ALTER TABLE jobs ADD COLUMN harmed INTEGER NOT NULL DEFAULT 0;    -- and that harmed it, by its end or by harms
    UPDATE jobs SET rewritten = 1 WHERE instr(comment, '\"mode\":\"apply\"') > 0;
    UPDATE jobs SET harmed = 1 WHERE rewritten AND (state = 'OUT_OF_MEMORY'
        OR id IN (SELECT job FROM usages WHERE peak_is_bound)
        OR EXISTS (SELECT 1 FROM harms WHERE harms.job_id = jobs.job_id AND harms.started = jobs.started));
",
    "
    CREATE TABLE shadows_that_may_lack_a_number (
        id INTEGER PRIMARY KEY,
        job_id INTEGER,              -- the shadow's own; NULL: it was about to be submitted, and Slurm has not told yet
        shadow_of TEXT NOT NULL,     -- the job that it ran for, as scontrol names it
        origin INTEGER NOT NULL,     -- the job whose script it runs, as its own record names it
        command_key INTEGER NOT NULL,
        submitted INTEGER NOT NULL,
        asked TEXT NOT NULL,         -- what that job asked for, as JSON
        ended INTEGER UNIQUE,        -- in order of their end; NULL: not ended yet
        counters TEXT,               -- as JSON; NULL: lost
        need_mib INTEGER,            -- memory that is enough; NULL: nothing can be told
        cores REAL                   -- CPUs that it would have kept busy
    );
    INSERT INTO shadows_that_may_lack_a_number
        SELECT id, job_id, shadow_of, CAST(shadow_of AS INTEGER), command_key, submitted, asked, ended, counters, need_mib, cores
        FROM shadows;
    DROP TABLE shadows;
    ALTER TABLE shadows_that_may_lack_a_number RENAME TO shadows;
    CREATE INDEX shadows_by_command ON shadows (command_key);
    CREATE INDEX shadows_by_time ON shadows (submitted);
    CREATE INDEX shadows_by_number ON shadows (job_id);
",
    "
    ALTER TABLE shadows ADD COLUMN user TEXT NOT NULL DEFAULT ''; -- whose job it ran for
",
    "
    ALTER TABLE usages ADD COLUMN named_mib INTEGER NOT NULL DEFAULT 0;  -- on a node, by its steps at the same time
    ALTER TABLE usages ADD COLUMN named_cpus INTEGER NOT NULL DEFAULT 0;
",
    "
    CREATE TABLE unshadowed (        -- kinds of jobs that wait for a shadow and cannot have one yet
        command_key INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,         -- when that was so last, in seconds since 1970
        why TEXT NOT NULL
    );
",
    "
    ALTER TABLE usages ADD COLUMN launched INTEGER; -- steps that srun or a launcher started; NULL: not known
",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::{Key, Level};
    use crate::store::Store;

    /// The database of a release that knew so many of the steps.
    fn of_release(steps: usize, path: &std::path::Path) -> rusqlite::Connection {
        let db = rusqlite::Connection::open(path).unwrap();
        for step in &MIGRATIONS[..steps] {
            db.execute_batch(step).unwrap();
        }
        db.pragma_update(None, "user_version", steps as i64)
            .unwrap();
        db
    }

    #[test]
    fn shadows_of_earlier_releases_keep_their_numbers_and_know_whose_script_they_ran() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("jobs.db");
        let asked = r#"{"memory":{"node":4000},"cpus":1,"tasks":1,"nodes":1}"#;
        let insert = "INSERT INTO shadows (job_id, shadow_of, command_key, submitted, asked, ended, need_mib, cores) \
                      VALUES (?, ?, 5, 100, ?, ?, 700, 1.5)";
        let db = of_release(8, &path);
        db.execute(insert, rusqlite::params![77, "33_[5-9]", asked, 1])
            .unwrap();
        db.execute(insert, rusqlite::params![78, "34", asked, None::<i64>])
            .unwrap();
        drop(db);
        let store = Store::open(&path).unwrap();
        let running = store.running_shadows().unwrap();
        let [running] = &running[..] else {
            panic!("{running:?}")
        };
        assert_eq!((running.job_id, running.origin), (Some(78), 34));
        let ended = store.ended_shadows(0).unwrap().remove(0);
        assert_eq!((ended.job_id, ended.origin), (Some(77), 33));
        assert_eq!(ended.need.map(|need| need.memory_mib), Some(700));
        assert!(store.knows_shadow(77).unwrap() && !store.knows_shadow(79).unwrap());
        assert_eq!(
            store.shadow_of_kind(Key(5)).unwrap().map(|last| last.row),
            Some(running.row)
        );
    }

    /// Of every release there has been one, with a run and, since there are such, a shadow.
    #[test]
    fn databases_of_all_earlier_releases_are_read_and_written() {
        let run = "INSERT INTO jobs (job_id, submitted, started, ended, state, name, user, account, partition, nodes, cpus, \
                   memory, command_key) VALUES (7, 10, 20, 30, 'COMPLETED', 'align', 'alice', 'physics', 'batch', 1, 2, 4096, 5)";
        let usage = "INSERT INTO usages (job, peak, peak_is_bound, cores, elapsed) VALUES (1, 1024, 0, 0.5, 10)";
        let shadow = r#"INSERT INTO shadows (job_id, shadow_of, {origin} command_key, submitted, asked, ended, need_mib, cores)
                        VALUES (77, '7', {value} 5, 10, '{"memory":{"node":4000},"cpus":1,"tasks":1,"nodes":1}', 1, 700, 1.5)"#;
        let (with_shadows, with_origin) = (2, 9);
        for steps in 1..MIGRATIONS.len() {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("jobs.db");
            let db = of_release(steps, &path);
            db.execute_batch(&format!(
                "{run}; {usage}; INSERT INTO progress VALUES ('sacct', 30)"
            ))
            .unwrap();
            if steps >= with_shadows {
                let (origin, value) = if steps >= with_origin {
                    ("origin,", "7,")
                } else {
                    ("", "")
                };
                let shadow = shadow.replace("{origin}", origin).replace("{value}", value);
                db.execute_batch(&shadow).unwrap();
            }
            drop(db);
            let store = Store::open(&path).unwrap();
            assert_eq!(store.version().unwrap(), MIGRATIONS.len(), "{steps}");
            assert_eq!(store.progress("sacct").unwrap(), Some(30), "{steps}");
            let runs = store.runs(Level::Command, Key(5), i64::MAX, 10).unwrap();
            let peaks: Vec<_> = runs.iter().map(|run| run.usage.peak_bytes).collect();
            assert_eq!(peaks, [Some(1024)], "{steps}");
            let need = store.shadow_need(Key(5), i64::MAX).unwrap();
            let expected = (steps >= with_shadows).then_some(700);
            assert_eq!(need.map(|need| need.memory_mib), expected, "{steps}");
            store.set_progress("sacct", 31).unwrap();
            drop(store);
            assert!(Store::open_to_read(&path).is_ok(), "{steps}");
        }
    }

    #[test]
    fn those_who_open_a_new_database_at_the_same_time_find_it_whole() {
        for _ in 0..10 {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("jobs.db");
            let opened = std::thread::scope(|scope| {
                let open = || Store::open(&path).map(|store| store.version().unwrap());
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
                let opened = threads.into_iter().map(|one| one.join().unwrap());
                opened.collect::<Vec<_>>()
            });
            for version in opened {
                assert_eq!(version.unwrap(), MIGRATIONS.len());
            }
        }
    }
}
