//! What else than a script says which programs it runs.

use super::places::Unknown;

/// What else says which programs a script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Elsewhere {
    /// What the script does not say itself.
    pub unknown: Unknown,
    /// Lists of commands do: their names are those of programs.
    pub lists: bool,
}

/// The script says it.
pub const NOWHERE: Elsewhere = Elsewhere {
    unknown: Unknown::Nothing,
    lists: false,
};

/// A list of commands does.
pub const IN_A_LIST: Elsewhere = Elsewhere {
    unknown: Unknown::Nothing,
    lists: true,
};

impl Elsewhere {
    /// By the arguments or the environment.
    pub fn told_by(unknown: Unknown) -> Elsewhere {
        Elsewhere {
            unknown,
            lists: false,
        }
    }

    /// What this and the other say together.
    pub fn and(self, other: Elsewhere) -> Elsewhere {
        Elsewhere {
            unknown: self.unknown.and(other.unknown),
            lists: self.lists || other.lists,
        }
    }
}
