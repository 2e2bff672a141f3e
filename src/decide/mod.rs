//! The policy: keep a request or set another, from what the kind of job used before. No I/O.
//!
//! slurmctld calls this at submission, the agent again for jobs that still wait, and
//! `shadowfit predict` for nothing but the answer: one implementation for all three.
#![forbid(unsafe_code)]

mod failure;
mod licenses;
mod managers;
mod reading;
mod resubmits;
mod sentence;
mod terms;
#[cfg(test)]
pub mod tests;
mod trust;

use crate::config::{Care, Config, Manager, Mode, Owner};
use crate::fingerprint::{Kind, Level};
use crate::job::arguments::Arguments;
use crate::job::evidence::Evidence;
use crate::job::shadow::Wait;
use crate::job::unshadowed::{Unshadowed, is_staged};
use crate::job::{Ask, LeftAlone, Memory, Request};
use crate::model::predict::{KnownKinds, predict};
use crate::model::snapshot::Snapshot;
use crate::record::{Change, Record};
use crate::relies::{Floor, Reliance};
use licenses::relicense;
use managers::manager;
pub use managers::of_queue;
use reading::MOST_READ;
pub use reading::{LastScripts, Reading};
pub use sentence::sentence;
pub use terms::{Terms, terms};
pub use trust::{Probation, probation};

/// A program that never kept more CPUs busy than this on average is serial; the rest above 1.0 is
/// the shell around it and the rounding of accounting. A judgement: more takes the second CPU from programs that use it for a
/// short while, less leaves two to serial ones.
const SERIAL: f32 = 1.1;

/// Fewer CPUs make a run longer. They are cut only when the longest run so far fits this often into
/// the time limit. A judgement: less lets more jobs end as TIMEOUT, and run again; more cuts only where limits are generous.
const TIME_RESERVE: u64 = 2;

/// The time limit of a job that names none, in seconds, for what is at stake. A judgement: with more such jobs wait for a
/// shadow though they ask for little memory, with less only those that ask for much. With an hour it is half a GiB, where
/// `min_stake_gib_h` is the default.
const UNKNOWN_TIME_S: u64 = 3600;

/// Whose job it is, for the rules: what the request leaves out comes from the directory.
pub fn owner<'a>(request: &Request<'a>, snapshot: Option<&'a Snapshot>) -> Owner<'a> {
    let directory = snapshot.map(Snapshot::directory);
    let user = directory.and_then(|directory| directory.users.get(&request.uid));
    let usual_account = || {
        user.and_then(|user| user.account.as_deref())
            .map(str::as_bytes)
    };
    let usual_partition = || {
        directory
            .and_then(|directory| directory.default_partition.as_deref())
            .map(str::as_bytes)
    };
    Owner {
        user: user.map(|user| user.name.as_str()),
        account: request.texts.account.or_else(usual_account),
        partition: request.texts.partition.or_else(usual_partition),
    }
}

/// Decides about a submission. `None`: this job is nobody's business, not even a record's.
/// `now` is in seconds since 1970.
pub fn decide(
    config: &Config,
    snapshot: Option<&Snapshot>,
    request: &Request,
    now: i64,
) -> Option<Record> {
    decide_reading(config, snapshot, request, &Reading::of(request), now)
}

