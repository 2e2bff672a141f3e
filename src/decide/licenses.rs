//! Licenses: those that no run of a kind ever used are dropped, counts lowered to what was used, and a
//! forgotten one is suggested. Never beyond what the cluster has, and alternatives are left alone.

use crate::config::{Config, License, Mode};
use crate::fingerprint::Kind;
use crate::job::licenses::{parse, write};
use crate::model::seats::{SeatUse, id};
use crate::model::snapshot::Snapshot;
use crate::record::Relicensed;

/// A license is forgotten where at least this share of the runs used it.
const USUALLY: f64 = 0.5;

/// What is set instead of `asked`, if that differs. `script` is the job's.
pub fn relicense(
    config: &Config,
    mode: Mode,
    snapshot: &Snapshot,
    kind: &Kind,
    asked: &str,
    script: &[u8],
) -> Option<Relicensed> {
    if mode == Mode::Off || config.license.is_empty() {
        return None;
    }
    let wanted = parse(asked)?;
    let known = snapshot.seats(kind, config.licenses.min_runs);
    let about = |name: &str| {
        let license = config.license.iter().find(|license| license.name == name)?;
        let seats = known.iter().find(|seats| seats.license == id(name))?;
        (u32::from(seats.watched) >= config.licenses.min_runs).then_some((license, seats))
    };
    let (mut kept, mut reasons) = lowered(&wanted, script, about);
    let forgotten = forgotten(config, snapshot, &wanted, about);
    let nothing_lowered = reasons.is_empty();
    reasons.extend(forgotten.iter().map(|(_, _, why)| why.clone()));
    let missing = forgotten.iter().map(|&(name, count, _)| (name, count));
    // What is to be added is only reported where something else is set and this is not to be.
    let reported = match nothing_lowered || config.licenses.add == Mode::Apply {
        true => {
            kept.extend(missing);
            String::new()
        }
        false => write(missing),
    };
    (!reasons.is_empty()).then(|| Relicensed {
        mode: match nothing_lowered {
            true => mode.min(config.licenses.add),
            false => mode,
        },
        asked: asked.to_owned(),
        set: write(kept),
        forgotten: reported,
        why: reasons.join(", "),
    })
}

