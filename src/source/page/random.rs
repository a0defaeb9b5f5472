//! Pages of random JSON, read in one walk and byte by byte: the same events, links and refusals.

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use super::*;
use crate::{
    event::{digest16, hex, read_time},
    json::{MAX_DEPTH, slow::Slow},
};

const KEYS: [&str; 18] = [
    "id",
    "ID",
    "Id",
    "id",
    "createdOn",
    "CREATEDON",
    "createdOn",
    "a",
    "b",
    "aa",
    "",
    "\\u0069d",
    "\\\"",
    "é",
    "clientInfo",
    "auditEvents",
    "next",
    "z\\n",
];
const TOKENS: [&str; 19] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1e400",
    "-1.50E-7",
    "123456789012345678901234567890",
    "\"\"",
    "\"x\"",
    "\"2026-01-02T03:04:05.678Z\"",
    "\"2026-01-02T03:04:05+01:00\"",
    "\"\\ud800\"",
    "\"\\u00e9\"",
    "\"é\"",
    "\"a\\\"b\\\\c\\nd\"",
    "\"b5441519-32b0-4ab4-8737-926420ca79c7\"",
    "\"}{,:[]\"",
    "\"\u{7f}\u{80}\"",
];

struct Maker(SmallRng);

impl Maker {
    fn one_of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.0.random_range(0..list.len())]
    }

    fn space(&mut self, out: &mut Vec<u8>) {
        if self.0.random_ratio(1, 12) {
            out.extend(self.one_of(&[" ", "\n", "\r\n", "\t  ", "\n\n "]).bytes());
        }
    }

    fn value(&mut self, depth: usize, out: &mut Vec<u8>) {
        match self.0.random_range(0..10) {
            0..=2 if depth < 5 => self.object(depth, out),
            3 if depth < 5 => self.list(depth, out, |maker, out| maker.value(depth + 1, out)),
            4 if depth == 2 && self.0.random_ratio(1, 50) => {
                let levels = MAX_DEPTH - 2 + self.0.random_range(0..2);
                out.extend("[".repeat(levels).bytes().chain("]".repeat(levels).bytes()));
            }
            5 => {
                // Bytes that are no UTF-8 are kept, too.
                let length = self.0.random_range(0..30);
                out.push(b'"');
                out.extend((0..length).map(|_| self.0.random_range(0x5du8..=0xff)));
                out.push(b'"');
            }
            _ => out.extend(self.one_of(&TOKENS).bytes()),
        }
    }

    fn object(&mut self, depth: usize, out: &mut Vec<u8>) {
        out.push(b'{');
        for index in 0..self.0.random_range(0..8) {
            if index > 0 {
                out.push(b',');
            }
            let key = self.one_of(&KEYS);
            self.member(key, out, |maker, out| maker.value(depth + 1, out));
        }
        self.space(out);
        out.push(b'}');
    }

    fn member(&mut self, key: &str, out: &mut Vec<u8>, value: impl FnOnce(&mut Self, &mut Vec<u8>)) {
        self.space(out);
        out.extend(format!("\"{key}\"").bytes());
        self.space(out);
        out.push(b':');
        self.space(out);
        value(self, out);
        self.space(out);
    }

    fn list(&mut self, _depth: usize, out: &mut Vec<u8>, mut value: impl FnMut(&mut Self, &mut Vec<u8>)) {
        out.push(b'[');
        for index in 0..self.0.random_range(0..6) {
            if index > 0 {
                out.push(b',');
            }
            self.space(out);
            value(self, out);
            self.space(out);
        }
        out.push(b']');
    }

    fn page(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.0.random_ratio(1, 20) {
            out.extend(b"\xef\xbb\xbf");
        }
        self.space(&mut out);
        out.push(b'{');
        for index in 0..self.0.random_range(1..5) {
            if index > 0 {
                out.push(b',');
            }
            let key = self.one_of(&[
                "auditEvents",
                "auditEvents",
                "AuditEvents",
                "next",
                "previous",
                "Next",
                "x",
            ]);
            self.member(key, &mut out, |maker, out| {
                if key.len() == 11 && maker.0.random_ratio(9, 10) {
                    maker.list(2, out, |maker, out| maker.value(2, out));
                } else {
                    maker.value(1, out);
                }
            });
        }
        out.push(b'}');
        self.space(&mut out);
        if self.0.random_ratio(1, 3) {
            self.spoil(&mut out);
        }
        out
    }

    fn spoil(&mut self, out: &mut Vec<u8>) {
        let at = self.0.random_range(0..out.len());
        let byte = match self.0.random_range(0..3) {
            0 => self.0.random_range(0..=255),
            _ => b"\"\\{}[],:0eu\n -."[self.0.random_range(0..15)],
        };
        match self.0.random_range(0..4) {
            0 => out.insert(at, byte),
            1 => drop(out.remove(at)),
            2 => out.truncate(at),
            _ => out[at] = byte,
        }
    }
}

