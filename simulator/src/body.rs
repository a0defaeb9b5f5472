//! Spells a page: its events, its links, and what else the switches and faults put there.

use std::borrow::Cow;

use bytes::Bytes;

use crate::ask::{Ask, Turn};
use crate::dice::Dice;
use crate::fault::{Fault, LinkFault};
use crate::json;
use crate::link::{self, Origin};
use crate::page::Page;
use crate::spelling::Speller;
use crate::stream::{Entry, Stream};
use crate::switches::{Bodies, Edits, EndMarker, MemberOrder, Switches};

/// A page, and how it is to be spelled.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) ask: &'a Ask,
    pub(crate) page: &'a Page,
    pub(crate) switches: &'a Switches,
    pub(crate) origin: Origin<'a>,
    /// Changes what the page itself says, if it is a fault of that kind.
    pub(crate) spoiled: Option<&'a Fault>,
}

/// The body of a page.
pub(crate) fn page(stream: &mut Stream, asked: Asked<'_>) -> Vec<u8> {
    let Asked {
        page,
        switches,
        spoiled,
        ..
    } = asked;
    let mut speller = Speller::new(switches.bodies, stream.requests);
    let mut links = Vec::new();
    for (name, turn, leads) in [
        ("next", page.next, !page.backward),
        ("previous", page.previous, page.backward),
    ] {
        let fault = match spoiled {
            Some(Fault::Link(fault)) if leads => Some(fault),
            _ => None,
        };
        if let Some(value) = link(stream, asked, turn, fault) {
            links.push((name, value.into_bytes()));
        }
    }
    let mut members = match spoiled {
        Some(Fault::EventsMissing) => Vec::new(),
        Some(Fault::EventsNull) => vec![("auditEvents", b"null".to_vec())],
        Some(Fault::Link(LinkFault::EmptyChain)) => vec![("auditEvents", b"[]".to_vec())],
        Some(Fault::HugeEvent(bytes)) => vec![("auditEvents", huge_event(*bytes))],
        _ => vec![("auditEvents", events(stream, page, &mut speller, switches))],
    };
    let at = match switches.bodies.members {
        MemberOrder::EventsFirst => members.len(),
        MemberOrder::EventsLast => 0,
        MemberOrder::EventsBetween => {
            links.reverse();
            members.splice(0..0, links.drain(..links.len().min(1)));
            members.len()
        }
    };
    members.splice(at..at, links);
    if switches.bodies.extra_members {
        members.insert(
            0,
            (
                "links",
                br#"[{"auditEvents":[{"id":"no event"}],"next":"/nowhere"}]"#.to_vec(),
            ),
        );
        members.push(("nextPage", b"\"/nowhere\"".to_vec()));
        members.push(("totalCount", b"1e400".to_vec()));
    }
    object(&speller, members)
}

/// The same body in pieces of what is kept spelled: where a page stands in the usual order, no switch and no fault
/// makes anything else of it, and there is room to keep it. Else none.
pub(crate) fn joined(stream: &mut Stream, asked: Asked<'_>) -> Option<Vec<Bytes>> {
    let Asked {
        page,
        switches,
        spoiled,
        ..
    } = asked;
    let newest_first = |pair: &[usize]| matches!(pair, [newer, older] if *newer == older + 1);
    if spoiled.is_some() || switches.bodies != Bodies::default() || !page.picked.windows(2).all(newest_first)
    {
        return None;
    }
    let mut pieces = vec![Bytes::from_static(b"{\"auditEvents\":[")];
    pieces.extend(stream.spelled(*page.picked.last()?, *page.picked.first()?)?);
    for &at in &page.picked {
        stream.served(at);
    }
    let mut rest = b"]".to_vec();
    for (name, turn) in [("next", page.next), ("previous", page.previous)] {
        if let Some(value) = link(stream, asked, turn, None) {
            rest.extend_from_slice(format!(",\"{name}\":{value}").as_bytes());
        }
    }
    rest.push(b'}');
    pieces.push(rest.into());
    Some(pieces)
}

