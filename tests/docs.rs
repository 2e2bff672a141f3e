//! What the documents name exists: paths, links, commands, settings, rooms, and the lines of a real run.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use shadowfit_core::config::Config;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

const LONGEST_README: usize = 120;

/// Ends of names that make a word with a slash in it a path of the tree, wherever it seems to begin.
const SOURCES: [&str; 5] = ["c", "h", "md", "py", "rs"];

/// Lines that a transcript leaves out.
const GAP: &str = "[...]";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn tracked() -> BTreeSet<String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output()
        .expect("git is installed");
    let names = String::from_utf8(listed.stdout).expect("names in UTF-8");
    names.split_terminator('\0').map(str::to_owned).collect()
}

/// A document, taken apart.
#[derive(Default)]
struct Document {
    name: String,
    /// In backticks.
    spans: Vec<String>,
    /// Blocks of code, as they stand.
    blocks: Vec<String>,
    links: Vec<String>,
    headings: Vec<String>,
    /// The spans of each row of a table.
    rows: Vec<Vec<String>>,
}

impl Document {
    fn parse(name: &str, text: &str) -> Document {
        let mut found = Document {
            name: name.to_owned(),
            ..Document::default()
        };
        let (mut in_block, mut in_heading) = (false, false);
        for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::CodeBlock(
                    CodeBlockKind::Indented | CodeBlockKind::Fenced(_),
                )) => {
                    in_block = true;
                    found.blocks.push(String::new());
                }
                Event::End(TagEnd::CodeBlock) => in_block = false,
                Event::Start(Tag::Heading { .. }) => {
                    in_heading = true;
                    found.headings.push(String::new());
                }
                Event::End(TagEnd::Heading(_)) => in_heading = false,
                Event::Start(Tag::TableRow) => found.rows.push(Vec::new()),
                Event::Start(Tag::Link { dest_url, .. }) => found.links.push(dest_url.to_string()),
                Event::Text(text) if in_block => push(&mut found.blocks, &text),
                Event::Text(text) if in_heading => push(&mut found.headings, &text),
                Event::Code(code) => {
                    if in_heading {
                        push(&mut found.headings, &code);
                    }
                    if let Some(row) = found.rows.last_mut() {
                        row.push(code.to_string());
                    }
                    found.spans.push(code.to_string());
                }
                _ => {}
            }
        }
        found
    }

    /// The text from the heading `title` to the next one, taken apart.
    fn section(&self, title: &str) -> Document {
        let text = read(&self.name);
        let heading = format!("## `{title}`");
        let from = text
            .split_once(&format!("{heading}\n"))
            .map_or("", |(_, rest)| rest);
        Document::parse(title, from.split("\n## ").next().unwrap_or_default())
    }
}

fn push(texts: &mut [String], more: &str) {
    texts.last_mut().expect("one has begun").push_str(more);
}

fn document(name: &str) -> Document {
    Document::parse(name, &read(name))
}

fn documents() -> Vec<Document> {
    let names = tracked();
    let ours = names.iter().filter(|name| {
        let in_docs = name.starts_with("docs/") && name.ends_with(".md");
        in_docs || ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].contains(&name.as_str())
    });
    ours.map(|name| document(name)).collect()
}

fn assert_none(what: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}

#[test]
fn the_readme_is_read_in_a_minute() {
    let lines = read("README.md").lines().count();
    assert!(lines <= LONGEST_README, "{lines} lines");
}

#[test]
fn a_stranger_hears_where_the_code_lies_before_the_first_heading() {
    let text = read("README.md");
    let first = text.split("\n## ").next().expect("it begins");
    let spans = Document::parse("README.md", first).spans;
    let named = ["src/", "c_shim/"].map(str::to_owned);
    let missing: Vec<String> = named
        .into_iter()
        .filter(|folder| !spans.contains(folder))
        .collect();
    assert_none("folders that the README names late", &missing);
}

