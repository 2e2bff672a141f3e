//! Time, as a parameter of everything that needs it.
#![forbid(unsafe_code)]

use nix::time::{ClockId, clock_gettime};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Time, as a parameter.
pub trait Clock {
    /// Seconds since 1970.
    fn now(&self) -> i64;
    /// Time since one and the same moment: it never goes back, whoever sets the time of day.
    fn elapsed(&self) -> Duration;
    /// Time since [`Clock::elapsed`] was `began`.
    fn since(&self, began: Duration) -> Duration {
        self.elapsed().saturating_sub(began)
    }
    /// CPU time that this thread has used, the kernel's work for it included; a clock that knows of none has nobody rest.
    fn busy(&self) -> Duration {
        Duration::ZERO
    }
    /// Waits.
    fn sleep(&self, duration: Duration);
}

/// The clock on the wall.
pub struct WallClock;

/// When it was first asked for elapsed time.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Clock for WallClock {
    fn now(&self) -> i64 {
        jiff::Timestamp::now().as_second()
    }

    fn elapsed(&self) -> Duration {
        BEGAN.elapsed()
    }

    fn busy(&self) -> Duration {
        let used = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
        used.map_or(Duration::ZERO, Duration::from)
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}