pub(crate) fn object(speller: &Speller, members: Vec<(&str, Vec<u8>)>) -> Vec<u8> {
    let mut out = Vec::with_capacity(members.iter().map(|(_, value)| value.len() + 64).sum());
    out.push(b'{');
    for (n, (name, value)) in members.into_iter().enumerate() {
        if n > 0 {
            speller.comma(&mut out, 1);
        } else {
            speller.line(&mut out, 1);
        }
        out.extend_from_slice(speller.key(name).as_bytes());
        speller.colon(&mut out);
        out.extend_from_slice(&value);
    }
    speller.line(&mut out, 0);
    out.push(b'}');
    out
}

/// A link as JSON; none where the member is left out.
fn link(stream: &Stream, asked: Asked<'_>, turn: Option<Turn>, fault: Option<&LinkFault>) -> Option<String> {
    let Asked {
        ask,
        switches,
        origin,
        ..
    } = asked;
    if let Some(fault) = fault {
        let turn = turn.unwrap_or(Turn::Before(crate::stream::Key {
            ticks: ask.to,
            rank: 0,
        }));
        let link = link::write(&stream.home, ask, turn, switches.links, origin);
        return Some(link::spoil(&link, fault, &stream.home, ask, origin));
    }
    match (turn, switches.links.end) {
        (Some(turn), _) => Some(json::quoted(&link::write(
            &stream.home,
            ask,
            turn,
            switches.links,
            origin,
        ))),
        (None, EndMarker::Null) => Some("null".to_owned()),
        (None, EndMarker::Absent) => None,
        (None, EndMarker::Empty) => Some("\"\"".to_owned()),
    }
}

/// The array of events.
fn events(stream: &mut Stream, page: &Page, speller: &mut Speller, switches: &Switches) -> Vec<u8> {
    let mut out = Vec::with_capacity(page.picked.len() * 1024);
    out.push(b'[');
    for (n, &at) in page.picked.iter().enumerate() {
        if n > 0 {
            speller.comma(&mut out, 2);
        } else {
            speller.line(&mut out, 2);
        }
        let Some(entry) = stream.entries().get(at).cloned() else {
            continue;
        };
        let raw = stream.raw(&entry);
        let summary = edit(&raw, &entry, switches.bodies.edits, stream.requests);
        if summary.is_none() && speller.is_plain() {
            stream.served(at);
            out.extend_from_slice(&raw);
            continue;
        }
        let spelled = speller.event(&raw, 2, summary.as_deref());
        stream.note(entry.index, &spelled);
        out.extend_from_slice(&spelled);
    }
    if !page.picked.is_empty() {
        speller.line(&mut out, 1);
    }
    out.push(b']');
    out
}

/// The summary in place of the recorded one, if the event is one that changes.
fn edit(raw: &Bytes, entry: &Entry, edits: Edits, call: u64) -> Option<String> {
    let after = match edits {
        Edits::Never => return None,
        Edits::Volatile => 0,
        Edits::OnceAfterRequests(n) => u64::from(n),
    };
    if !Dice::of(u64::from(entry.index), 13).once_in(5) || call <= after {
        return None;
    }
    let told: Cow<'_, [u8]> = json::member(raw, "eventSummary").unwrap_or_default().into();
    let told = json::text(&told).unwrap_or_default();
    Some(match edits {
        Edits::Volatile => format!("{told} (read {call})"),
        _ => format!("{told} (edited)"),
    })
}

fn huge_event(bytes: usize) -> Vec<u8> {
    let id = crate::dice::guid_text(Dice::new(4).guid());
    let event = format!(
        r#"[{{"id":"{id}","createdOn":"2025-01-01T00:00:00.000Z","eventDetails":"{}"}}]"#,
        "x".repeat(bytes)
    );
    event.into_bytes()
}
