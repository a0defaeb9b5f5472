//! The long-term store: the events of a stream in another schema, packed by UTC day, some time after they happened.

use std::collections::{BTreeMap, BTreeSet};

use crate::ask::Ask;
use crate::cloud::{Home, StreamId};
use crate::dice::{Dice, guid_text};
use crate::fault::ZipFault;
use crate::instant::{self, DAY, SECOND};
use crate::json::{self, Node};
use crate::spelling::Speller;
use crate::stream::{Entry, Stream};
use crate::switches::{
    Arrival, Bodies, Casing, DateSpelling, EmptyDay, Entries, EntryNames, Fraction, Identifier, LagFrom,
    LongTerm, RecordOrder, Strays, Zone,
};
use crate::truth::{TruthEvent, one_line};
use crate::view::View;
use crate::zipped::{self, Style};

/// Most days that get an entry of their own although they are empty.
const MOST_EMPTY_DAYS: usize = 1000;

/// Whole UTC days, by their midnights; both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    first: i64,
    last: i64,
}

impl Span {
    /// The days of the bounds. [D]
    pub(crate) fn of(ask: &Ask, now: i64, switches: &LongTerm) -> Self {
        let oldest = now.saturating_sub(instant::days(switches.retention_days));
        Self {
            first: instant::midnight(ask.from.unwrap_or(oldest)),
            last: instant::midnight(ask.to),
        }
    }

    fn days(self) -> impl Iterator<Item = i64> {
        std::iter::successors(Some(self.first), |day| day.checked_add(DAY))
            .take_while(move |day| *day <= self.last)
    }
}

/// Days that take the server too long.
#[derive(Debug, Default)]
pub(crate) struct Load {
    pub(crate) heavy: BTreeSet<(StreamId, i64)>,
    asked: BTreeMap<(StreamId, i64), u16>,
}

impl Load {
    /// Whether the request runs into the gateway's time limit: the first so many for each day do, and all that
    /// touch a heavy one.
    pub(crate) fn times_out(&mut self, stream: &StreamId, span: Span, first: u16) -> bool {
        let inside = |(id, day): &(StreamId, i64)| id == stream && (span.first..=span.last).contains(day);
        let asked = self.asked.entry((stream.clone(), span.first)).or_default();
        *asked = asked.saturating_add(1);
        *asked <= first || self.heavy.iter().any(inside)
    }
}

/// The archive of some days; none where there is nothing to say and the switches want no archive for that.
pub(crate) fn archive(
    stream: &Stream,
    span: Span,
    switches: &LongTerm,
    now: i64,
    fault: Option<&ZipFault>,
) -> Option<Vec<u8>> {
    let style = Style {
        packing: switches.packing,
        streamed: switches.streamed,
        zip64: switches.zip64,
        fault,
    };
    let start = stream
        .entries()
        .partition_point(|entry| entry.key.ticks < span.first);
    let entries = stream.entries().iter().skip(start);
    let entries: Vec<&Entry> = entries
        .take_while(|entry| entry.key.ticks - span.last < DAY)
        .filter(|entry| is_there(stream, entry, switches, now))
        .collect();
    let mut files = Vec::new();
    for day in entries.chunk_by(|a, b| day_of(a) == day_of(b)) {
        day_files(&mut files, stream, day, switches);
    }
    if files.is_empty() {
        match switches.empty {
            EmptyDay::EmptyZip => {}
            EmptyDay::EmptyArray => {
                let days = span.days().take(MOST_EMPTY_DAYS);
                files = days
                    .map(|day| (name(day, "", ".txt", switches), text(&[], switches)))
                    .collect();
            }
            EmptyDay::EmptyBody | EmptyDay::NoContent => return None,
        }
    }
    Some(zipped::pack(&files, style))
}

