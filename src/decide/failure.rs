//! Where a script goes on because something in it has failed: behind `||`, `[ $? -ne 0 ] &&`, `if ! ./a; then`, `else`.

use crate::relies::is_in_name;
use crate::text::contains;

/// Parts of the names of variables that hold how something has ended.
const ENDS: [&[u8]; 5] = [b"rc", b"ret", b"exit", b"status", b"code"];

/// A command stands so behind `before` on its line, or behind `above` in its script.
pub fn leads_to(above: &[u8], before: &[u8]) -> bool {
    is_alternative(before) || is_asked(before) || is_in_branch(above)
}

/// `--dependency=afternotok:$SLURM_JOB_ID`: the job is submitted ahead, and waits for this one to fail.
pub fn is_awaited(behind: &[u8]) -> bool {
    contains(behind, b"afternotok:$SLURM_JOB") || contains(behind, b"afternotok:${SLURM_JOB")
}

/// `./a ||`, and what is open behind it: `./a || { sleep 60;`, `./a || ssh login "cd a;`.
fn is_alternative(before: &[u8]) -> bool {
    memchr::memmem::rfind(before, b"||").is_some_and(|at| is_open(&before[at + 2..]))
}

/// Nothing that stands behind `text` is another command than the one that begins in it.
fn is_open(text: &[u8]) -> bool {
    let Some(end) = memchr::memchr2(b';', b'\n', text) else {
        return true;
    };
    let count = |byte: u8| memchr::memchr_iter(byte, text).count();
    let is_quoted = |quote: u8| memchr::memchr_iter(quote, &text[..end]).count() % 2 == 1;
    count(b'{') > count(b'}')
        || count(b'(') > count(b')')
        || is_quoted(b'"') && count(b'"') % 2 == 1
        || is_quoted(b'\'') && count(b'\'') % 2 == 1
}

/// `[ $? -ne 0 ] &&`, `! ./a &&`.
fn is_asked(before: &[u8]) -> bool {
    let line = before.trim_ascii_end().strip_suffix(b"&&");
    line.is_some_and(|line| {
        let begin = memchr::memrchr2(b';', b'\n', line).map_or(0, |at| at + 1);
        asks_for_failure(&line[begin..])
    })
}

/// The last branch that is open at the end of `above` is one of a failure.
fn is_in_branch(above: &[u8]) -> bool {
    let begins = |word: &[u8]| last_word(above, word);
    let (then, otherwise, case) = (begins(b"then"), begins(b"else"), begins(b"case"));
    let closed = begins(b"fi").max(begins(b"esac"));
    let last = then.max(otherwise).max(case);
    if last.is_none() || closed > last {
        return false;
    }
    if last == otherwise {
        return true;
    }
    if last == case {
        let line = &above[case.unwrap_or_default()..];
        return is_end(&line[..memchr::memmem::find(line, b" in").unwrap_or(line.len())]);
    }
    let before = &above[..then.unwrap_or_default()];
    let condition = last_word(before, b"if").max(last_word(before, b"elif"));
    condition.is_some_and(|at| asks_for_failure(&before[at + 2..]))
}

/// Where `word` stands last in `text` as a word of the shell's.
fn last_word(text: &[u8], word: &[u8]) -> Option<usize> {
    let is_between = |byte: Option<&u8>| {
        byte.is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b';' | b'(' | b')'))
    };
    let is_word = |&at: &usize| {
        let before = at.checked_sub(1).map(|before| &text[before]);
        is_between(before) && is_between(text.get(at + word.len()))
    };
    memchr::memmem::rfind_iter(text, word).find(is_word)
}

/// `! ./a`, `[ ! -f done ]`, `[ $rc -ne 0 ]`, `(( EXIT == 1 ))`; but not `[ $rc -eq 0 ]`.
fn asks_for_failure(condition: &[u8]) -> bool {
    let has = |part: &[u8]| contains(condition, part);
    let is_denied = condition.trim_ascii_start().starts_with(b"!") || has(b" ! ");
    let is_unlike = || has(b"-ne 0") || has(b"!= 0") || has(b"-gt 0");
    let is_well = || has(b"-eq 0") || has(b"== 0") || has(b" = 0");
    is_denied && !is_well() || is_unlike() || is_end(condition) && !is_well()
}

/// It asks how something has ended.
fn is_end(text: &[u8]) -> bool {
    let is_one = |word: &[u8]| {
        let word = word.to_ascii_lowercase();
        let mut parts = word.split(|&byte| byte == b'_');
        parts.any(|part| ENDS.contains(&part))
    };
    contains(text, b"$?") || text.split(|byte| !is_in_name(*byte)).any(is_one)
}

/// The function or the variable that holds a command: `again() {`, `AGAIN="`.
pub fn holder<'a>(above: &'a [u8], before: &'a [u8]) -> Option<&'a [u8]> {
    let variable = before.strip_suffix(b"=\"").or(before.strip_suffix(b"='"));
    let function = || {
        let opens = memchr::memmem::rfind(above, b"()")?;
        let body = above[opens + 2..].trim_ascii_start();
        (body.starts_with(b"{") && !contains(body, b"\n}"))
            .then_some(above[..opens].trim_ascii_end())
    };
    let text = variable.or_else(function)?;
    let start = text.iter().rposition(|byte| !is_in_name(*byte));
    let name = &text[start.map_or(0, |at| at + 1)..];
    // A shorter name stands in too much else.
    (name.len() > 1).then_some(name)
}