/// The path that a span is, if it looks like one of the tree: it begins like one, or ends like a source.
fn path_of<'a>(span: &'a str, tops: &BTreeSet<&str>) -> Option<&'a str> {
    let path = span.split([' ', ':']).next()?.trim_end_matches('/');
    let (top, _) = path.split_once('/')?;
    let is_source = || SOURCES.iter().any(|end| path.ends_with(&format!(".{end}")));
    (tops.contains(top) || (!top.is_empty() && is_source())).then_some(path)
}

#[test]
fn every_path_that_is_named_exists() {
    let files = tracked();
    let tops = files
        .iter()
        .filter_map(|name| Some(name.split_once('/')?.0))
        .collect();
    let exists = |path: &str| {
        let inside = format!("{path}/");
        files.contains(path) || files.iter().any(|name| name.starts_with(&inside))
    };
    let (mut seen, mut wrong) = (0, Vec::new());
    for document in documents() {
        for path in document
            .spans
            .iter()
            .filter_map(|span| path_of(span, &tops))
        {
            seen += 1;
            if !exists(path) {
                wrong.push(format!("{}: {path}", document.name));
            }
        }
    }
    assert!(seen > 50, "only {seen} paths were found");
    assert_none("paths that do not exist", &wrong);
}

/// Shorter names are settings and functions.
const WORDS_OF_A_TEST: usize = 4;

/// The tests that the section `title` of a page names.
fn tests_named(page: &str, title: &str) -> Vec<String> {
    let text = read(page);
    let (_, from) = text
        .split_once(&format!("\n## {title}\n"))
        .unwrap_or_else(|| panic!("{page} has no section {title}"));
    let section = from.split("\n## ").next().unwrap_or_default();
    let is_small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_word = |word: &str| !word.is_empty() && word.chars().all(is_small);
    let is_test =
        |span: &String| span.split('_').all(is_word) && span.split('_').count() >= WORDS_OF_A_TEST;
    let spans = Document::parse(page, section).spans;
    spans.into_iter().filter(is_test).collect()
}

#[test]
fn every_test_that_is_named_exists() {
    let is_source = |name: &&String| {
        name.ends_with(".rs") && (name.starts_with("tests/") || name.starts_with("src/"))
    };
    let files = tracked();
    let sources: String = files
        .iter()
        .filter(is_source)
        .map(|name| read(name))
        .collect();
    for (page, title) in [
        ("docs/threat-model.md", "Attacks by name"),
        ("docs/testing.md", "What people submit and hand over"),
    ] {
        let named = tests_named(page, title);
        assert!(
            named.len() > 9,
            "{page}: only {} tests were found",
            named.len()
        );
        let is_missing = |name: &String| !sources.contains(&format!("fn {name}("));
        let missing: Vec<String> = named.into_iter().filter(is_missing).collect();
        assert_none(
            &format!("tests that {page} names and that do not exist"),
            &missing,
        );
    }
}

#[test]
fn what_looks_like_a_path_is_taken_for_one() {
    let tops = ["src", "scripts"].into();
    for (span, path) in [
        ("src/decide", Some("src/decide")),
        ("src/bin/", Some("src/bin")),
        ("scripts/cluster up --name x", Some("scripts/cluster")),
        ("decide/gone.rs", Some("decide/gone.rs")),
        ("/etc/x.py", None),
        ("target/demo", None),
        ("and/or", None),
        ("--mem", None),
    ] {
        assert_eq!(path_of(span, &tops), path, "{span}");
    }
}

/// As forges make it of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// `docs/../x` as `x`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => _ = plain.pop(),
            part => plain.push(part),
        }
    }
    plain
}

