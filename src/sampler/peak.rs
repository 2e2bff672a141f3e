//! The peak of the memory that a job needs: anonymous and shared, not the page cache that the kernel can drop.
//!
//! The kernel's own note of a peak also sees bursts between two looks, but it counts page cache, that of files
//! which are deleted by now included. How much of a burst may have been cache is bounded: by what was cached at
//! the look before plus what was read and written since, or by what is cached now.

use super::cgroup::Charged;

/// What has been seen so far.
#[derive(Debug, Default)]
pub struct Peak {
    most: u64,
    last: Look,
}

/// What a look saw, in bytes.
#[derive(Debug, Default, Clone, Copy)]
struct Look {
    /// Most memory that had been charged by then.
    charged: u64,
    /// What was charged then and is not the job's own: page cache, and the kernel's part.
    rest: u64,
    /// What had been read and written by then.
    moved: u64,
}

impl Peak {
    /// A look found so much, in bytes.
    pub fn note(&mut self, needed: u64) {
        self.most = self.most.max(needed);
    }

    /// A look found so much in bytes, beside what the kernel charged and what was read and written so far.
    pub fn note_charged(&mut self, needed: u64, charged: Charged, moved: u64) {
        let now = Look {
            charged: charged.peak.unwrap_or(charged.now),
            rest: charged.now.saturating_sub(needed),
            moved,
        };
        if now.charged > self.last.charged {
            let new_cache = now.moved.saturating_sub(self.last.moved);
            let cache = now.rest.max(self.last.rest.saturating_add(new_cache));
            self.note(now.charged.saturating_sub(cache));
        }
        self.note(needed);
        self.last = now;
    }

    /// The peak so far, in bytes.
    pub fn bytes(&self) -> u64 {
        self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// Looks as (needed, charged now, charged at most, read and written so far), in MiB.
    fn peak(looks: &[(u64, u64, Option<u64>, u64)]) -> u64 {
        let mut peak = Peak::default();
        for &(needed, now, most, moved) in looks {
            let charged = Charged {
                now: now * MIB,
                peak: most.map(|most| most * MIB),
            };
            peak.note_charged(needed * MIB, charged, moved * MIB);
        }
        peak.bytes() / MIB
    }

    #[test]
    fn a_burst_counts_and_page_cache_does_not() {
        let cases: [(&str, &[_], u64); 8] = [
            ("a burst beside cache", &[(1100, 1650, Some(9000), 0)], 8450),
            (
                "a burst between two looks",
                &[(3, 5, Some(5), 0), (3, 5, Some(520), 0)],
                518,
            ),
            ("one before the first look", &[(3, 5, Some(520), 0)], 518),
            (
                "200 MiB written and removed",
                &[(3, 5, Some(5), 0), (3, 5, Some(205), 200)],
                3,
            ),
            (
                "a file that is kept",
                &[(3, 5, Some(5), 0), (3, 205, Some(205), 200)],
                3,
            ),
            (
                "a burst after much cache",
                &[(3, 900, Some(900), 900), (3, 900, Some(1400), 900)],
                503,
            ),
            (
                "a mapped file",
                &[(3, 5, Some(5), 0), (3, 905, Some(905), 0)],
                3,
            ),
            (
                "a kernel that notes no peak",
                &[(3, 5, None, 0), (70, 80, None, 0), (3, 5, None, 0)],
                70,
            ),
        ];
        for (what, looks, right) in cases {
            assert_eq!(peak(looks), right, "{what}");
        }
    }
}
