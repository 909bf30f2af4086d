//! A report as one HTML file: no scripts, nothing loaded, every word escaped.

use super::chart::{self, Bars};
use super::page::{Fact, Page};
use crate::escape::key_line;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::io::{self, Write};

const STYLE: &str = include_str!("html.css");

/// Nothing may be loaded or run, even if an escape failed.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The page so far: sections that each begin with a heading.
#[derive(Default)]
pub(super) struct Html {
    done: Vec<Markup>,
    heading: String,
    parts: Vec<Markup>,
}

impl Html {
    /// Writes the page. Errors when writing fails.
    pub fn write(mut self, out: &mut dyn Write, title: &str) -> io::Result<()> {
        self.end_section();
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    h1 { (title) }
                    @for section in &self.done { (section) }
                }
            }
        };
        writeln!(out, "{}", page.into_string())
    }

    fn end_section(&mut self) {
        if self.heading.is_empty() {
            return;
        }
        let (heading, parts) = (
            std::mem::take(&mut self.heading),
            std::mem::take(&mut self.parts),
        );
        self.done.push(html! {
            section {
                h2 { (heading) }
                @for part in &parts { (part) }
            }
        });
    }
}

impl Page for Html {
    fn heading(&mut self, words: &str) -> io::Result<()> {
        self.end_section();
        self.heading = words.to_owned();
        Ok(())
    }

    fn facts(&mut self, facts: &[Fact]) -> io::Result<()> {
        self.parts.push(html! {
            dl {
                @for (name, value) in facts { dt { (seen(name)) } dd { (seen(value)) } }
            }
        });
        Ok(())
    }

    fn rows(&mut self, header: &[&str], left: &[usize], rows: Vec<Vec<String>>) -> io::Result<()> {
        let side = |column: usize| {
            if left.contains(&column) {
                "left"
            } else {
                "right"
            }
        };
        self.parts.push(html! {
            div.table {
                table {
                    thead { tr {
                        @for (column, name) in header.iter().enumerate() {
                            th.(side(column)) scope="col" { (name) }
                        }
                    } }
                    tbody {
                        @for row in &rows { tr {
                            @for (column, cell) in row.iter().enumerate() {
                                td.(side(column)) { (self::cell(cell)) }
                            }
                        } }
                    }
                }
            }
        });
        Ok(())
    }

    fn chart(&mut self, caption: &str, bars: &Bars) -> io::Result<()> {
        let svg = PreEscaped(chart::svg(bars)?);
        self.parts.push(html! {
            figure { (svg) figcaption { (caption) } }
        });
        Ok(())
    }

    fn line(&mut self, words: &str) -> io::Result<()> {
        self.parts.push(html! { p { (seen(words)) } });
        Ok(())
    }
}

/// Words as they are seen: what turns the direction of writing, or has no width, is escaped.
fn seen(words: &str) -> String {
    key_line(words.as_bytes()).into_owned()
}

/// A name between backticks is set as one.
fn cell(text: &str) -> Markup {
    let name = text
        .strip_prefix('`')
        .and_then(|rest| rest.strip_suffix('`'));
    match name {
        Some(name) => html! { code { (seen(name)) } },
        None => html! { (seen(text)) },
    }
}
