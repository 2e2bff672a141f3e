//! License requests as Slurm writes them: `matlab:2,ansys`.

/// Longest name of a host that is one.
const MAX_HOST: usize = 253;

/// Licenses and their counts, in the order in which they were asked for. `None` for a request with
/// alternatives (`|`), or anything else that is better left alone.
pub fn parse(text: &str) -> Option<Vec<(&str, u32)>> {
    let item = |item: &'_ str| -> Option<(usize, u32)> {
        let (name, count) = item.rsplit_once(':').unwrap_or((item, "1"));
        let is_name =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | '+');
        let good = !name.is_empty() && name.chars().all(is_name);
        good.then_some((name.len(), count.parse().ok().filter(|&count| count > 0)?))
    };
    let items = text.split(',').filter(|item| !item.is_empty());
    items
        .map(|text| item(text).map(|(length, count)| (&text[..length], count)))
        .collect()
}

/// The same the other way round.
pub fn write<'a>(items: impl IntoIterator<Item = (&'a str, u32)>) -> String {
    let items = items.into_iter().map(|(name, count)| match count {
        1 => name.to_owned(),
        _ => format!("{name}:{count}"),
    });
    items.collect::<Vec<_>>().join(",")
}

/// A license server as users write it: `27000@lic1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server<'a> {
    /// TCP port.
    pub port: u16,
    /// Name or address.
    pub host: &'a str,
}

impl<'a> Server<'a> {
    /// Reads one; `None` for anything else, such as the path of a license file.
    pub fn parse(text: &'a str) -> Option<Server<'a>> {
        let (port, host) = text.split_once('@')?;
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let good = !host.is_empty() && host.len() <= MAX_HOST && host.chars().all(is_host);
        good.then_some(Server {
            port: port.parse().ok().filter(|&port| port > 0)?,
            host,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_and_written_or_left_alone() {
        let items = parse("matlab:2,ansys,remote@db:3").unwrap();
        assert_eq!(items, [("matlab", 2), ("ansys", 1), ("remote@db", 3)]);
        assert_eq!(write(items), "matlab:2,ansys,remote@db:3");
        assert_eq!(parse(""), Some(vec![]));
        for text in ["a|b", "a:0", "a:b", ":2", "a:-1", "a b", "a:1:2", "\x1b[2J"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
