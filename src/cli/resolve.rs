//! `slotkit resolve`: keys that a stop has named, and the choice between their copies.

use super::confirm::confirm;
use super::connection::ConnectionArgs;
use super::exit::Exit;
use super::journal_args::JournalArgs;
use super::stderr_observer::StderrObserver;
use super::terminal;
use crate::error::{Error, ErrorKind, Result};
use crate::escape;
use crate::execute::Move;
use crate::execute::clock::now_ms;
use crate::execute::job::{Session, journal_of};
use crate::execute::journal::Journal;
use crate::execute::mover::KeyInDoubt;
use crate::execute::options::MoveOptions;
use crate::execute::resolve::{self, Both, Case, Seen, Side};
use crate::execute::resume::{self, Standing};
use crate::execute::survey::Survey;
use crate::numbers::{bytes_text, counted_text, time_text};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// The arguments of `resolve`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which side's state of the keys is kept: source, or target. The other side's copy is deleted,
    /// after another look at both; a side that doesn't have a key is kept as that.
    #[arg(long, value_name = "SIDE", value_enum, hide_possible_values = true)]
    keep: Option<Keep>,
    /// Only this key, as it is printed; may come several times. Without it, --keep is for all.
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,
    /// Don't ask before copies are deleted.
    #[arg(long)]
    yes: bool,
    /// Print the keys as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    journal_args: JournalArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
}

/// Which side's state is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Keep {
    /// The source's.
    Source,
    /// The target's.
    Target,
}

impl Keep {
    fn side(self) -> Side {
        match self {
            Keep::Source => Side::Source,
            Keep::Target => Side::Target,
        }
    }
}

/// A key with what both nodes have of it.
struct UndecidedKey {
    case: Case,
    names: [String; 2],
    both: Both,
}

/// Shows what is undecided, or carries a choice out.
pub(super) fn run(args: &Args) -> Result<Exit> {
    if !args.connection.is_given() {
        return Err(
            Error::new(ErrorKind::Usage, "which cluster?").fix("name a node with -h HOST -p PORT")
        );
    }
    if args.keep.is_none() && !args.keys.is_empty() {
        let message = "--key says which keys a choice is for, and there is none";
        return Err(Error::new(ErrorKind::Usage, message).fix("add --keep source or --keep target"));
    }
    let connection = args.connection.connection()?;
    let how = MoveOptions::default();
    let mut session = Session::open_patiently(
        connection,
        how,
        args.journal_args.wait,
        Arc::new(StderrObserver),
    )?;
    let path = journal_of(
        args.journal_args.journal.as_deref(),
        &session.cluster.seed_view()?,
    );
    let mut journal = Journal::open(&path)?;
    let survey = session.survey()?;
    let cases = cases(&journal, &survey);
    let mut found = Vec::new();
    for case in cases {
        let names = [case.task.source, case.task.target].map(|id| survey.name(id));
        let both = resolve::look(&mut session.cluster, &case)?;
        found.push(UndecidedKey { case, names, both });
    }
    let chosen = chosen(args, &found)?;
    let mut decided = 0;
    if let Some(keep) = args.keep
        && is_agreed(args, keep, &chosen)?
    {
        for found in &chosen {
            resolve::keep(&mut session.cluster, &found.case, keep.side())?;
            settle(&mut journal, &found.case)?;
            decided += 1;
        }
    }
    let left = found.len() - decided;
    if args.json {
        print_json(&found, decided)?;
    } else if decided == 0 {
        print_words(&found)?;
    }
    terminal::say(match (decided, left) {
        (0, 0) => "no key is undecided".to_owned(),
        (0, left) => format!(
            "{} undecided: choose with {}, for one with --key KEY",
            counted_text(left as u64, "key"),
            choices(&found)
        ),
        (decided, left) => format!(
            "decided about {}, {left} left; slotkit resume goes on with what is open",
            counted_text(decided as u64, "key")
        ),
    });
    journal.close()?;
    Ok(match left {
        0 => Exit::Done,
        _ => Exit::Finding,
    })
}

/// The keys that a person was told of, with who stands where their source and target stood.
fn cases(journal: &Journal, survey: &Survey) -> Vec<Case> {
    let shards = survey.shards_with(journal.shards());
    let mut cases = Vec::new();
    for (slot, doubts) in journal.doubts() {
        let Some(begun) = journal.last_move(slot) else {
            continue;
        };
        let task = match resume::standing(survey, &shards, begun) {
            Ok(Standing::GoesOn(task, _)) => task,
            // Where it can't be told, asking the nodes shows why.
            Ok(Standing::Settled) | Err(_) => begun,
        };
        let opened = journal.opened().get(&slot).copied();
        let named = doubts.into_iter().filter(|one| one.is_named);
        cases.extend(named.map(|doubtful| Case {
            task,
            doubtful,
            opened,
        }));
    }
    cases
}

/// The keys that the choice is for.
fn chosen<'a>(args: &Args, found: &'a [UndecidedKey]) -> Result<Vec<&'a UndecidedKey>> {
    if args.keys.is_empty() {
        return Ok(found.iter().collect());
    }
    let is_called = |found: &&UndecidedKey, name: &str| name == shown(&found.case.doubtful);
    for name in &args.keys {
        if !found.iter().any(|found| is_called(&found, name)) {
            let message = format!("key `{name}` isn't one of those that are undecided");
            return Err(Error::new(ErrorKind::Usage, message)
                .fix("slotkit resolve without --keep lists them"));
        }
    }
    let names = |found: &&UndecidedKey| args.keys.iter().any(|name| is_called(found, name));
    Ok(found.iter().filter(names).collect())
}