/// The same, where the script has been read already.
pub fn decide_reading(
    config: &Config,
    snapshot: Option<&Snapshot>,
    request: &Request,
    script: &Reading,
    now: i64,
) -> Option<Record> {
    let owner = owner(request, snapshot);
    let manager = manager(&request.texts, script.manager);
    let terms = terms(config, snapshot.map(Snapshot::directory), owner, manager);
    let modes = terms.modes;
    if modes.all_off() || request.left_alone == Some(LeftAlone::NoScript) {
        return None;
    }
    let kind = Kind::running(
        &script.program,
        request.uid,
        &request.texts,
        request.ask.layout,
    );
    let whole_nodes = snapshot
        .zip(owner.partition)
        .filter(|(snapshot, partitions)| snapshot.directory().gives_whole_nodes(partitions))
        .map(|_| LeftAlone::WholeNodes);
    let no_requeue = request.left_alone == Some(LeftAlone::NoRequeue)
        && config.sizes_without_requeue(owner, manager);
    let own_reason = request.left_alone.filter(|_| !no_requeue);
    if let Some(reason) = own_reason.or(whole_nodes) {
        return Some(Record::kept(kind, None, reason.text()));
    }
    let lacks = lacking(request);
    let ask = Ask {
        no_shadow: lacks.is_some(),
        ..request.ask
    };
    // Of one that is longer than what is read of it nobody knows.
    let steps = script.steps || request.texts.script.len() > MOST_READ;
    let lent_mib = lent_mib(config, owner, manager, &ask, steps, no_requeue);
    let sized = size(
        config,
        terms.lent(lent_mib),
        known(snapshot),
        kind,
        ask,
        request.input_bytes,
        &script.floor,
    );
    let record = Record {
        licenses: snapshot.and_then(|snapshot| {
            let (asked, script) = (request.licenses, request.texts.script);
            relicense(config, modes.licenses, snapshot, &kind, asked, script)
        }),
        manager,
        no_requeue,
        ..sized
    };
    let record = by_its_nodes(config, owner, Record { steps, ..record });
    // What a shadow of a job without a kind shows, no other job could use, and the agent finds no shadow by.
    let is_new = record.level.is_none() || request.measured;
    if !is_new
        || kind.command.is_none()
        || !config.shadows(owner, modes)
        || !wants_shadow(config, request)
    {
        return Some(record);
    }
    Some(match cloned(request, lacks) {
        Ok(arguments) => record.after_shadow(Wait {
            since: now,
            until: now + i64::from(config.shadow.window_s),
            array: request.array,
            arguments,
        }),
        Err(_) if record.rewrites() => record,
        Err(why) => Record {
            kept: Some(why.text().into()),
            ..record
        },
    })
}

/// What its node may lend the job beyond what it is given, in MiB: nodes lend jobs of one node that start no `steps`. Nothing counts
/// where nobody here runs it again if it is refused.
pub fn lent_mib(
    config: &Config,
    owner: Owner,
    manager: Option<Manager>,
    ask: &Ask,
    steps: bool,
    no_requeue: bool,
) -> u64 {
    let runs_again = config.managers.care(manager) >= Care::Rescue && !no_requeue;
    match grows(config, owner, steps) && runs_again && ask.layout.nodes == 1 {
        true => (config.elastic.pool_mib as f64 * config.elastic.user_share) as u64,
        false => 0,
    }
}

fn grows(config: &Config, owner: Owner, steps: bool) -> bool {
    config.lends(owner) && !steps
}

/// The record of a job with what its nodes do where the memory that it was given is too little: lend it more, put it back
/// where that kills something of it; each if it may be.
pub fn by_its_nodes(config: &Config, owner: Owner, record: Record) -> Record {
    let is_sized = record.memory.is_some_and(|change| change.applies());
    let may = config.managers.care(record.manager) >= Care::Early && !record.no_requeue;
    Record {
        early: may && is_sized,
        elastic: is_sized && grows(config, owner, record.steps),
        ..record
    }
}

/// What of the job a shadow would not have, and neither had one of another job of its kind.
fn lacking(request: &Request) -> Option<Unshadowed> {
    let staged = || is_staged(request.texts.script).then_some(Unshadowed::BurstBuffer);
    request.unshadowed.or_else(staged)
}

/// By what a clone of the job is known to be one; or what of the job no clone would have, which it `lacks` or cannot be told.
fn cloned(request: &Request, lacks: Option<Unshadowed>) -> Result<Arguments, Unshadowed> {
    let untold = || (request.jobs != 1 && request.array.is_none()).then_some(Unshadowed::Array);
    match lacks.or_else(untold) {
        Some(why) => Err(why),
        None => Arguments::of(&request.texts.arguments).ok_or(Unshadowed::Arguments),
    }
}

/// A shadow runs first where the job may wait and has enough at stake.
fn wants_shadow(config: &Config, request: &Request) -> bool {
    let Some(stake) = stake_gib_h(&request.ask) else {
        return false;
    };
    let may = request.may_wait && config.shadow.is_for(request.uid);
    may && (stake >= config.shadow.min_stake_gib_h || request.measured)
}

/// What the request would hold until its time limit, in GiB × hours. Jobs whose memory is the site's
/// default or that Slurm lowers are never sized, and jobs of several nodes need more than a slice of one.
fn stake_gib_h(ask: &Ask) -> Option<f64> {
    let tasks = u64::from(ask.layout.tasks_on_a_node()?);
    let memory = ask.memory.filter(|_| !ask.own_memory)?;
    let mib = memory.on_a_node(tasks, ask.cpus);
    let hours = ask.time_s.unwrap_or(UNKNOWN_TIME_S) as f64 / 3600.0;
    (ask.layout.nodes == 1).then_some(mib as f64 / 1024.0 * hours)
}