fn fault_of_link(from: &str, link: &str) -> Option<String> {
    let (file, part) = link.split_once('#').unwrap_or((link, ""));
    let folder = Path::new(from).parent().unwrap_or(Path::new(""));
    let target = match file {
        "" => PathBuf::from(from),
        _ => plain(&folder.join(file)),
    };
    let name = target.to_str().expect("links are UTF-8");
    if !root().join(name).exists() {
        return Some(format!("{from}: {link}: no such file"));
    }
    let has_part = || {
        let headings = document(name).headings;
        headings.iter().any(|heading| anchor(heading) == part)
    };
    (!part.is_empty() && !has_part()).then(|| format!("{from}: {link}: no such heading"))
}

#[test]
fn every_link_leads_somewhere() {
    let documents = documents();
    let links = documents
        .iter()
        .flat_map(|document| document.links.iter().map(|link| (&document.name, link)))
        .filter(|(_, link)| !link.contains("://"));
    let wrong: Vec<String> = links
        .filter_map(|(from, link)| fault_of_link(from, link))
        .collect();
    assert_none("links that lead nowhere", &wrong);
    assert!(fault_of_link("docs/x.md", "../README.md#load-it").is_none());
    assert!(fault_of_link("docs/x.md", "README.md").is_some());
    assert!(fault_of_link("README.md", "docs/limits.md#nothing").is_some());
}

/// The command lines of shadowfit in a text: what follows its name where that is the command.
fn command_lines(code: &str) -> Vec<Vec<&str>> {
    code.lines()
        .flat_map(|line| line.split(" | "))
        .filter_map(|line| {
            let mut words = line
                .split_whitespace()
                .skip_while(|word| ["$", "#"].contains(word));
            (words.next()? == "shadowfit").then(|| words.take_while(|word| *word != "#").collect())
        })
        .collect()
}

fn help(words: &[&str]) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_shadowfit"))
        .args(words)
        .arg("--help")
        .output()
        .expect("shadowfit starts");
    let text = String::from_utf8(output.stdout).expect("help is UTF-8");
    output.status.success().then_some(text)
}

/// The help of the deepest subcommand that `words` name, or which of them is none.
fn help_of(words: &[&str]) -> Result<String, String> {
    let text = help(&words[..1]).ok_or(format!("no subcommand {}", words[0]))?;
    let has_deeper = text.contains("<COMMAND>") && words.get(1).is_some_and(|word| is_name(word));
    if !has_deeper {
        return Ok(text);
    }
    help(&words[..2]).ok_or(format!("no subcommand {} {}", words[0], words[1]))
}

fn is_name(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_lowercase())
}

/// What is wrong with a command line: a subcommand or a long option that is not there.
fn fault_of_command(words: &[&str]) -> Option<String> {
    words.first().filter(|word| is_name(word))?;
    let text = match help_of(words) {
        Ok(text) => text,
        Err(fault) => return Some(fault),
    };
    let takes_all = text.contains("as sbatch takes them");
    let options = words.iter().map(|word| word.trim_matches(['[', ']']));
    let mut long = options.filter(|word| word.starts_with("--") && !takes_all);
    let missing = long.find(|word| !text.contains(word.split('=').next().unwrap_or(word)));
    missing.map(|option| format!("{} has no {option}", words[0]))
}

#[test]
fn every_command_that_is_named_exists() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for document in documents() {
        for code in document.spans.iter().chain(&document.blocks) {
            for words in command_lines(code) {
                seen += 1;
                let fault = fault_of_command(&words);
                wrong.extend(fault.map(|fault| format!("{}: {fault}", document.name)));
            }
        }
    }
    assert!(seen > 30, "only {seen} commands were found");
    assert_none("commands that do not exist", &wrong);
    assert!(fault_of_command(&["db", "mend"]).is_some());
    assert!(fault_of_command(&["report", "--colour"]).is_some());
}

/// The settings that a table of shadowfit.toml may have, as its parser lists them; none if it is no table.
fn settings(table: &str) -> Vec<String> {
    let text = format!("{table}\nno_such_setting = 1\n");
    let error = match Config::parse(Path::new("x"), text.as_bytes()) {
        Ok(_) => panic!("{table}: any setting is accepted"),
        Err(error) => error.to_string(),
    };
    let Some((_, allowed)) = error.split_once("expected ") else {
        return Vec::new();
    };
    let is_list = error.contains("unknown field");
    let quoted = allowed.split('`').skip(1).step_by(2).map(str::to_owned);
    quoted.filter(|_| is_list).collect()
}

