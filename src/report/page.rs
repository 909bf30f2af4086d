//! The page that tables are written on: plain text for a terminal, or HTML.

use super::chart::Bars;
use super::table;
use std::io::{self, Write};

/// The parts that a report is made of. All words may hold bytes of keys: a page must escape them
/// as its form needs.
pub(super) trait Page {
    /// What comes is about this.
    fn heading(&mut self, words: &str) -> io::Result<()>;
    /// Single figures, each with its name.
    fn facts(&mut self, facts: &[Fact]) -> io::Result<()>;
    /// A table; the columns of the numbers `left` are aligned left, all others right.
    fn rows(&mut self, header: &[&str], left: &[usize], rows: Vec<Vec<String>>) -> io::Result<()>;
    /// A chart, with a sentence on what it shows; left out where nothing can be drawn.
    fn chart(&mut self, _caption: &str, _bars: &Bars) -> io::Result<()> {
        Ok(())
    }
    /// A sentence.
    fn line(&mut self, words: &str) -> io::Result<()>;
}

/// A figure and its name; the name is empty where it goes on with the one before.
pub(super) type Fact = (&'static str, String);

/// [`Page::rows`] for any rows.
pub(super) fn table(
    page: &mut dyn Page,
    header: &[&str],
    left: &[usize],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> io::Result<()> {
    page.rows(header, left, rows.into_iter().collect())
}

/// Lines of text, a blank one before each heading but the first.
pub(super) struct Text<'out> {
    out: &'out mut dyn Write,
    is_first: bool,
}

impl<'out> Text<'out> {
    pub fn new(out: &'out mut dyn Write) -> Text<'out> {
        Text {
            out,
            is_first: true,
        }
    }
}

impl Page for Text<'_> {
    fn heading(&mut self, words: &str) -> io::Result<()> {
        if !std::mem::replace(&mut self.is_first, false) {
            writeln!(self.out)?;
        }
        writeln!(self.out, "{words}")
    }

    fn facts(&mut self, facts: &[Fact]) -> io::Result<()> {
        let mut facts = facts.iter();
        facts.try_for_each(|(name, value)| writeln!(self.out, "  {name:<10}  {value}"))
    }

    fn rows(&mut self, header: &[&str], left: &[usize], rows: Vec<Vec<String>>) -> io::Result<()> {
        table::write(self.out, header, left, rows)
    }

    fn line(&mut self, words: &str) -> io::Result<()> {
        writeln!(self.out, "  {words}")
    }
}
