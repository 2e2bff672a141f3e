//! What the shell would compute of written numbers.

/// The value of a sum such as `64 * 3 / 4 - 2`; `None` where it holds anything but numbers.
pub fn number(text: &[u8]) -> Option<u64> {
    let mut rest = Rest(text);
    let value = rest.sum(0)?;
    rest.0
        .trim_ascii()
        .is_empty()
        .then_some(value)?
        .try_into()
        .ok()
}

/// So many brackets may lie in each other.
const DEEPEST: u32 = 8;

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn next_if(&mut self, signs: &[u8]) -> Option<u8> {
        let text = self.0.trim_ascii_start();
        let (&first, rest) = text.split_first()?;
        signs.contains(&first).then(|| {
            self.0 = rest;
            first
        })
    }

    fn sum(&mut self, depth: u32) -> Option<i64> {
        let mut value = self.product(depth)?;
        while let Some(sign) = self.next_if(b"+-") {
            let other = self.product(depth)?;
            value = match sign {
                b'+' => value.checked_add(other),
                _ => value.checked_sub(other),
            }?;
        }
        Some(value)
    }

    fn product(&mut self, depth: u32) -> Option<i64> {
        let mut value = self.part(depth)?;
        while let Some(sign) = self.next_if(b"*/") {
            let other = self.part(depth)?;
            value = match sign {
                b'*' => value.checked_mul(other),
                _ => value.checked_div(other),
            }?;
        }
        Some(value)
    }

    fn part(&mut self, depth: u32) -> Option<i64> {
        if self.next_if(b"(").is_some() {
            let value = (depth < DEEPEST).then(|| self.sum(depth + 1))??;
            return self.next_if(b")").map(|_| value);
        }
        let text = self.0.trim_ascii_start();
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.0 = &text[digits..];
        str::from_utf8(&text[..digits]).ok()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_written_numbers_are_computed() {
        for (text, right) in [
            ("8", Some(8)),
            (" 64 * 3 / 4 - 2 ", Some(46)),
            ("(64-8)/4", Some(14)),
            ("2*(3+(4))", Some(14)),
            ("1 - 2", None),
            ("8 / 0", None),
            ("", None),
            ("8 x", None),
            ("$A * 2", None),
            ("99999999999999999999", None),
            ("9223372036854775807 * 2", None),
        ] {
            assert_eq!(number(text.as_bytes()), right, "{text}");
        }
        let deep = "(".repeat(10_000);
        assert_eq!(number(deep.as_bytes()), None);
    }
}