#[test]
fn every_setting_is_explained() {
    let page = document("docs/configuration.md");
    let top = settings("");
    assert!(top.contains(&"modes".to_owned()), "{top:?}");
    let mut wrong = Vec::new();
    for name in top {
        let tables = [format!("[{name}]"), format!("[[{name}]]")];
        let table = tables
            .into_iter()
            .map(|table| (settings(&table), table))
            .find(|(inner, _)| !inner.is_empty());
        let Some((inner, table)) = table else {
            wrong.extend((!page.spans.contains(&name)).then_some(name));
            continue;
        };
        let explained: BTreeSet<String> = page.section(&table).rows.into_iter().flatten().collect();
        let missing = inner.iter().filter(|key| !explained.contains(*key));
        wrong.extend(missing.map(|key| format!("{table} {key}")));
    }
    assert_none("settings that docs/configuration.md leaves out", &wrong);
}

#[test]
fn every_room_and_shim_has_its_sentence() {
    let named: BTreeSet<String> = document("docs/architecture.md")
        .rows
        .into_iter()
        .flatten()
        .collect();
    let files = tracked();
    let rooms: BTreeSet<String> = files
        .iter()
        .filter_map(|name| {
            let below = name.strip_prefix("src/")?;
            Some(format!("src/{}", below.split('/').next()?))
        })
        .collect();
    let shims = files.iter().filter(|name| name.starts_with("c_shim/"));
    let missing: Vec<String> = rooms
        .iter()
        .chain(shims)
        .filter(|name| !named.contains(*name))
        .cloned()
        .collect();
    assert_none("rooms that docs/architecture.md leaves out", &missing);
}

#[test]
fn a_stranger_finds_the_line() {
    let walks = document("CONTRIBUTING.md").rows;
    let walks: Vec<_> = walks.iter().filter(|row| row.len() == 3).collect();
    assert!(walks.len() >= 8, "only {} walks", walks.len());
    let wrong: Vec<String> = walks
        .iter()
        .filter(|row| !row[1].starts_with(&row[0]) || !read(&row[1]).contains(&row[2]))
        .map(|row| row.join(" → "))
        .collect();
    assert_none("walks that end elsewhere", &wrong);
}

/// The beginning of what `shown` has between two gaps and `run` has not, line by line, after what stands before it.
fn invented<'a>(shown: &'a str, run: &str) -> Option<&'a str> {
    let (shown, mut rest): (Vec<&str>, Vec<&str>) =
        (shown.lines().collect(), run.lines().collect());
    let between = shown.split(|line| *line == GAP);
    for lines in between.filter(|lines| !lines.is_empty()) {
        let Some(at) = rest.windows(lines.len()).position(|real| real == lines) else {
            return Some(lines[0]);
        };
        rest.drain(..at + lines.len());
    }
    None
}

#[test]
fn the_transcript_is_of_a_real_run() {
    let readme = document("README.md");
    let run = read("docs/demo.txt");
    let shown = &readme.blocks[0];
    assert!(shown.lines().count() >= 10, "{shown}");
    assert_eq!(invented(shown, &run), None);
    for (shown, right) in [
        ("a\n[...]\nc\n", None),
        ("a\nb\n[...]\nd\n", None),
        ("a\nc\n", Some("a")),
        ("c\n[...]\na\n", Some("a")),
        ("c\nd\ne\n", Some("c")),
        ("b\n[...]\nb\n", Some("b")),
        ("[...]\naa\n", Some("aa")),
    ] {
        assert_eq!(invented(shown, "a\nb\nc\nd\n"), right, "{shown}");
    }
}
