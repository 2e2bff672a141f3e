//! From the counters of a shadow to what the whole job needs.

use crate::counters::{Counters, Ended};
use crate::job::Ask;

/// What a job needs, as its kind's shadow tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Need {
    /// Memory on its node that is enough, in MiB; never below what the shadow used.
    pub memory_mib: u32,
    /// CPUs that it keeps busy.
    pub cores: f32,
}

/// What `counters` tell about a job that asks for `ask`; `None` when they tell too little.
pub fn need(counters: &Counters, _ask: &Ask) -> Option<Need> {
    let factor = match counters.ended {
        Ended::Finished => 1.0,
        Ended::Settled | Ended::Window => 1.5,
        Ended::Oom | Ended::Failed | Ended::Refused => return None,
    };
    Some(Need {
        memory_mib: (counters.peak_mib * factor).ceil().max(1.0) as u32,
        cores: counters.demand,
    })
}
