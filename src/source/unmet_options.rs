//! Notes on options that ask for what an input doesn't have.

use super::kind::KeyKind;
use super::options::Options;
use super::row_layout::{ColumnNames, RowLayout};

/// What to say where options ask for what no row of these tells.
pub(super) fn unmet_options(rows: &dyn RowLayout, options: &Options) -> Vec<String> {
    let filter = &options.filter;
    let key_details = rows.key_details();
    let what = key_details.counted;
    let mut notes = Vec::new();
    let asks_type = !filter.kinds.is_empty() && !filter.kinds.contains(&KeyKind::Unknown);
    if asks_type && !key_details.types {
        notes.push(format!(
            "it doesn't tell types, so that --type leaves all its {what} out"
        ));
    }
    if filter.min_bytes.is_some() && !key_details.sizes {
        let mend = match key_details.columns {
            ColumnNames::Header => "; if a column has them, name it with --size-column",
            ColumnNames::Fixed | ColumnNames::None => "",
        };
        notes.push(format!(
            "it doesn't tell sizes, so that --min-bytes leaves all its {what} out{mend}"
        ));
    }
    if !filter.databases.is_empty() && !key_details.databases {
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
    let why = match key_details.columns {
        ColumnNames::Header => return notes,
        ColumnNames::Fixed => "its columns are those of every memory CSV",
        ColumnNames::None => "it has no columns",
    };
    let ignored = columns.into_iter().filter(|(_, name)| name.is_some());
    notes.extend(ignored.map(|(flag, _)| format!("{why}, so that {flag} says nothing")));
    notes
}