/// What the store holds or will hold, oldest first.
pub(crate) fn truth(stream: &Stream, switches: &LongTerm, now: i64) -> Vec<TruthEvent> {
    let entries = stream.entries().iter();
    let ours = entries.filter(|entry| match switches.strays {
        Strays::OnlyLive(every) => !Stream::is_stray(entry, every),
        Strays::None | Strays::OnlyLongTerm(_) => true,
    });
    ours.map(|entry| {
        let raw = one_line(&record(stream, entry, switches));
        TruthEvent {
            index: entry.index,
            id: json::member(&raw, "Identifier").and_then(json::text),
            instant: instant::date(entry.key.ticks),
            created_on: json::member(&raw, "DateCreatedUtc").and_then(json::text),
            versions: vec![raw.clone()],
            raw,
            visible: is_there(stream, entry, switches, now),
        }
    })
    .collect()
}

fn is_there(stream: &Stream, entry: &Entry, switches: &LongTerm, now: i64) -> bool {
    let ticks = entry.key.ticks;
    let lag = i64::from(switches.lag_hours) * 3600 * SECOND;
    let since = match switches.lag_from {
        LagFrom::DayEnd => instant::midnight(ticks) + DAY + lag,
        LagFrom::Event => ticks + lag,
    };
    let view = View {
        now,
        arrival: Arrival::AtOnce,
        look_back: Some(instant::days(switches.retention_days)),
        without: match switches.strays {
            Strays::OnlyLive(every) => Some(every),
            Strays::None | Strays::OnlyLongTerm(_) => None,
        },
    };
    now >= since && stream.sees(entry, view)
}

fn day_of(entry: &Entry) -> i64 {
    instant::midnight(entry.key.ticks)
}

fn hour_of(entry: &Entry) -> i64 {
    entry.key.ticks.rem_euclid(DAY) / (3600 * SECOND)
}

/// Adds the entries of one day.
fn day_files(files: &mut Vec<(String, Vec<u8>)>, stream: &Stream, day: &[&Entry], switches: &LongTerm) {
    let Some(midnight) = day.first().map(|entry| day_of(entry)) else {
        return;
    };
    let spell = |part: &[&Entry]| {
        let mut records: Vec<Vec<u8>> = part.iter().map(|entry| record(stream, entry, switches)).collect();
        match switches.order {
            RecordOrder::OldestFirst => {}
            RecordOrder::NewestFirst => records.reverse(),
            RecordOrder::Shuffled => Dice::of(midnight.unsigned_abs(), 19).shuffle(&mut records),
        }
        text(&records, switches)
    };
    let plain = name(midnight, "", ".txt", switches);
    if switches.entries == Entries::Day {
        files.push((plain, spell(day)));
        return;
    }
    let style = Style {
        packing: switches.packing,
        ..Style::default()
    };
    for (n, hour) in day.chunk_by(|a, b| hour_of(a) == hour_of(b)).enumerate() {
        let told = spell(hour);
        let h = hour.first().map_or(0, |entry| hour_of(entry));
        files.push(match switches.entries {
            Entries::Day | Entries::OneName => (plain.clone(), told),
            Entries::Numbered => (name(midnight, "", &format!("_{n}.txt"), switches), told),
            Entries::Folders => (name(midnight, &format!("{n}/"), ".txt", switches), told),
            Entries::ZipPerHour | Entries::ZipPerHourOneName => {
                let ending = match switches.entries {
                    Entries::ZipPerHour => format!("-{h:02}.zip"),
                    _ => ".zip".to_owned(),
                };
                let inner = zipped::pack(&[(plain.clone(), told)], style);
                (name(midnight, "", &ending, switches), inner)
            }
        });
    }
}

/// The name of an entry of that day.
fn name(midnight: i64, folder: &str, ending: &str, switches: &LongTerm) -> String {
    let start = match switches.names {
        EntryNames::Day => "",
        EntryNames::Climbing => "../../",
        EntryNames::Absolute => "/tmp/",
        EntryNames::Backslashes => "..\\..\\",
    };
    let day = instant::date(midnight).format("%Y-%m-%d");
    format!("{start}{folder}{day}{ending}")
}

