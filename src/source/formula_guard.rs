//! Guards keys of slotkit's own CSV that a spreadsheet would take for formulas: an apostrophe before them.

/// Whether keys of a CSV have an apostrophe that isn't theirs, and how the file says so.
///
/// It says so where no reader of CSV looks: by the quotes around names of its header. `"key"` is always in quotes, by
/// which slotkit's CSV is told from rdb-tools' own, where commas and quotes of keys stand as they are. `"type"` is
/// where keys are guarded, `"database"` where they aren't, and `"size_in_bytes"` where they are escaped as
/// [`Escape::Hex`](super::Escape::Hex).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormulaGuard {
    /// No key has one.
    Off,
    /// A key that begins as a formula does, or with apostrophes and then so, has one more.
    On,
}

/// The columns of `rdb -c memory`.
pub(crate) const MEMORY_COLUMNS: [&str; 8] = [
    "database",
    "type",
    "key",
    "size_in_bytes",
    "encoding",
    "num_elements",
    "len_largest_element",
    "expiry",
];

impl FormulaGuard {
    /// Whether a key is to be guarded.
    pub fn is_needed(key: &[u8]) -> bool {
        let apostrophes = key.iter().take_while(|byte| **byte == b'\'').count();
        matches!(
            key.get(apostrophes),
            Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n')
        )
    }

    /// The key without the apostrophe that was put before it.
    pub(super) fn take_off(self, key: &[u8]) -> &[u8] {
        match key.split_first() {
            Some((b'\'', rest)) if self == FormulaGuard::On && FormulaGuard::is_needed(key) => rest,
            _ => key,
        }
    }

    /// The header of slotkit's memory CSV, without its line end.
    pub(crate) fn header(self, is_hex: bool) -> String {
        let is_marked = |name: &str| match name {
            "key" => true,
            "type" => self == FormulaGuard::On,
            "database" => self == FormulaGuard::Off,
            "size_in_bytes" => is_hex,
            _ => false,
        };
        let names = MEMORY_COLUMNS.map(|name| {
            if is_marked(name) {
                format!("\"{name}\"")
            } else {
                name.to_owned()
            }
        });
        names.join(",")
    }

    /// What the header of slotkit's memory CSV says: whether keys are guarded, and whether they are escaped. Older
    /// versions marked the key alone, and guarded keys.
    pub(super) fn of_header(header: &[u8]) -> Option<(FormulaGuard, bool)> {
        let old = FormulaGuard::On.header(false).replace("\"type\"", "type");
        if header == old.as_bytes() {
            return Some((FormulaGuard::On, false));
        }
        let all = [FormulaGuard::On, FormulaGuard::Off].into_iter();
        let mut all = all.flat_map(|guard| [(guard, false), (guard, true)]);
        all.find(|(guard, is_hex)| guard.header(*is_hex).as_bytes() == header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn headers_say_what_they_mark() {
        for guard in [FormulaGuard::On, FormulaGuard::Off] {
            for is_hex in [false, true] {
                let header = guard.header(is_hex);
                assert_eq!(
                    FormulaGuard::of_header(header.as_bytes()),
                    Some((guard, is_hex))
                );
                assert_eq!(header.replace('"', ""), MEMORY_COLUMNS.join(","));
            }
        }
        assert_eq!(
            FormulaGuard::of_header(MEMORY_COLUMNS.join(",").as_bytes()),
            None
        );
    }

    proptest! {
        #[test]
        fn apostrophes_come_off_again(key in "['=+@a-]{0,6}") {
            let guarded = if FormulaGuard::is_needed(key.as_bytes()) { format!("'{key}") } else { key.clone() };
            prop_assert!(!guarded.starts_with(['=', '+', '-', '@']));
            prop_assert_eq!(FormulaGuard::On.take_off(guarded.as_bytes()), key.as_bytes());
            prop_assert_eq!(FormulaGuard::Off.take_off(key.as_bytes()), key.as_bytes());
        }
    }
}