/// A snapshot as what it is to a decision.
pub fn known(snapshot: Option<&Snapshot>) -> Option<&dyn KnownKinds> {
    snapshot.map(|snapshot| snapshot as &dyn KnownKinds)
}

/// Decides what a job of `kind` that asks for `ask` and relies on `floor` gets on these terms.
pub fn size<'a>(
    config: &Config,
    terms: impl Into<Terms<'a>>,
    known: Option<&dyn KnownKinds>,
    kind: Kind,
    ask: Ask,
    input_bytes: Option<u64>,
    floor: &Floor,
) -> Record {
    let terms = terms.into();
    let modes = terms.modes;
    let keep = |why| Record {
        input_bytes,
        floor: floor.clone().some(),
        ..Record::kept(kind, Some(ask), why)
    };
    let Some(known) = known else {
        return keep("no snapshot");
    };
    let limits = &config.evidence;
    let Some((level, evidence)) = predict(known, &kind, input_bytes, !ask.no_shadow, limits) else {
        return keep("too few runs of this kind");
    };
    let brings_cpus = terms.memory_brings_cpus(&ask, evidence.cores);
    let needs = |evidence: &Evidence| {
        let measured = node_need(config, level, evidence).max(named_on_node(&ask, evidence));
        Reliance::raised(floor.memory.as_ref(), measured)
            .filter(|_| !ask.own_memory && !brings_cpus)
            .map(|need| need.max(terms.least_on_node(&ask).unwrap_or(0)))
    };
    let need = needs(&evidence);
    let cpus = cpus(config, &terms, &ask, &evidence, need, floor);
    let cpus_in_force = cpus
        .filter(Change::applies)
        .map_or(ask.cpus, |change| change.set as u32);
    let set = |need| memory(config, modes.memory, &ask, need, cpus_in_force);
    let raised = need.and_then(|need| raised(config, modes.memory, &ask, level, &evidence, need));
    // Nobody is lent more than was asked for.
    let lent = terms
        .with_the_rest_lent(&evidence)
        .filter(|_| raised.is_none());
    let lent = lent.and_then(|evidence| set(needs(&evidence)?));
    let evidence = Evidence {
        lent_to_mib: lent.map_or(0, |_| evidence.lent_to_mib),
        ..evidence
    };
    let memory = lent.or_else(|| set(need?));
    let time = time(config, modes.time, &ask, &evidence, &cpus);
    let why = match ask.layout.tasks_on_a_node() {
        None => "Slurm is free to spread its tasks over nodes",
        Some(_) if brings_cpus => "its CPUs come with its memory (MaxMemPerCPU)",
        Some(_) if ask.own_memory => "Slurm lowers its memory as it runs (--mem-update)",
        Some(_) if raised.is_some() => "most runs of its kind needed more than it asks for",
        Some(_) if !floor.is_empty() => "its script relies on what it asks for",
        Some(_) => "the request fits",
    };
    let nothing = memory.is_none()
        && !raised.as_ref().is_some_and(Change::applies)
        && cpus.is_none()
        && time.is_none();
    let kept = match nothing {
        true => Some(why),
        false => terms.kept,
    };
    Record {
        level: Some(level),
        evidence: Some(evidence),
        memory,
        raised,
        cpus,
        time,
        limits_time: time.is_some() && config.time.limit,
        kept: kept.map(Into::into),
        ..keep("")
    }
}

/// What steps of such jobs named for themselves. Where a job asks for memory per CPU a step's is a share of that.
fn named_on_node(ask: &Ask, evidence: &Evidence) -> u64 {
    match ask.memory {
        Some(Memory::Node(_)) => evidence.named_mib.into(),
        _ => 0,
    }
}

/// The memory that a node must give, in MiB. What the model and a shadow say has its margin in it.
pub fn node_need(config: &Config, level: Level, evidence: &Evidence) -> u64 {
    let enough = match level {
        Level::Shadow => evidence.shadow_mib.max(evidence.enough_mib),
        _ => evidence.enough_mib,
    };
    u64::from(enough).max(config.memory.floor_mib).max(1)
}

fn memory(config: &Config, mode: Mode, ask: &Ask, need: u64, cpus: u32) -> Option<Change> {
    let asked = ask.memory?;
    // Where Slurm is free to spread tasks, a node may get more of them than it ever had.
    let tasks = u64::from(ask.layout.tasks_on_a_node()?);
    let set = need.div_ceil(asked.units_on_a_node(tasks, cpus));
    change(config, mode, asked.mib(), set)
}

