//! Texts that nobody would write, for tests: the same in every run.

/// A stream of pseudo-random numbers (SplitMix64).
pub struct Random(u64);

impl Random {
    /// The stream of this number.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    /// Some of these pieces one after the other, a few of them cut short, with a few bytes of any kind.
    pub fn bytes(&mut self, pieces: &[&str]) -> Vec<u8> {
        let mut text = Vec::new();
        for _ in 0..self.below(30) {
            let piece = pieces[self.below(pieces.len())].as_bytes();
            match self.below(12) {
                0 => text.push(self.below(256) as u8),
                1 => text.extend(&piece[..self.below(piece.len() + 1)]),
                _ => text.extend(piece),
            }
        }
        text
    }

    /// The same as text.
    pub fn text(&mut self, pieces: &[&str]) -> String {
        String::from_utf8_lossy(&self.bytes(pieces)).into_owned()
    }
}