fn is_agreed(args: &Args, keep: Keep, chosen: &[&UndecidedKey]) -> Result<bool> {
    let deleted = chosen.iter().filter(|found| match keep {
        Keep::Source => found.both.target.is_some(),
        Keep::Target => found.both.source.is_some(),
    });
    let count = counted_text(deleted.count() as u64, "copy");
    let count = count.replace("copys", "copies");
    let other = match keep {
        Keep::Source => "target",
        Keep::Target => "source",
    };
    if chosen.is_empty() || args.yes {
        return Ok(!chosen.is_empty());
    }
    // What clients read and write isn't lost by a word that was meant for other keys.
    let is_fresh = |found: &&&UndecidedKey| {
        let loser = match keep {
            Keep::Source => Side::Target,
            Keep::Target => Side::Source,
        };
        found.both.fresh(&found.case) == Some(loser)
    };
    let fresh = match chosen.iter().filter(is_fresh).count() {
        0 => String::new(),
        fresh => format!(
            ", {} that clients read and write there now",
            counted_text(fresh as u64, "key")
        ),
    };
    confirm(&format!("delete {count} at the {other}{fresh}?"))
}

/// The choices that may be right: a side is left out whose copies are old, as far as is known.
fn choices(found: &[UndecidedKey]) -> &'static str {
    let is_all = |side| {
        let mut all = found.iter();
        all.all(|found| found.both.fresh(&found.case) == Some(side))
    };
    match (is_all(Side::Source), is_all(Side::Target)) {
        (true, _) => "--keep source",
        (_, true) => "--keep target",
        _ => "--keep source or --keep target",
    }
}

/// A key is decided about: the next run finds nothing of it to look at.
fn settle(journal: &mut Journal, case: &Case) -> Result<()> {
    let slot = case.task.slot;
    let mut doubts = journal.doubts().remove(&slot).unwrap_or_default();
    doubts.retain(|one| (one.db, &one.key) != (case.doubtful.db, &case.doubtful.key));
    journal.doubt(slot, &doubts)
}

fn shown(doubtful: &KeyInDoubt) -> String {
    escape::key_line(&doubtful.key).to_string()
}

fn print_words(found: &[UndecidedKey]) -> Result<()> {
    let now_ms = now_ms().unwrap_or(0);
    terminal::print(|out| {
        for UndecidedKey { case, names, both } in found {
            let Move { slot, .. } = case.task;
            let [source, target] = names;
            writeln!(out, "{}", shown(&case.doubtful))?;
            let db = match case.doubtful.db {
                0 => String::new(),
                db => format!(", database {db}"),
            };
            writeln!(out, "  slot {slot}{db}")?;
            let copies = [
                ("source", source, &both.source),
                ("target", target, &both.target),
            ];
            for (side, name, copy) in copies {
                writeln!(out, "  {side} {name}: {}", copy_text(copy.as_ref()))?;
            }
            for line in wrapped(&both.why(case, names, now_ms)) {
                writeln!(out, "  {line}")?;
            }
        }
        Ok(())
    })
}

/// How long a line is that is wrapped, characters: with its indentation it fits a narrow terminal.
const LINE_CHARS: usize = 78;

/// The lines of a text, cut between words; a longer word is a line of its own.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LINE_CHARS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn copy_text(seen: Option<&Seen>) -> String {
    let Some(seen) = seen else {
        return "nothing".to_owned();
    };
    let bytes = seen.bytes.map(|bytes| format!(", {}", bytes_text(bytes)));
    let life = match seen.ttl_ms {
        Some(ms) => format!("expires in {}", time_text(Duration::from_millis(ms))),
        None => "without an end".to_owned(),
    };
    format!("{}{}, {life}", seen.kind, bytes.unwrap_or_default())
}

fn print_json(found: &[UndecidedKey], decided: usize) -> Result<()> {
    let keys: Vec<Value> = found.iter().map(to_json).collect();
    let document = json!({ "schema": 1, "keys": keys, "decided": decided });
    terminal::print(|out| {
        serde_json::to_writer_pretty(&mut *out, &document)?;
        writeln!(out)
    })
}

fn to_json(found: &UndecidedKey) -> Value {
    let UndecidedKey { case, names, both } = found;
    let Move {
        slot,
        source,
        target,
    } = case.task;
    let side =
        |id, addr: &String, copy: &Option<Seen>| json!({ "node": id, "addr": addr, "copy": copy });
    json!({
        "key": shown(&case.doubtful),
        "slot": slot,
        "db": case.doubtful.db,
        "owner": both.owner,
        "source": side(source, &names[0], &both.source),
        "target": side(target, &names[1], &both.target),
        "opened_at_ms": case.opened.and_then(|opened| opened.at_ms),
        "sent_at_ms": case.doubtful.sent_ms,
        "ends_at_ms": case.doubtful.ends_ms,
        "fresh": both.fresh(case),
        "why": both.why(case, names, now_ms().unwrap_or(0)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_a_narrow_terminal() {
        let text = "a word of some length ".repeat(20) + &"x".repeat(100) + " end";
        let lines = wrapped(&text);
        assert_eq!(lines.join(" "), text);
        let long: Vec<_> = lines.iter().filter(|line| line.len() > 78).collect();
        assert_eq!(long, [&"x".repeat(100)]);
        assert!(lines.len() > 5);
    }
}
