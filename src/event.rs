//! An audit event: the server's bytes, and the three things read out of them (id, time, fingerprint).

use std::borrow::Cow;

use bytes::Bytes;
use chrono::{DateTime, NaiveDateTime, SubsecRound as _, Utc};
use sha2::{Digest as _, Sha256};

use crate::{
    clock::Time,
    json::{Form, JsonError, Reader, Value},
};

mod usual;

/// The first 16 bytes of a SHA-256.
pub type Digest16 = [u8; 16];

/// How an API spells its records: where the id and the time stand in them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Schema {
    /// `query/events`: `id` and `createdOn`.
    Unified,
    /// `auditlogs`: `createdOn` and no id. Records may be alike, and each of them counts.
    Classic,
    /// `query/downloadeventsfromlongtermstore`: `Identifier` and `DateCreatedUtc`.
    LongTerm,
}

impl Schema {
    fn id(self) -> Option<&'static str> {
        match self {
            Self::Unified => Some("id"),
            Self::Classic => None,
            Self::LongTerm => Some("Identifier"),
        }
    }

    fn time(self) -> &'static str {
        match self {
            Self::Unified | Self::Classic => "createdOn",
            Self::LongTerm => "DateCreatedUtc",
        }
    }
}

/// One event. Equal events have equal ids and fingerprints.
#[derive(Clone, Debug)]
pub struct Event {
    /// The server's bytes, line breaks between tokens removed, nothing else. No line break at the end.
    pub raw: Bytes,
    /// Its time as an instant. None: missing or unreadable.
    pub time: Option<Time>,
    /// Which event it is: a digest of `id`.
    pub identity: Digest16,
    /// What it says: a digest of the content, whatever the order of members and white space.
    pub fingerprint: Digest16,
    id: Id,
    schema: Schema,
}

/// Where an id is.
#[derive(Clone, Debug)]
enum Id {
    /// As it is spelled: so many bytes from there on in the event.
    Spelled { at: u32, length: u32 },
    /// Decoded, or made.
    Own(Box<str>),
}

impl Event {
    /// Reads one event.
    ///
    /// # Errors
    /// If `raw` is not JSON. Anything that is JSON is an event.
    pub fn parse(raw: Bytes, schema: Schema) -> Result<Self, JsonError> {
        Parser::new(schema).parse(&raw)
    }

    /// Its id, decoded; where it is missing, null or empty, the fingerprint in hexadecimal.
    #[must_use]
    pub fn id(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.id_bytes())
    }

    fn id_bytes(&self) -> &[u8] {
        match &self.id {
            Id::Spelled { at, length } => {
                let (at, length) = (*at as usize, *length as usize);
                self.raw.get(at..at + length).unwrap_or_default()
            }
            Id::Own(id) => id.as_bytes(),
        }
    }

    /// The order of events in an object: time, then id, then content. Events without a time come first.
    #[must_use]
    pub fn order(&self) -> (Option<Time>, &[u8], &[u8]) {
        (self.time, self.id_bytes(), &self.raw)
    }

    /// What it takes in memory, in bytes: its own, and its id, digests and place in a list.
    #[must_use]
    pub fn weight(&self) -> usize {
        let id = match &self.id {
            Id::Spelled { .. } => 0,
            Id::Own(id) => 2 * id.len(),
        };
        self.raw.len() + id + size_of::<Self>()
    }

    /// Its time as the server spelled it, if it is a string.
    #[must_use]
    pub fn created_on(&self) -> Option<String> {
        let value = Value::parse(&self.raw).ok()?;
        value.member(self.schema.time())?.text().map(Cow::into_owned)
    }

    /// What the checkpoint remembers of it.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            time: self.time,
            identity: self.identity,
            fingerprint: self.fingerprint,
        }
    }
}

impl Id {
    /// `id` may be a part of `bare`, the event as the server spelled it. `is_broken`: line breaks are taken out of that.
    fn of(id: Cow<'_, str>, bare: &[u8], is_broken: bool) -> Self {
        if let Cow::Borrowed(part) = id
            && !is_broken
            && let Some(at) = part.as_ptr().addr().checked_sub(bare.as_ptr().addr())
            && bare.get(at..at.saturating_add(part.len())) == Some(part.as_bytes())
            && let (Ok(at), Ok(length)) = (u32::try_from(at), u32::try_from(part.len()))
        {
            return Self::Spelled { at, length };
        }
        Self::Own(id.into())
    }
}

/// Reads one event after another, in memory that is used again.
#[derive(Debug)]
pub struct Parser {
    schema: Schema,
    form: Form,
}

impl Parser {
    /// For events of that schema.
    #[must_use]
    pub fn new(schema: Schema) -> Self {
        let form = Form::default();
        Self { schema, form }
    }

    /// Reads a text that is one event.
    ///
    /// # Errors
    /// If it is not JSON. Anything that is JSON is an event.
    pub fn parse(&mut self, raw: &Bytes) -> Result<Event, JsonError> {
        Reader::whole(raw, |reader| Ok(self.next(reader, raw)?.0))
    }

