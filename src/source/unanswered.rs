//! Options that ask for what an input doesn't tell.

use super::cut::Layout;
use super::{KeyKind, Options};

/// What to say where options ask for what no row of this layout tells.
pub(super) fn unanswered(layout: &Layout, options: &Options) -> Vec<String> {
    let filter = &options.filter;
    let tells = Tells::of(layout);
    let what = match layout {
        Layout::Monitor => "operations",
        _ => "keys",
    };
    let mut notes = Vec::new();
    let asks_type = !filter.kinds.is_empty() && !filter.kinds.contains(&KeyKind::Unknown);
    if asks_type && !tells.types {
        notes.push(format!(
            "it doesn't tell types, so that --type leaves all its {what} out"
        ));
    }
    if filter.min_bytes.is_some() && !tells.sizes {
        let mend = match layout {
            Layout::Quoted(_) => "; if a column has them, name it with --size-column",
            _ => "",
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
    let why = match layout {
        Layout::Quoted(_) => return notes,
        Layout::RdbTools(_) => "its columns are those of every memory CSV",
        _ => "it has no columns",
    };
    let ignored = columns.into_iter().filter(|(_, name)| name.is_some());
    notes.extend(ignored.map(|(flag, _)| format!("{why}, so that {flag} says nothing")));
    notes
}

/// What a layout tells of keys besides their names.
struct Tells {
    types: bool,
    sizes: bool,
    databases: bool,
}

impl Tells {
    fn of(layout: &Layout) -> Tells {
        let (types, sizes, databases) = match layout {
            Layout::RdbTools(_) | Layout::Rdb => (true, true, true),
            Layout::Quoted(rows) => (rows.kind.is_some(), rows.size.is_some(), rows.db.is_some()),
            Layout::Lines(_) | Layout::Json(_) => (false, false, false),
            Layout::Monitor => (false, false, true),
        };
        Tells {
            types,
            sizes,
            databases,
        }
    }
}
