//! Spells a page of the classic list.

use super::ask::Ask;
use super::language;
use super::listing::Page;
use crate::fault::Fault;
use crate::spelling::Speller;
use crate::stream::Stream;
use crate::switches::{MemberOrder, NoResults, Switches};

/// The body of a page. `spoiled` changes what the page itself says, if it is a fault of that kind.
pub(crate) fn page(
    stream: &mut Stream,
    ask: &Ask,
    page: &Page,
    switches: &Switches,
    spoiled: Option<&Fault>,
) -> Vec<u8> {
    let mut speller = Speller::new(switches.bodies, stream.requests);
    let total = page
        .total
        .map(|total| total.map_or_else(|| "null".to_owned(), |n| n.to_string()));
    let results = match spoiled {
        Some(Fault::EventsMissing) => None,
        Some(Fault::EventsNull) => Some(b"null".to_vec()),
        Some(Fault::HugeEvent(bytes)) => Some(huge_row(*bytes)),
        _ if page.picked.is_empty() && switches.classic.no_results == NoResults::Null => {
            Some(b"null".to_vec())
        }
        _ => Some(rows(stream, ask, page, &mut speller)),
    };
    let mut members = Vec::new();
    members.extend(total.map(|total| ("totalCount", total.into_bytes())));
    members.extend(results.map(|results| ("results", results)));
    if switches.bodies.members != MemberOrder::EventsFirst {
        members.reverse();
    }
    if switches.bodies.extra_members {
        members.insert(0, ("value", br#"[{"createdOn":"no row"}]"#.to_vec()));
        members.push(("count", b"1e400".to_vec()));
        members.push(("nextLink", b"\"/nowhere\"".to_vec()));
    }
    crate::body::object(&speller, members)
}

/// The array of rows. Other languages than English are not kept as spellings: the truth is English.
fn rows(stream: &mut Stream, ask: &Ask, page: &Page, speller: &mut Speller) -> Vec<u8> {
    let english = language::is_english(&ask.language);
    let mut out = Vec::with_capacity(page.picked.len() * 512);
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
        if !english {
            let raw = language::translate(&raw, &ask.language);
            out.extend_from_slice(&speller.event(&raw, 2, None));
        } else if speller.is_plain() {
            stream.served(at);
            out.extend_from_slice(&raw);
        } else {
            let spelled = speller.event(&raw, 2, None);
            stream.note(entry.index, &spelled);
            out.extend_from_slice(&spelled);
        }
    }
    if !page.picked.is_empty() {
        speller.line(&mut out, 1);
    }
    out.push(b']');
    out
}

fn huge_row(bytes: usize) -> Vec<u8> {
    let text = "x".repeat(bytes);
    format!(r#"[{{"createdOn":"2025-01-01T00:00:00.0000000+00:00","auditLogDetails":"{text}"}}]"#)
        .into_bytes()
}