/// Id, time, fingerprint and bytes, as they were read before there was one walk.
type Seen = (String, Option<crate::clock::Time>, [u8; 16], Vec<u8>);

fn slow_event(event: Slow<'_>) -> Seen {
    let fingerprint = event.fingerprint();
    let text = |value: Slow<'_>| {
        Value::parse(value.0)
            .unwrap()
            .text()
            .map(|text| text.into_owned())
    };
    let id = event.member("id").filter(|id| id.0 != b"null");
    let id = id.map(|id| text(id).unwrap_or_else(|| String::from_utf8_lossy(id.0).into_owned()));
    let time = event.member("createdOn").and_then(text);
    (
        id.filter(|id| !id.is_empty())
            .unwrap_or_else(|| hex(&fingerprint)),
        time.and_then(|time| read_time(&time)),
        fingerprint,
        event
            .0
            .iter()
            .copied()
            .filter(|byte| !matches!(byte, b'\n' | b'\r'))
            .collect(),
    )
}

fn slow_page(body: &[u8]) -> Result<(Vec<Seen>, [Option<String>; 2]), PageError> {
    let whole = Slow::parse(body).map_err(PageError::Json)?;
    let list = whole
        .member("auditEvents")
        .filter(|list| list.0[0] == b'[')
        .ok_or(PageError::NoEvents)?;
    let link = |name| match whole.member(name).filter(|link| link.0 != b"null") {
        None => Ok(None),
        Some(link) => match Value::parse(link.0).unwrap().text() {
            Some(text) => Ok(Some(text.into_owned()).filter(|text| !text.is_empty())),
            None => Err(PageError::Link(name)),
        },
    };
    let events = list.parts().into_iter().map(slow_event).collect();
    Ok((events, [link("next")?, link("previous")?]))
}

#[test]
fn one_walk_sees_what_many_see() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut maker = Maker(SmallRng::seed_from_u64(seed));
    let (mut pages, mut events, mut refused) = (0, 0, 0);
    for _ in 0..20_000 {
        let body = maker.page();
        let shown = String::from_utf8_lossy(&body).into_owned();
        let fast = Page::parse(&Bytes::from(body.clone())).map(|page| {
            let seen = page.events.iter().map(|event| {
                assert_eq!(event.identity, digest16(event.id().as_bytes()));
                (
                    event.id().into_owned(),
                    event.time,
                    event.fingerprint,
                    event.raw.to_vec(),
                )
            });
            (seen.collect::<Vec<Seen>>(), [page.next, page.previous])
        });
        assert_eq!(fast, slow_page(&body), "{shown}");
        match fast {
            Ok((seen, _)) => (pages, events) = (pages + 1, events + seen.len()),
            Err(_) => refused += 1,
        }
    }
    assert!(
        pages > 2000 && events > 5000 && refused > 2000,
        "{pages} {events} {refused}"
    );
}
