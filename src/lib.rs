//! shadowfit gives every batch job the CPUs and memory it really needs.
//!
//! How a job flows through the rooms:
//!
//! 1. `sbatch` reaches slurmctld; the C shim copies the request and calls [`slurmctld`], which turns it
//!    into the nouns of [`job`], finds out what kind of job it is ([`fingerprint`]), looks up what
//!    that kind used before ([`model`]'s snapshot, in memory) and applies the policy ([`decide`],
//!    [`config`]). The answer and its reasons travel in AdminComment ([`record`]).
//! 2. A job of a new kind waits a moment. `shadowfitd` ([`agent`]) submits a clone of it, its shadow
//!    ([`slurm::clone`]), which runs on a slice of a node in a sandbox (c_shim/sandbox), watched by
//!    a sampler ([`sampler`]); what the whole job needs is fitted from that ([`model::extrapolation`]) and set
//!    before the job starts.
//! 3. The job runs, watched by a sampler beside it ([`sampler`]), which joins what it saw to the decision in
//!    AdminComment; where it outgrows its memory, its node may lend it more ([`elastic`]). `shadowfitd` ([`agent`]) reads what it used from sacct ([`slurm`]), keeps it
//!    ([`store`]), trains ([`model`]) and publishes a new snapshot; pending jobs are decided again,
//!    and a job that died of our rewrite runs again with what its user asked for.
//! 4. `shadowfit` ([`report`]) proves what was asked, set, used and saved, and shows from past jobs
//!    what it would have been ([`replay`]).
//!
//! Only what the feature `programs` does not guard is loaded into slurmctld.

#[cfg(feature = "programs")]
pub mod clock;
pub mod config;
pub mod decide;
pub mod fingerprint;
pub mod job;
pub mod model;
pub mod record;
pub mod relies;
pub mod shadow;
#[allow(unsafe_code)]
pub mod slurmctld;
pub mod text;

#[cfg(feature = "programs")]
pub mod agent;
#[cfg(feature = "programs")]
pub mod elastic;
#[cfg(feature = "programs")]
pub mod replay;
#[cfg(feature = "programs")]
pub mod report;
#[cfg(feature = "programs")]
pub mod sampler;
#[cfg(feature = "programs")]
pub mod slurm;
#[cfg(feature = "programs")]
pub mod store;
