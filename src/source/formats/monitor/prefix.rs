//! Finds the line of MONITOR inside what another logger wrote around it.
//!
//! The name of a container or pod (`redis-1  | `, `[pod/redis-0/redis] `), times (`kubectl logs --timestamps`,
//! `ts`), what journald and syslog put before it, and the codes for colours of all of them. The server
//! escapes every byte of a command that isn't printable, so that an escape character is never a part of one.

use super::line::{self, Head};
use memchr::{memchr, memchr_iter};
use std::borrow::Cow;

const ESC: u8 = 0x1B;

/// How far behind the beginning of a line its command may begin.
const MOST_BYTES: usize = 512;

/// The time that a command begins with: so many digits at least, so that no number of anything else is one.
const LEAST_DIGITS: usize = 9;

/// A line without the codes for colours: `ESC [ … m` and its like.
pub(super) fn without_colours(line: &[u8]) -> Cow<'_, [u8]> {
    if memchr(ESC, line).is_none() {
        return Cow::Borrowed(line);
    }
    let mut plain = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(place) = memchr(ESC, rest) {
        plain.extend_from_slice(&rest[..place]);
        let code = &rest[place + 1..];
        rest = match code.strip_prefix(b"[") {
            Some(code) => {
                let parameters = code.iter().take_while(|byte| (0x20..0x40).contains(*byte));
                let end = parameters.count();
                &code[code.len().min(end + 1)..]
            }
            None => &code[code.len().min(1)..],
        };
    }
    plain.extend_from_slice(rest);
    Cow::Owned(plain)
}

/// Where the command begins that a line holds behind something else, if it holds one.
pub(super) fn command_at(line: &[u8]) -> Option<usize> {
    let near = &line[..line.len().min(MOST_BYTES)];
    // In quotes it would be a part of something: of a log in JSON, of another command.
    let near = &near[..memchr(b'"', near).map_or(near.len(), |quote| quote)];
    memchr_iter(b'[', near).find_map(|bracket| {
        let begin = time_before(&near[..bracket])?;
        is_command(&line[begin..]).then_some(begin)
    })
}

/// Where the time begins that stands before the bracket of the client: `1795370754.356650 `.
fn time_before(before: &[u8]) -> Option<usize> {
    let time = before.strip_suffix(b" ")?;
    let point = time.len().checked_sub(7)?;
    let (seconds, micros) = time.split_at(point);
    let are_micros = micros[0] == b'.' && micros[1..].iter().all(u8::is_ascii_digit);
    let digits = seconds
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit());
    let digits = digits.count();
    let begin = point - digits;
    let is_apart = begin == 0 || !matches!(seconds[begin - 1], b'.' | b'a'..=b'z' | b'A'..=b'Z');
    (are_micros && digits >= LEAST_DIGITS && is_apart).then_some(begin)
}

fn is_command(line: &[u8]) -> bool {
    let Some((Head { .. }, arguments)) = line::head(line) else {
        return false;
    };
    // No client has a quote in its name.
    !line[..arguments].contains(&b'"')
}

/// Whether a line is nothing but the `OK` at the beginning, behind the name of a container or the like.
pub(super) fn is_ok(line: &[u8]) -> bool {
    line.len() <= MOST_BYTES
        && line
            .strip_suffix(b"OK")
            .is_some_and(|before| before.ends_with(b" ") && !before.contains(&b'"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMAND: &str = "1339518083.107412 [0 127.0.0.1:60866] \"set\" \"x\" \"6\"";

    #[test]
    fn commands_are_found_behind_what_keeps_logs() {
        for before in [
            "redis_1  | ",
            "redis-1  | 2026-11-29T10:00:00.123456789Z ",
            "[pod/redis-0/redis] ",
            "2026-11-29T10:00:00.123456789Z ",
            "2026-11-29T10:00:00.123456789Z stdout F ",
            "Nov 29 10:00:00 host redis-cli[123]: ",
            "<30>1 2026-11-29T10:00:00Z host redis 12 - - ",
            "1795370754 ",
            "1795370754.356650 ",
            "00:00:01 ",
            "node-1: ",
            "monitor.log:12:",
        ] {
            let line = format!("{before}{COMMAND}");
            assert_eq!(command_at(line.as_bytes()), Some(before.len()), "{before}");
            assert!(
                is_ok(format!("{before}OK").as_bytes()) || before.ends_with(':'),
                "{before}"
            );
        }
    }

    #[test]
    fn what_is_quoted_or_glued_is_no_command() {
        for line in [
            format!("{{\"log\":\"{}\\n\"}}", COMMAND.replace('"', "\\\"")),
            format!("{} \"get\" \"{}\"", "x", COMMAND.replace('"', "\\\"")),
            format!("version1{COMMAND}"),
            format!("1.{COMMAND}"),
            "app-1 | 1339518083.107412 [0 is no client".to_owned(),
            "key:12345 [0 x] \"get\"".to_owned(),
            format!("{}{COMMAND}", "x".repeat(MOST_BYTES)),
        ] {
            assert_eq!(command_at(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn colours_are_taken_off() {
        for (line, plain) in [
            ("\x1b[32mOK\x1b[0m", "OK"),
            (
                "\x1b[36mredis_1  |\x1b[0m \x1b[1;32mx\x1b[K",
                "redis_1  | x",
            ),
            ("a\x1b[", "a"),
            ("a\x1b", "a"),
            ("plain", "plain"),
        ] {
            assert_eq!(
                without_colours(line.as_bytes()),
                plain.as_bytes(),
                "{line:?}"
            );
        }
    }
}
