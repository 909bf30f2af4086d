//! Usage errors: what clap refuses, printed on one line.

use super::exit::Exit;
use super::terminal;
use crate::masked;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::error::Error;
use std::ffi::OsString;

/// Prints help and version on stdout, usage errors on stderr.
pub(super) fn refuse(error: &clap::Error, words: &[OsString]) -> Exit {
    if is_help(error.kind()) {
        // Nobody is left to tell when even this can't be printed.
        let _ = error.print();
        return if error.use_stderr() {
            Exit::Unusable
        } else {
            Exit::Done
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

/// What is wrong, a tip if there is one, and where to look, on one line.
fn line(error: &clap::Error, words: &[OsString]) -> String {
    let help = help_command(words);
    // A stray word may be a password or a URI with one: it isn't repeated.
    let stray = text(error, ContextKind::InvalidArg);
    if error.kind() == ErrorKind::UnknownArgument
        && stray.is_some_and(|word| !word.starts_with('-'))
    {
        return format!("there is one word too many; see `{help}`");
    }
    let parts = std::iter::once(message(error)).chain(tips(error));
    let parts = parts.map(|part| {
        let words: Vec<&str> = part.split_whitespace().collect();
        masked::repeated(&words.join(" "))
    });
    let parts: Vec<String> = parts.collect();
    format!("{}; see `{help}`", parts.join("; "))
}

/// What is wrong, from what clap says of it.
fn message(error: &clap::Error) -> String {
    let known = match error.kind() {
        ErrorKind::InvalidValue => invalid_value(error).map(|message| {
            let values = texts(error, ContextKind::ValidValue);
            if values.is_empty() {
                message
            } else {
                format!("{message} [possible values: {}]", values.join(", "))
            }
        }),
        ErrorKind::ValueValidation => invalid_value(error).map(|message| match error.source() {
            Some(why) => format!("{message}: {why}"),
            None => message,
        }),
        ErrorKind::UnknownArgument => text(error, ContextKind::InvalidArg)
            .map(|argument| format!("unexpected argument '{argument}' found")),
        ErrorKind::InvalidSubcommand => text(error, ContextKind::InvalidSubcommand)
            .map(|command| format!("unrecognized subcommand '{command}'")),
        ErrorKind::MissingRequiredArgument => {
            let missing = texts(error, ContextKind::InvalidArg);
            let message = "the following required arguments were not provided:";
            (!missing.is_empty()).then(|| format!("{message} {}", missing.join(" ")))
        }
        ErrorKind::ArgumentConflict => conflict(error),
        ErrorKind::TooManyValues => value_of(error).map(|(value, argument)| {
            format!("unexpected value '{value}' for '{argument}' found; no more were expected")
        }),
        ErrorKind::NoEquals => text(error, ContextKind::InvalidArg)
            .map(|argument| format!("equal sign is needed when assigning values to '{argument}'")),
        _ => None,
    };
    known.unwrap_or_else(|| {
        let argument = text(error, ContextKind::InvalidArg);
        let argument = argument.map(|argument| format!(": '{argument}'"));
        format!("{}{}", error.kind(), argument.unwrap_or_default())
    })
}

fn invalid_value(error: &clap::Error) -> Option<String> {
    let (value, argument) = value_of(error)?;
    Some(if value.is_empty() {
        format!("a value is required for '{argument}' but none was supplied")
    } else {
        format!("invalid value '{value}' for '{argument}'")
    })
}

/// The value that is wrong, and the argument that it stands behind. What was meant for a password may
/// stand behind another flag's name.
fn value_of(error: &clap::Error) -> Option<(&str, &str)> {
    let argument = text(error, ContextKind::InvalidArg)?;
    let value = text(error, ContextKind::InvalidValue)?;
    let is_secret = SECRETS.iter().any(|flag| argument.starts_with(flag));
    let is_masked = is_secret && !value.is_empty();
    Some((if is_masked { "***" } else { value }, argument))
}

/// The flags whose values are passwords, or hold one.
const SECRETS: [&str; 3] = ["--pass", "--askpass", "--uri"];

fn conflict(error: &clap::Error) -> Option<String> {
    let argument = text(error, ContextKind::InvalidArg)?;
    let others = texts(error, ContextKind::PriorArg);
    Some(match &*others {
        [other] if *other == argument => {
            format!("the argument '{argument}' cannot be used multiple times")
        }
        [other] => format!("the argument '{argument}' cannot be used with '{other}'"),
        [] => format!("the argument '{argument}' cannot be used with others that are given"),
        others => format!(
            "the argument '{argument}' cannot be used with: {}",
            others.join(" ")
        ),
    })
}

fn tips(error: &clap::Error) -> Vec<String> {
    let similar = [
        (ContextKind::SuggestedSubcommand, "subcommand"),
        (ContextKind::SuggestedArg, "argument"),
        (ContextKind::SuggestedValue, "value"),
    ];
    let similar = similar.into_iter().filter_map(|(kind, what)| {
        let names = texts(error, kind);
        let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
        match &*quoted {
            [] => None,
            [one] => Some(format!("a similar {what} exists: {one}")),
            several => Some(format!(
                "some similar {what}s exist: {}",
                several.join(", ")
            )),
        }
    });
    let others = match error.get(ContextKind::Suggested) {
        Some(ContextValue::StyledStrs(tips)) => tips.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    similar.chain(others).collect()
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text),
        _ => None,
    }
}

fn texts(error: &clap::Error, kind: ContextKind) -> Vec<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text],
        Some(ContextValue::Strings(texts)) => texts.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

fn help_command(words: &[OsString]) -> String {
    let command = words.get(1).and_then(|word| word.to_str()).unwrap_or("");
    let is_known = super::args::names().any(|name| name == command);
    if is_known {
        format!("slotkit {command} --help")
    } else {
        "slotkit --help".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::Args;
    use super::*;

    fn refused(words: &[&str]) -> String {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let error = Args::of(&words).expect_err("refused");
        line(&error, &words)
    }

    #[test]
    fn every_refusal_is_one_line_with_the_fix() {
        for (words, expected) in [
            (
                &["slotkit", "analyze"][..],
                "the following required arguments were not provided: <INPUT>...; \
                 see `slotkit analyze --help`",
            ),
            (
                &["slotkit", "keyslot", "--explian", "a"],
                "unexpected argument '--explian' found; \
                 a similar argument exists: '--explain'; \
                 see `slotkit keyslot --help`",
            ),
            (
                &["slotkit", "analyze", "a", "--top", "-1"],
                "invalid value '-1' for '--top <N>': -1 is not in 0..=16384; \
                 see `slotkit analyze --help`",
            ),
            (
                &["slotkit", "analyze", "a", "--db", "-1"],
                "invalid value '-1' for '--db <N>': expected the number of a database, 0 to 65535; \
                 see `slotkit analyze --help`",
            ),
            (
                &["slotkit", "nosuch\nline"],
                "unrecognized subcommand 'nosuch line'; see `slotkit --help`",
            ),
            (
                &["slotkit", "keyslot", "--json=hunter2"],
                "unexpected value 'hunter2' for '--json' found; no more were expected; \
                 see `slotkit keyslot --help`",
            ),
            (
                &["slotkit", "keyslot", "--for-slot", "redis://u:hunter2@h:1"],
                "invalid value 'redis://***@h:1' for '--for-slot <SLOT>': \
                 invalid digit found in string; see `slotkit keyslot --help`",
            ),
            (
                &["slotkit", "analyze", "a", "--output", "jsn"],
                "invalid value 'jsn' for '--output <FORM>' [possible values: table, json, csv, memory-csv, html]; \
                 a similar value exists: 'json'; see `slotkit analyze --help`",
            ),
            (
                &["slotkit", "analyze", "a", "--top", "1", "--top", "2"],
                "the argument '--top <N>' cannot be used multiple times; \
                 see `slotkit analyze --help`",
            ),
            (
                &["slotkit", "analyze", "a", "--top"],
                "a value is required for '--top <N>' but none was supplied; \
                 see `slotkit analyze --help`",
            ),
        ] {
            assert_eq!(refused(words), expected);
        }
    }
}
