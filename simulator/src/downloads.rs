//! The unified CSV download: which events stand in the file, and the row of each. What is documented are the window
//! and the most rows; columns are plausible ones. [?]

use crate::ask::Ask;
use crate::csv;
use crate::fault::{CutAt, Fault};
use crate::instant;
use crate::json;
use crate::page;
use crate::reply::{Manner, Reply};
use crate::stream::{Entry, EventIndex, Stream};
use crate::switches::{Csv, Framing, Over, RowOrder, Switches, Wrapping};
use crate::view::View;
use crate::zipped::{self, Style};

/// The parameters it knows; others have no effect. [D]
const PARAMETERS: [&str; 7] = ["from", "to", "source", "target", "type", "userIds", "status"];

const COLUMNS: &[&str] = &[
    "id",
    "createdOn",
    "organizationName",
    "tenantName",
    "eventSource",
    "eventTarget",
    "eventType",
    "status",
    "actorId",
    "actorName",
    "actorEmail",
    "eventSummary",
    "eventDetails",
    "ipAddress",
    "ipCountry",
];

/// The query without what has no effect.
pub(crate) fn known(query: &str) -> String {
    let is_known = |name: &str| PARAMETERS.iter().any(|known| known.eq_ignore_ascii_case(name));
    let pairs = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| is_known(name));
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// What of a stream can stand in a file.
pub(crate) fn view(now: i64, switches: &Switches) -> View {
    let live = View::live(now, switches);
    let window = switches.downloads.window.map(instant::days);
    View {
        look_back: live.look_back.into_iter().chain(window).min(),
        ..live
    }
}

/// The rows of a file, in its order; none if there are too many and the switches refuse that.
pub(crate) fn rows(stream: &Stream, ask: &Ask, switches: &Switches, view: View) -> Option<Vec<Vec<u8>>> {
    let downloads = switches.downloads;
    let most = usize::try_from(downloads.most_rows).unwrap_or(usize::MAX);
    let newest = downloads.over != Over::Oldest;
    let mut found = page::search(stream, ask, switches.pages, view, newest, most.saturating_add(1));
    if found.len() > most && downloads.over == Over::Refused {
        return None;
    }
    found.truncate(most);
    found.sort_unstable();
    if downloads.order == RowOrder::NewestFirst {
        found.reverse();
    }
    let entries = found.into_iter().filter_map(|at| stream.entries().get(at));
    Some(entries.map(|entry| row(stream, entry, switches.csv)).collect())
}

/// The row of every event of a stream, oldest first.
pub(crate) fn all_rows(stream: &Stream, csv: Csv) -> Vec<(EventIndex, Vec<u8>)> {
    let entries = stream.entries().iter();
    entries
        .map(|entry| (entry.index, row(stream, entry, csv)))
        .collect()
}

fn row(stream: &Stream, entry: &Entry, csv: Csv) -> Vec<u8> {
    let live = stream.raw(entry);
    let client = json::member(&live, "clientInfo").map(|client| match json::text(client) {
        Some(text) => text.into_bytes(),
        None => client.to_vec(),
    });
    let client = client.unwrap_or_default();
    let cells = COLUMNS.iter().map(|name| match *name {
        "ipAddress" | "ipCountry" => cell(&client, name),
        name => cell(&live, name),
    });
    csv::row(csv, &cells.collect::<Vec<_>>())
}

/// A text without its quotation marks, nothing for null, anything else as it is spelled.
fn cell(object: &[u8], name: &str) -> String {
    match json::member(object, name) {
        None | Some(b"null") => String::new(),
        Some(value) => json::text(value).unwrap_or_else(|| String::from_utf8_lossy(value).into_owned()),
    }
}

/// The reply that carries the rows, whole or as the fault has it.
pub(crate) fn reply(rows: &[Vec<u8>], switches: &Switches, now: i64, fault: Option<&Fault>) -> Reply {
    let csv = switches.csv;
    let file = csv::file(csv, COLUMNS, rows.iter().cloned());
    let cut = match fault {
        Some(Fault::Short(at, framing)) => Some((place(rows, csv, *at), *framing)),
        _ => None,
    };
    let mut reply = csv::reply(csv, "AuditEvents", instant::date(now), file);
    let mut cut = cut.map(|(at, framing)| (at.min(reply.body.len()), framing));
    if switches.downloads.wrapping == Wrapping::Zip {
        let file = std::mem::take(&mut reply.body);
        reply.body = zipped::pack(&[("AuditEvents.csv".to_owned(), file)], Style::default());
        cut = cut.map(|(_, framing)| (reply.body.len() / 2, framing));
        for (name, value) in &mut reply.headers {
            match *name {
                "content-type" => "application/zip".clone_into(value),
                _ => *value = value.replace(".csv", ".zip"),
            }
        }
    }
    match cut {
        None => {}
        Some((at, Framing::Length)) => reply.manner = Manner::CutOff(at),
        Some((at, Framing::Chunked)) => reply.manner = Manner::CutOffChunked(at),
        Some((at, Framing::UntilClose)) => {
            reply.body.truncate(at);
            reply.manner = Manner::Whole(Framing::UntilClose);
        }
    }
    reply
}

/// Where a file breaks off: in the middle row, or the first after it that has such a place.
fn place(rows: &[Vec<u8>], csv: Csv, at: CutAt) -> usize {
    let csv = Csv {
        last_line_end: true,
        ..csv
    };
    let middle = rows.len() / 2;
    let before = |row: usize| csv::file(csv, COLUMNS, rows.iter().take(row).cloned()).len();
    if at == CutAt::RowEnd {
        return before(middle);
    }
    let mut candidates = (middle..rows.len()).chain(0..middle);
    let found = candidates.find_map(|n| {
        let places = places(rows.get(n)?, at == CutAt::InQuotes);
        Some((n, *places.get(places.len() / 2)?))
    });
    found.map_or(0, |(n, place)| before(n) + place)
}

/// Places within a row, either inside of quotation marks or outside.
fn places(row: &[u8], quoted: bool) -> Vec<usize> {
    let mut inside = false;
    let mut places = Vec::new();
    for (n, byte) in row.iter().enumerate() {
        if n > 0 && inside == quoted {
            places.push(n);
        }
        inside ^= *byte == b'"';
    }
    places
}
