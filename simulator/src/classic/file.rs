//! The classic download: the newest rows as a CSV file. Its columns are not documented; these are the record's. [?]

use std::borrow::Cow;

use super::ask::Ask;
use super::language;
use super::listing::{self, MEMBERS, NEWEST_FIRST};
use crate::csv;
use crate::json;
use crate::stream::Stream;
use crate::switches::{Csv, Switches};
use crate::view::View;

/// The file: newest first, at most as many rows as the cap says, whatever `size`. [D]
pub(crate) fn write(stream: &Stream, ask: &Ask, switches: &Switches, view: View) -> Vec<u8> {
    let cap = usize::try_from(switches.classic.download_cap).unwrap_or(usize::MAX);
    let most = ask.size.unwrap_or(cap).min(cap);
    let picked = listing::rows(stream, NEWEST_FIRST, switches.classic, view);
    let entries = picked
        .iter()
        .take(most)
        .filter_map(|&at| stream.entries().get(at));
    let rows = entries.map(|entry| {
        let raw = language::translate(&stream.raw(entry), &ask.language);
        row(switches.csv, &raw)
    });
    csv::file(switches.csv, &MEMBERS, rows)
}

/// One record as a row, without a line end. Null is empty; what is no string stands as JSON.
pub(crate) fn row(csv: Csv, raw: &[u8]) -> Vec<u8> {
    let cells = MEMBERS.map(|name| {
        let member = json::member(raw, name).unwrap_or_default();
        match json::text(member) {
            Some(text) => Cow::Owned(text),
            None if member == b"null" => Cow::Borrowed(""),
            None => String::from_utf8_lossy(member),
        }
    });
    csv::row(csv, &cells)
}
