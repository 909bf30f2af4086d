//! Usage errors: what clap refuses, printed on one line.

use super::exit::Exit;
use super::terminal;
use crate::masked;
use clap::error::{ContextKind, ErrorKind};
use std::ffi::OsString;

/// Prints help and version on stdout, usage errors on stderr.
pub(super) fn refuse(error: &clap::Error, words: &[OsString]) -> Exit {
    if is_help(error.kind()) {
        // Nobody is left to tell when even this can't be printed.
        let _ = error.print();
        return match error.use_stderr() {
            true => Exit::Unusable,
            false => Exit::Done,
        };
    }
    terminal::say(line(error, words));
    Exit::Unusable
}

fn is_help(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    )
}

/// What clap says in paragraphs, on one line: what is wrong, a tip if there is one, and where to look.
fn line(error: &clap::Error, words: &[OsString]) -> String {
    let help = help_command(words);
    // A stray word may be a password or a URI with one: it isn't repeated.
    let stray = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    if error.kind() == ErrorKind::UnknownArgument
        && stray.is_some_and(|word| !word.starts_with('-'))
    {
        return format!("there is one word too many; `{help}` lists what can be said");
    }
    let mut text = error.render().to_string();
    // What was meant for a password may stand behind another flag's name.
    let is_secret = ["--pass", "--askpass", "--uri"]
        .iter()
        .any(|flag| text.contains(&format!("'{flag}")));
    if let Some(value) = error.get(ContextKind::InvalidValue)
        && is_secret
    {
        text = text.replace(&format!("'{value}'"), "'***'");
    }
    let told = text.strip_prefix("error: ").unwrap_or(&text);
    // Usage and the way to the help come last; the help is named in our own words.
    let end = ["\n\nUsage:", "\n\nFor more information"]
        .iter()
        .filter_map(|start| told.find(start))
        .min();
    let told = &told[..end.unwrap_or(told.len())];
    let parts: Vec<String> = told
        .split("\n\n")
        .map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "))
        .map(|part| masked::repeated(&part))
        .map(|part| {
            part.strip_prefix("tip: ")
                .map(str::to_owned)
                .unwrap_or(part)
        })
        .collect();
    format!("{}; `{help}` lists what can be said", parts.join("; "))
}

fn help_command(words: &[OsString]) -> String {
    let command = words.get(1).and_then(|word| word.to_str()).unwrap_or("");
    let is_known = super::args::names().any(|name| name == command);
    match is_known {
        true => format!("slotkit {command} --help"),
        false => "slotkit --help".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::Args;
    use super::*;

    fn told(words: &[&str]) -> String {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let error = Args::of(&words).expect_err("refused");
        line(&error, &words)
    }

    #[test]
    fn every_refusal_is_one_line_with_the_mend() {
        for (words, expected) in [
            (
                &["slotkit", "analyze"][..],
                "the following required arguments were not provided: <INPUT>...; \
                 `slotkit analyze --help` lists what can be said",
            ),
            (
                &["slotkit", "keyslot", "--explian", "a"],
                "unexpected argument '--explian' found; \
                 a similar argument exists: '--explain'; \
                 `slotkit keyslot --help` lists what can be said",
            ),
            (
                &["slotkit", "analyze", "a", "--top", "-1"],
                "invalid value '-1' for '--top <N>': -1 is not in 0..=16384; \
                 `slotkit analyze --help` lists what can be said",
            ),
            (
                &["slotkit", "analyze", "a", "--db", "-1"],
                "invalid value '-1' for '--db <N>': expected the number of a database, 0 to 65535; \
                 `slotkit analyze --help` lists what can be said",
            ),
            (
                &["slotkit", "nosuch\nline"],
                "unrecognized subcommand 'nosuch line'; `slotkit --help` lists what can be said",
            ),
            (
                &["slotkit", "keyslot", "--json=hunter2"],
                "unexpected value 'hunter2' for '--json' found; no more were expected; \
                 `slotkit keyslot --help` lists what can be said",
            ),
            (
                &["slotkit", "keyslot", "--for-slot", "redis://u:hunter2@h:1"],
                "invalid value 'redis://***@h:1' for '--for-slot <SLOT>': \
                 invalid digit found in string; `slotkit keyslot --help` lists what can be said",
            ),
        ] {
            assert_eq!(told(words), expected);
        }
    }
}