/// Where half of its user's own runs of the kind or more needed more than is asked for now, what is enough; what one run in
/// many needed is the user's own risk.
fn raised(
    config: &Config,
    mode: Mode,
    ask: &Ask,
    level: Level,
    evidence: &Evidence,
    need: u64,
) -> Option<Change> {
    let own = matches!(level, Level::Command | Level::Script | Level::Name);
    let mode = mode.min(config.memory.raise);
    let tasks = u64::from(ask.layout.tasks_on_a_node()?);
    let asked = ask.memory?;
    let on_node = asked.on_a_node(tasks, ask.cpus);
    // With CPUs that are not those of its tasks comes memory that nobody has counted.
    let is_known = !(ask.own_cpus && matches!(asked, Memory::Cpu(_)));
    let is_short = is_known && u64::from(evidence.half_mib) > on_node && need > on_node;
    if !own || mode == Mode::Off || !is_short {
        return None;
    }
    let change = |mode, on_node: u64| Change {
        mode,
        asked: asked.mib(),
        set: on_node.div_ceil(asked.units_on_a_node(tasks, ask.cpus)),
    };
    let most = config.memory.raise_to_mib;
    Some(match mode {
        Mode::Apply if most > on_node => change(Mode::Apply, need.min(most)),
        mode => change(mode.min(Mode::Advise), need),
    })
}

/// `need` is the memory on a node that must stay, in MiB; `None`: all that was asked for.
fn cpus(
    config: &Config,
    terms: &Terms,
    ask: &Ask,
    evidence: &Evidence,
    need: Option<u64>,
    floor: &Floor,
) -> Option<Change> {
    let in_time = |limit| u64::from(evidence.longest_s) * TIME_RESERVE <= limit;
    if ask.own_cpus || !terms.time_s(ask).is_none_or(in_time) {
        return None;
    }
    let busy = evidence.cores / ask.layout.tasks as f32;
    let wanted = if busy <= SERIAL {
        1
    } else {
        (f64::from(busy) * config.cpus.margin).ceil() as u64
    };
    let least = wanted
        .max(config.cpus.floor.into())
        .max(cpus_for_memory(ask, need)?);
    let tasks = u64::from(ask.layout.tasks);
    let all = least.saturating_mul(tasks).max(evidence.named_cpus.into());
    let all = all.max(terms.least_cpus(ask).unwrap_or(0));
    let all = Reliance::raised(floor.cpus.as_ref(), all)?;
    change(
        config,
        terms.modes.cpus,
        ask.cpus.into(),
        all.div_ceil(tasks),
    )
}

/// The least time limit that is enough, in minutes. Only a limit of the user's own is touched, and none
/// of a parallel program that gets fewer CPUs than its history had.
fn time(
    config: &Config,
    mode: Mode,
    ask: &Ask,
    evidence: &Evidence,
    cpus: &Option<Change>,
) -> Option<Change> {
    let asked = ask.time_s.filter(|_| !ask.own_time_min)? / 60;
    let slower = cpus.is_some_and(|change| change.applies()) && evidence.cores > SERIAL;
    let enough = u64::from(evidence.enough_s).div_ceil(60);
    let set = enough.max(config.time.floor_min.into());
    (enough > 0 && !slower).then(|| change(config, mode, asked, set))?
}

/// How many CPUs each task must keep because memory comes with them; `None` when that cannot be
/// known: a site's default memory may be counted per CPU, and tasks that Slurm is free to spread would
/// move closer together on fewer CPUs and share the memory of one node.
fn cpus_for_memory(ask: &Ask, need: Option<u64>) -> Option<u64> {
    let tasks = u64::from(ask.layout.tasks_on_a_node()?);
    match ask.memory? {
        Memory::Node(_) => Some(1),
        Memory::Cpu(mib) => Some(need?.div_ceil(tasks.saturating_mul(mib).max(1))),
    }
}

/// A change is worth making when it saves enough; a request is never raised.
fn change(config: &Config, mode: Mode, asked: u64, set: u64) -> Option<Change> {
    let saved = asked.checked_sub(set).filter(|&saved| saved > 0)?;
    let worth = saved as f64 >= asked as f64 * config.evidence.min_saving;
    (mode != Mode::Off && worth).then_some(Change { mode, asked, set })
}
