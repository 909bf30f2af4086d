//! Recognises settings, logs, pages and code.

use super::first_lines::{FirstLines, begins_with_any, first_word};
use super::other_text::OtherText;
use memchr::{memchr, memmem};
use std::collections::BTreeSet;

const ANOTHER: &str = "name a dump or a list of keys";

/// What its first lines say, even if each of them could be a key.
pub(super) fn sure(first_lines: &FirstLines<'_>) -> Option<OtherText> {
    type Test = fn(&FirstLines<'_>) -> bool;
    let kinds: [(Test, OtherText); 9] = [
        (
            |first_lines| first_lines.begins(&["<!doctype html", "<html", "<head", "<body"]),
            OtherText::new("a page of HTML", ANOTHER),
        ),
        (is_xml, OtherText::new("XML", ANOTHER)),
        (
            is_manifest,
            OtherText::new(
                "the manifest of an append-only file",
                "name the folder that it is in",
            ),
        ),
        (
            |first_lines| first_lines.text.starts_with(b"#!"),
            OtherText::new("a script", ANOTHER),
        ),
        (
            |first_lines| first_lines.first().starts_with(b"-----BEGIN "),
            OtherText::new("a key or certificate of cryptography", ANOTHER),
        ),
        (
            |first_lines| first_lines.begins(&["diff --git ", "%pdf-", "ssh-rsa ", "ssh-ed25519 "]),
            OtherText::new("a text of another kind", ANOTHER),
        ),
        (is_ini, OtherText::new("settings (TOML or INI)", ANOTHER)),
        (
            is_settings,
            OtherText::new("settings (NAME=value)", ANOTHER),
        ),
        (
            is_traceback,
            OtherText::new("a program's traceback", ANOTHER),
        ),
    ];
    let found = kinds.iter().find(|(is_it, _)| is_it(first_lines));
    found.map(|(_, kind)| *kind)
}

/// What it is most likely, when nothing speaks for keys.
pub(super) fn likely(first_lines: &FirstLines<'_>) -> OtherText {
    type Test = fn(&FirstLines<'_>) -> bool;
    let kinds: [(Test, &'static str); 8] = [
        (
            |first_lines| first_lines.lines.is_empty(),
            "nothing but blank lines",
        ),
        (is_log, "a log"),
        (is_server_settings, "a server's settings (redis.conf)"),
        (is_code, "source code"),
        (is_markdown, "Markdown"),
        (is_yaml, "YAML"),
        (is_checksums, "checksums of files"),
        (is_aligned, "a table for people"),
    ];
    let found = kinds.iter().find(|(is_it, _)| is_it(first_lines));
    let name = found.map_or("text with blanks, as keys rarely have", |(_, name)| name);
    OtherText::new(name, ANOTHER)
}

fn is_xml(first_lines: &FirstLines<'_>) -> bool {
    let first = first_lines.first().trim_ascii_start();
    first_lines.begins(&["<?xml", "<!doctype", "<svg"])
        || (first.starts_with(b"<")
            && first.get(1).is_some_and(u8::is_ascii_alphabetic)
            && first.contains(&b'>')
            && first_lines.any(|line| memmem::find(line, b"</").is_some()))
}

/// `file appendonly.aof.1.base.rdb seq 1 type b`.
fn is_manifest(first_lines: &FirstLines<'_>) -> bool {
    first_lines.all(|line| {
        line.starts_with(b"#")
            || (line.starts_with(b"file ") && memmem::find(line, b" seq ").is_some())
    }) && first_lines.any(|line| line.starts_with(b"file "))
}

fn is_comment(line: &[u8]) -> bool {
    matches!(line.trim_ascii_start().first(), Some(b'#' | b';'))
}

/// A section in brackets first, and settings behind it.
fn is_ini(first_lines: &FirstLines<'_>) -> bool {
    let mut lines = first_lines.lines.iter().filter(|line| !is_comment(line));
    let is_section = lines.next().is_some_and(|line| {
        let line = line.trim_ascii();
        line.starts_with(b"[") && line.ends_with(b"]") && line.len() > 2 && !line.contains(&b'"')
    });
    is_section && first_lines.any(|line| setting(line).is_some())
}

/// The name of `NAME=value`, `NAME = value` or `export NAME=value`.
fn setting(line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii();
    let line = line.strip_prefix(b"export ").unwrap_or(line);
    let name = line[..memchr(b'=', line)?].trim_ascii_end();
    let is_name = name
        .first()
        .is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_')
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    is_name.then_some(name)
}

/// Settings all over, each of its own name: keys such as `page=1` have the same one again.
fn is_settings(first_lines: &FirstLines<'_>) -> bool {
    let lines: Vec<&[u8]> = first_lines
        .lines
        .iter()
        .copied()
        .filter(|line| !is_comment(line))
        .collect();
    let names: BTreeSet<&[u8]> = lines.iter().filter_map(|line| setting(line)).collect();
    lines.len() > 1 && names.len() == lines.len()
}

fn is_traceback(first_lines: &FirstLines<'_>) -> bool {
    first_lines.any(|line| {
        begins_with_any(
            line,
            &[
                "Traceback (most recent call last)",
                "Exception in thread ",
                "panic: ",
                "goroutine ",
                "thread '",
            ],
        )
    }) && first_lines.any(|line| line.contains(&b' '))
}

/// `12:M 23 Nov 2026 21:52:29.518 * text`, and of older servers `[12] 23 Nov 21:52:29.518 * text`.
pub(super) fn server_log(first_lines: &FirstLines<'_>) -> Option<OtherText> {
    let is_line = |line: &[u8]| {
        let line = line.strip_prefix(b"[").unwrap_or(line);
        let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let role = match &line[digits..] {
            [
                b':',
                b'M' | b'S' | b'C' | b'X' | b'U' | b'm' | b's',
                b' ',
                rest @ ..,
            ] => rest,
            [b']', b' ', rest @ ..] => rest,
            _ => return false,
        };
        digits > 0
            && first_word(role).iter().all(u8::is_ascii_digit)
            && memchr(b':', role).is_some()
    };
    first_lines
        .any(is_line)
        .then_some(OtherText::new("a server's log", ANOTHER))
}

/// What Docker keeps beside a container: `{"log":"…\n","stream":"stdout","time":"…"}`.
pub(super) fn container_log(first_lines: &FirstLines<'_>) -> Option<OtherText> {
    let first = first_lines.first();
    let is_one = first.starts_with(b"{\"log\":\"") && memmem::find(first, b"\"stream\":").is_some();
    let fix = "take the lines out of it: jq -j .log FILE | slotkit analyze -";
    is_one.then_some(OtherText::new("a container's log in JSON", fix))
}

/// Most lines begin with a time or have a level near their beginning.
fn is_log(first_lines: &FirstLines<'_>) -> bool {
    first_lines.most(|line| {
        let near = &line[..line.len().min(80)];
        let has_blank = near.contains(&b' ');
        let colons = memchr::memchr_iter(b':', near).count();
        let has_time = near
            .iter()
            .take(40)
            .filter(|byte| byte.is_ascii_digit())
            .count()
            >= 6
            && colons >= 2;
        let levels: [&[u8]; 9] = [
            b"INFO",
            b"WARN",
            b"ERROR",
            b"DEBUG",
            b"FATAL",
            b"NOTICE",
            b"CRITICAL",
            b"level=",
            b"TRACE",
        ];
        has_blank
            && (has_time
                || levels
                    .iter()
                    .any(|level| memmem::find(near, level).is_some()))
    })
}

/// `maxmemory 2gb`.
fn is_server_settings(first_lines: &FirstLines<'_>) -> bool {
    let names: [&[u8]; 18] = [
        b"bind",
        b"port",
        b"maxmemory",
        b"maxmemory-policy",
        b"appendonly",
        b"save",
        b"dir",
        b"dbfilename",
        b"protected-mode",
        b"daemonize",
        b"databases",
        b"requirepass",
        b"cluster-enabled",
        b"loglevel",
        b"logfile",
        b"timeout",
        b"tcp-backlog",
        b"include",
    ];
    let is_setting = |line: &[u8]| {
        !is_comment(line) && names.contains(&first_word(line)) && line.contains(&b' ')
    };
    first_lines.first().starts_with(b"# Redis configuration")
        || first_lines.first().starts_with(b"# Valkey configuration")
        || (first_lines.count(is_setting) > 1
            && first_lines.count(|line| is_comment(line) || is_setting(line)) * 3
                > first_lines.lines.len())
}

fn is_code(first_lines: &FirstLines<'_>) -> bool {
    let begins = first_lines.count(|line| {
        let line = line.trim_ascii_start();
        begins_with_any(
            line,
            &[
                "import ",
                "from ",
                "#include ",
                "package ",
                "use ",
                "def ",
                "class ",
                "function ",
                "fn ",
                "func ",
                "const ",
                "let ",
                "var ",
                "return",
                "public ",
                "private ",
                "static ",
                "//",
                "/*",
                "*/",
                "if ",
                "for ",
                "while ",
                "SELECT ",
                "INSERT ",
                "CREATE ",
                "pub ",
                "struct ",
                "local ",
                "echo ",
            ],
        )
    });
    let ends = first_lines.count(|line| {
        matches!(line.trim_ascii_end().last(), Some(b';' | b'{' | b'}'))
            || line.trim_ascii_end().ends_with(b"):")
    });
    begins > 0 && (begins + ends) * 3 > first_lines.lines.len()
}

fn is_markdown(first_lines: &FirstLines<'_>) -> bool {
    let is_mark = |line: &[u8]| {
        begins_with_any(
            line,
            &[
                "# ", "## ", "### ", "```", "| ", "* [", "- [", "===", "|--", "[![",
            ],
        )
    };
    is_mark(first_lines.first()) || first_lines.count(is_mark) * 4 > first_lines.lines.len()
}

/// `name: value`, `name:` and `- item`.
fn is_yaml(first_lines: &FirstLines<'_>) -> bool {
    let is_pair = |line: &[u8]| {
        let line = line.trim_ascii();
        if line.starts_with(b"- ") || line == b"---" || line.starts_with(b"#") {
            return true;
        }
        let end = memmem::find(line, b": ")
            .or_else(|| line.len().checked_sub(1).filter(|last| line[*last] == b':'));
        end.is_some_and(|end| !line[..end].contains(&b' '))
    };
    first_lines.first() == b"---" || first_lines.count(is_pair) * 3 > first_lines.lines.len() * 2
}

/// `d41d8cd98f00b204e9800998ecf8427e  dump.rdb`.
fn is_checksums(first_lines: &FirstLines<'_>) -> bool {
    first_lines.all(|line| {
        let word = first_word(line);
        matches!(word.len(), 32 | 40 | 56 | 64 | 96 | 128)
            && word.iter().all(u8::is_ascii_hexdigit)
            && line.len() > word.len()
    })
}

/// Columns that are filled up with blanks.
fn is_aligned(first_lines: &FirstLines<'_>) -> bool {
    first_lines.most(|line| memmem::find(line.trim_ascii(), b"   ").is_some())
}