/// What is left of `wanted` without the seats that no run used, and why.
fn lowered<'a, 'b>(
    wanted: &[(&'a str, u32)],
    script: &[u8],
    about: impl Fn(&str) -> Option<Watched<'b>>,
) -> (Vec<(&'a str, u32)>, Vec<String>) {
    let (mut kept, mut reasons) = (Vec::new(), Vec::new());
    for &(name, count) in wanted {
        let enough = about(name).and_then(|known| fewer(known, count, script));
        let (count, why) = enough.map_or((count, None), |(less, why)| (less, Some(why)));
        kept.extend((count > 0).then_some((name, count)));
        reasons.extend(why);
    }
    (kept, reasons)
}

/// A license whose use is watched for, and what runs used of it.
type Watched<'a> = (&'a License, &'a SeatUse);

/// Licenses that most runs used and this job does not ask for, with their seats and why.
fn forgotten<'a>(
    config: &'a Config,
    snapshot: &Snapshot,
    wanted: &[(&str, u32)],
    about: impl Fn(&str) -> Option<Watched<'a>>,
) -> Vec<(&'a str, u32, String)> {
    let look = |license: &'a License| {
        let (_, seats) = about(&license.name)?;
        let total = snapshot.directory().licenses.get(&license.name)?;
        let count = u32::from(seats.most).min(*total);
        let usual = f64::from(seats.used) >= USUALLY * f64::from(seats.watched) && count > 0;
        let why = format!(
            "{} of {} runs used {}",
            seats.used, seats.watched, license.name
        );
        usual.then_some((license.name.as_str(), count, why))
    };
    let unasked = |license: &&License| !wanted.iter().any(|(name, _)| *name == license.name);
    let licenses = config
        .license
        .iter()
        .filter(|_| config.licenses.add >= Mode::Advise);
    licenses.filter(unasked).filter_map(look).collect()
}

/// How many seats would do where `count` are asked for, if that is fewer, and why.
fn fewer((license, seats): Watched, count: u32, script: &[u8]) -> Option<(u32, String)> {
    let most = u32::from(seats.most);
    let named = || license.modules.iter().any(|module| loads(script, module));
    if most >= count || (most == 0 && named()) {
        return None;
    }
    let why = match most {
        0 => format!("none of {} runs used {}", seats.watched, license.name),
        _ => format!(
            "{} runs used at most {most} of {}",
            seats.watched, license.name
        ),
    };
    Some((most, why))
}

/// A line of the script speaks of modules and of this one.
fn loads(script: &[u8], module: &str) -> bool {
    script.split(|&b| b == b'\n').any(|line| {
        let has = |word: &str| memchr::memmem::find(line, word.as_bytes()).is_some();
        (has("module") || has("ml ")) && has(module)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::directory::{Directory, Watermark};
    use crate::model::learned::Learned;

    fn snapshot(kind: &Kind, seats: &[(&str, u8, u16)]) -> Snapshot {
        let learned = Learned {
            seats: seats
                .iter()
                .map(|&(name, used, most)| SeatUse {
                    license: id(name),
                    watched: 8,
                    used,
                    most,
                })
                .collect(),
            ..Learned::default()
        };
        let directory = Directory {
            licenses: [
                ("matlab".into(), 4),
                ("ansys".into(), 2),
                ("gone".into(), 0),
            ]
            .into(),
            ..Directory::default()
        };
        let entries = [(kind.name.unwrap(), learned)];
        let bytes = Snapshot::encode(entries.iter(), Watermark::default(), &directory);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("snapshot");
        Snapshot::publish(&path, &bytes).unwrap();
        Snapshot::load(&path).unwrap()
    }

    fn decided(
        add: Mode,
        seats: &[(&str, u8, u16)],
        asked: &str,
        script: &str,
    ) -> Option<(Mode, String)> {
        let found = relicensed(Mode::Apply, add, seats, asked, script);
        found.map(|found| (found.mode, found.set))
    }

    fn relicensed(
        mode: Mode,
        add: Mode,
        seats: &[(&str, u8, u16)],
        asked: &str,
        script: &str,
    ) -> Option<Relicensed> {
        let kind = Kind::of_accounting(1, b"solve");
        let license = |name: &str| License {
            name: name.into(),
            modules: vec![format!("{name}/2026")],
            ..License::default()
        };
        let mut config = Config {
            license: vec![license("matlab"), license("ansys"), license("gone")],
            ..Config::default()
        };
        config.licenses.add = add;
        let snapshot = snapshot(&kind, seats);
        relicense(&config, mode, &snapshot, &kind, asked, script.as_bytes())
    }

    #[test]
    fn what_was_never_used_is_dropped_and_counts_are_lowered() {
        let seats = [("matlab", 0, 0), ("ansys", 8, 1)];
        let set = |asked: &str| decided(Mode::Advise, &seats, asked, "");
        assert_eq!(set("matlab,ansys"), Some((Mode::Apply, "ansys".into())));
        assert_eq!(
            set("ansys:3,other:2"),
            Some((Mode::Apply, "ansys,other:2".into()))
        );
        assert_eq!(set("ansys"), None);
        for left_alone in ["matlab|ansys", "matlab:x", "other:2,ansys"] {
            assert_eq!(set(left_alone), None, "{left_alone}");
        }
        let named = decided(
            Mode::Advise,
            &seats,
            "matlab,ansys",
            "module load matlab/2026\n",
        );
        assert_eq!(named, None);
    }

    #[test]
    fn a_forgotten_one_is_advised_and_never_beyond_what_there_is() {
        let seats = [("ansys", 7, 9)];
        let set = |add| decided(add, &seats, "other", "");
        assert_eq!(
            set(Mode::Advise),
            Some((Mode::Advise, "other,ansys:2".into()))
        );
        assert_eq!(
            set(Mode::Apply),
            Some((Mode::Apply, "other,ansys:2".into()))
        );
        assert_eq!(set(Mode::Off), None);
        assert_eq!(decided(Mode::Advise, &[("ansys", 3, 1)], "other", ""), None);
    }

    #[test]
    fn a_script_that_loads_its_module_keeps_a_license_that_no_run_used() {
        let seats = [("matlab", 0, 0)];
        let keeps = |script: &str| decided(Mode::Advise, &seats, "matlab", script).is_none();
        for (script, kept) in [
            ("module load matlab/2026", true),
            ("ml matlab/2026", true),
            ("module load gcc\nrun matlab/2026", false),
            ("module load matlab/2025", false),
            ("", false),
        ] {
            assert_eq!(keeps(script), kept, "{script}");
        }
    }

    #[test]
    fn a_license_that_is_only_advised_is_not_set_beside_one_that_is() {
        let seats = [("matlab", 0, 0), ("ansys", 8, 1)];
        let set = |add| relicensed(Mode::Apply, add, &seats, "matlab", "").unwrap();
        let advised = set(Mode::Advise);
        assert_eq!(
            (advised.set.as_str(), advised.forgotten.as_str()),
            ("", "ansys")
        );
        assert_eq!(
            advised.why,
            "none of 8 runs used matlab, 8 of 8 runs used ansys"
        );
        let added = set(Mode::Apply);
        assert_eq!(
            (added.set.as_str(), added.forgotten.as_str()),
            ("ansys", "")
        );
    }

    #[test]
    fn nothing_is_said_where_that_is_off_or_the_cluster_has_none() {
        let unused = [("matlab", 0, 0)];
        let off = relicensed(Mode::Off, Mode::Advise, &unused, "matlab", "");
        assert_eq!(off, None);
        assert_eq!(decided(Mode::Advise, &[("gone", 8, 1)], "", ""), None);
    }
}
