//! Options that ask for what an input doesn't tell.

use super::kind::KeyKind;
use super::options::Options;
use super::rows::{Names, Rows};

/// What to say where options ask for what no row of these tells.
pub(super) fn unanswered(rows: &dyn Rows, options: &Options) -> Vec<String> {
    let filter = &options.filter;
    let tells = rows.tells();
    let what = tells.counted;
    let mut notes = Vec::new();
    let asks_type = !filter.kinds.is_empty() && !filter.kinds.contains(&KeyKind::Unknown);
    if asks_type && !tells.types {
        notes.push(format!(
            "it doesn't tell types, so that --type leaves all its {what} out"
        ));
    }
    if filter.min_bytes.is_some() && !tells.sizes {
        let mend = match tells.columns {
            Names::Header => "; if a column has them, name it with --size-column",
            Names::Fixed | Names::None => "",
        };
        notes.push(format!(
            "it doesn't tell sizes, so that --min-bytes leaves all its {what} out{mend}"
        ));
    }
    if !filter.databases.is_empty() && !tells.databases {
        let kept = match filter.databases.contains(&0) {
            true => "keeps",
            false => "leaves out",
        };
        notes.push(format!(
            "it doesn't tell databases, so that --db {kept} all its {what}: they count as in database 0"
        ));
    }
    let columns = [
        ("--key-column", &options.key_column),
        ("--size-column", &options.size_column),
    ];
    let why = match tells.columns {
        Names::Header => return notes,
        Names::Fixed => "its columns are those of every memory CSV",
        Names::None => "it has no columns",
    };
    let ignored = columns.into_iter().filter(|(_, name)| name.is_some());
    notes.extend(ignored.map(|(flag, _)| format!("{why}, so that {flag} says nothing")));
    notes
}