    /// Reads the event that `reader` stands before, and how many bytes it has there. `whole` is the text it reads.
    ///
    /// # Errors
    /// If it is not JSON.
    pub fn next(&mut self, reader: &mut Reader<'_>, whole: &Bytes) -> Result<(Event, usize), JsonError> {
        let schema = self.schema;
        let formed = reader.formed(&mut self.form)?;
        let fingerprint = formed.fingerprint();
        let id = schema
            .id()
            .and_then(|name| formed.member(name))
            .filter(|id| !id.is_null())
            .map(|id| id.text().unwrap_or_else(|| String::from_utf8_lossy(id.raw())))
            .filter(|id| !id.is_empty())
            .unwrap_or_else(|| Cow::Owned(hex(&fingerprint)));
        let time = formed
            .member(schema.time())
            .and_then(Value::text)
            .and_then(|text| read_time(&text));
        let bare = formed.value.raw();
        let raw = if formed.is_broken {
            // A string cannot hold a bare line break: every one of them stands between tokens.
            bare.iter()
                .copied()
                .filter(|byte| !matches!(byte, b'\n' | b'\r'))
                .collect()
        } else {
            whole.slice_ref(bare)
        };
        let event = Event {
            raw,
            identity: digest16(id.as_bytes()),
            id: Id::of(id, bare, formed.is_broken),
            time,
            fingerprint,
            schema,
        };
        Ok((event, bare.len()))
    }
}

/// What is remembered of an archived event, to know it again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Mark {
    /// Its time, if it has one.
    pub time: Option<Time>,
    /// Which event it is.
    pub identity: Digest16,
    /// What it says.
    pub fingerprint: Digest16,
}

/// Reads a time as UiPath's services spell it: ISO 8601 with any number of fraction digits (more than nine are cut), any
/// offset, and UTC where there is none. None if it is unreadable.
#[must_use]
pub fn read_time(text: &str) -> Option<Time> {
    if let Some(time) = usual::time(text.as_bytes()) {
        return Some(time);
    }
    let text = text.trim();
    let utc = |time: DateTime<chrono::FixedOffset>| time.with_timezone(&Utc);
    DateTime::parse_from_rfc3339(text)
        .map(utc)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%#z").map(utc))
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map(|time| time.and_utc()))
        .ok()
}

/// The whole millisecond at or before a time.
#[must_use]
pub fn floor(time: Time) -> Time {
    time.trunc_subsecs(3)
}

/// The first 16 bytes of the SHA-256 of `bytes`.
#[must_use]
pub fn digest16(bytes: &[u8]) -> Digest16 {
    let mut short = Digest16::default();
    short.copy_from_slice(Sha256::digest(bytes).get(..16).unwrap_or(&[0; 16]));
    short
}

/// Bytes in lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &'static str) -> Event {
        Event::parse(Bytes::from_static(text.as_bytes()), Schema::Unified).unwrap()
    }

    #[test]
    fn keeps_every_byte_but_line_breaks_between_tokens() {
        let kept = event("{\r\n  \"id\": \"a\\nb\",\n  \"n\": 1e400 }");
        assert_eq!(&kept.raw[..], b"{  \"id\": \"a\\nb\",  \"n\": 1e400 }");
        assert_eq!(kept.id(), "a\nb");
    }

    #[test]
    fn an_id_is_the_same_wherever_the_event_goes() {
        for (text, id) in [
            (r#"{"n":1,"id":"plain","m":2}"#, "plain"),
            ("{\n\"n\":1,\n\"id\":\"broken\"}", "broken"),
            (r#"{"id":"\u0061\/b"}"#, "a/b"),
            (r#"{"id":17.50}"#, "17.50"),
            (r#"{"id":"ä"}"#, "ä"),
        ] {
            let mut event = event(text);
            assert_eq!(event.id(), id);
            event.raw = Bytes::copy_from_slice(&event.raw);
            assert_eq!((event.id(), event.order().1), (id.into(), id.as_bytes()));
        }
    }

    #[test]
    fn reads_times_with_any_digits_and_offset() {
        let instant = read_time("2025-03-24T18:35:38.122Z").unwrap();
        for same in [
            "2025-03-24T18:35:38.1220000Z",
            "2025-03-24T20:35:38.122+02:00",
            "2025-03-24T18:35:38.122",
            "2025-03-24T18:35:38.122000000+00:00",
            "2025-03-24T18:35:38.122+0000",
            "2025-03-24t18:35:38.122z",
        ] {
            assert_eq!(read_time(same), Some(instant), "{same}");
        }
        assert_eq!(
            read_time("2025-03-24T18:35:38Z").unwrap(),
            floor(read_time("2025-03-24T18:35:38.0001Z").unwrap())
        );
        assert!(read_time("0001-01-01T00:00:00").is_some());
        for bad in ["", "yesterday", "2025-13-01T00:00:00Z", "2025-03-24"] {
            assert_eq!(read_time(bad), None, "{bad}");
        }
    }

    #[test]
    fn each_api_has_its_own_place_for_id_and_time() {
        let raw = Bytes::from_static(
            br#"{"id":"a","createdOn":"2026-01-01T00:00:00Z","Identifier":"b","DateCreatedUtc":"2026-01-02T00:00:00"}"#,
        );
        let read = |schema| Event::parse(raw.clone(), schema).unwrap();
        let (unified, classic, long_term) = (
            read(Schema::Unified),
            read(Schema::Classic),
            read(Schema::LongTerm),
        );
        assert_eq!((&*unified.id(), &*long_term.id()), ("a", "b"));
        assert_eq!(classic.id(), hex(&classic.fingerprint));
        assert_eq!(classic.time, unified.time);
        assert_eq!(long_term.created_on().as_deref(), Some("2026-01-02T00:00:00"));
        assert_eq!(unified.fingerprint, long_term.fingerprint);
    }

    #[test]
    fn an_event_without_id_or_time_is_still_an_event() {
        for text in [
            "{}",
            r#"{"id":null,"createdOn":null}"#,
            r#"{"id":"","createdOn":"soon"}"#,
            "null",
            "7",
        ] {
            let bare = event(text);
            assert_eq!(bare.id().len(), 32);
            assert_eq!(bare.time, None);
        }
        assert_eq!(event(r#"{"Id":17}"#).id(), "17");
    }
}