/// The content of an entry: a JSON array.
fn text(records: &[Vec<u8>], switches: &LongTerm) -> Vec<u8> {
    let speller = speller(switches);
    let mut out = if switches.bom {
        b"\xef\xbb\xbf".to_vec()
    } else {
        Vec::new()
    };
    out.push(b'[');
    for (n, record) in records.iter().enumerate() {
        if n > 0 {
            speller.comma(&mut out, 1);
        } else {
            speller.line(&mut out, 1);
        }
        out.extend_from_slice(record);
    }
    if !records.is_empty() {
        speller.line(&mut out, 0);
    }
    out.push(b']');
    out
}

fn speller(switches: &LongTerm) -> Speller {
    let bodies = Bodies {
        layout: switches.layout,
        ..Bodies::default()
    };
    Speller::new(bodies, 0)
}

/// A record as the store spells it, each time alike. An event that is no JSON object stays as it is.
fn record(stream: &Stream, entry: &Entry, switches: &LongTerm) -> Vec<u8> {
    let live = stream.raw(entry);
    if !matches!(json::parse(&live), Some(Node::Object(_))) {
        return live.to_vec();
    }
    let mut out = Vec::with_capacity(live.len());
    for (key, value) in members(&stream.home, &live, entry, switches) {
        out.push(if out.is_empty() { b'{' } else { b',' });
        let key = match (switches.casing, key.split_at_checked(1)) {
            (Casing::Camel, Some((first, rest))) => format!("{}{rest}", first.to_ascii_lowercase()),
            _ => key.to_owned(),
        };
        out.extend_from_slice(json::quoted(&key).as_bytes());
        out.push(b':');
        out.extend_from_slice(&value);
    }
    out.push(b'}');
    let mut speller = speller(switches);
    if speller.is_plain() {
        return out;
    }
    speller.event(&out, 1, None)
}

/// The members [D], with the values that the live endpoints tell [I]. `ActorDetails` is [?].
fn members<'a>(home: &Home, live: &[u8], entry: &Entry, switches: &LongTerm) -> Vec<(&'a str, Vec<u8>)> {
    let told = |name: &str| json::member(live, name).unwrap_or(b"null").to_vec();
    let tenant = home
        .tenant
        .as_ref()
        .map_or_else(|| "null".to_owned(), |tenant| json::quoted(&tenant.id));
    let (fraction, zone) = match switches.date {
        DateSpelling::Z => (7, Zone::Z),
        DateSpelling::NoZone => (7, Zone::None),
        DateSpelling::Millis => (3, Zone::Z),
        DateSpelling::Offset => (7, Zone::PlusZero),
    };
    let date = instant::spell(entry.key.ticks, Fraction::Digits(fraction), zone);
    let identifier = match switches.identifier {
        Identifier::Live => told("id"),
        Identifier::Other => {
            let [low, high] = [entry.key.rank, entry.key.rank >> 64]
                .map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0));
            json::quoted(&guid_text(Dice::of(low ^ 23, high).guid())).into_bytes()
        }
    };
    let mut members = vec![
        ("OrganizationId", json::quoted(&home.organization.id).into_bytes()),
        ("TenantId", tenant.into_bytes()),
        ("ActorId", told("actorId")),
        ("ActorEmail", told("actorEmail")),
        ("ActorDetails", br#""{\"type\":\"User\"}""#.to_vec()),
        ("EventDetails", told("eventDetails")),
        ("Status", told("status")),
        ("Identifier", identifier),
        ("DateCreatedUtc", json::quoted(&date).into_bytes()),
        ("User", told("actorName")),
        ("Action", told("eventType")),
        ("Source", told("eventSource")),
        ("Category", told("eventTarget")),
        ("ClientInformation", told("clientInfo")),
    ];
    if switches.extra_members {
        members.insert(0, ("Version", b"1.0".to_vec()));
        members.push(("EventType", b"null".to_vec()));
        members.push((
            "Related",
            br#"[{"Identifier":"no event","DateCreatedUtc":null}]"#.to_vec(),
        ));
    }
    members
}
