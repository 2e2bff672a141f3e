//! Time, as a parameter of everything that needs it.
#![forbid(unsafe_code)]

use std::time::Duration;

/// Time, as a parameter.
pub trait Clock {
    /// Seconds since 1970.
    fn now(&self) -> i64;
    /// Waits.
    fn sleep(&self, duration: Duration);
}

/// The clock on the wall.
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> i64 {
        jiff::Timestamp::now().as_second()
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}
