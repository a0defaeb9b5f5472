//! Events that wait for older ones, compressed: they take a tenth of the memory.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    sync::Arc,
};

use super::{Blocks, blocks::Copying};
use crate::{
    clock::Time,
    event::{Event, Parser, Schema},
    window::Window,
};

/// The fastest level: docs/performance.md.
const LEVEL: i32 = 1;

/// Some events, as compressed lines.
#[derive(Debug)]
pub struct Packed {
    content: Vec<u8>,
    schema: Schema,
    pub(super) count: usize,
    /// The events' bytes.
    pub(super) bytes: usize,
    /// What the events take in memory when they are not packed, in bytes.
    pub(super) full_weight: usize,
    /// The oldest and the newest time, if any event has one.
    pub(super) times: Option<(Time, Time)>,
    /// Whether all have one.
    is_dated: bool,
}

impl Packed {
    /// Packs events, which are of one schema.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(super) fn pack(events: &[Event], schema: Schema) -> io::Result<Self> {
        let bytes: usize = events.iter().map(|event| event.raw.len()).sum();
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), LEVEL)?;
        encoder.include_checksum(true)?;
        encoder.set_pledged_src_size(u64::try_from(bytes + events.len()).ok())?;
        for event in events {
            encoder.write_all(&event.raw)?;
            encoder.write_all(b"\n")?;
        }
        let mut content = encoder.finish()?;
        content.shrink_to_fit();
        let times = || events.iter().filter_map(|event| event.time);
        Ok(Self {
            content,
            schema,
            count: events.len(),
            bytes,
            full_weight: events.iter().map(Event::weight).sum(),
            times: times().min().zip(times().max()),
            is_dated: times().count() == events.len(),
        })
    }

    /// The events as they were.
    ///
    /// # Errors
    /// When the bytes are not what they were.
    pub(super) fn unpack(self, blocks: &Arc<Blocks>) -> io::Result<Vec<Event>> {
        let mut copying = Copying::into_blocks(Arc::clone(blocks));
        let mut parser = Parser::new(self.schema);
        let mut lines = BufReader::new(zstd::stream::read::Decoder::with_buffer(&*self.content)?);
        let mut events = Vec::with_capacity(self.count);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            let raw = copying.copy(line.strip_suffix(b"\n").unwrap_or(&line));
            events.push(parser.parse(&raw).map_err(io::Error::other)?);
            line.clear();
        }
        if events.len() == self.count {
            Ok(events)
        } else {
            Err(io::Error::other("there are more events or fewer than there were"))
        }
    }

    /// Keeps the events of a part, and those without a time. None: there are none.
    ///
    /// # Errors
    /// When the bytes are not what they were.
    pub(super) fn keep(self, part: Window, blocks: &Arc<Blocks>) -> io::Result<Option<Self>> {
        if let (Some((first, last)), true) = (self.times, self.is_dated) {
            if part.contains(first) && part.contains(last) {
                return Ok(Some(self));
            }
            if last < part.from || first >= part.to {
                return Ok(None);
            }
        }
        let schema = self.schema;
        let mut events = self.unpack(blocks)?;
        events.retain(|event| event.time.is_none_or(|time| part.contains(time)));
        if events.is_empty() {
            return Ok(None);
        }
        Self::pack(&events, schema).map(Some)
    }

    /// What it takes in memory, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.content.len() + size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::window::{INSTANT, later};

    fn event(second: usize, text: &str) -> Event {
        let raw =
            format!(r#"{{"id":"{second}","createdOn":"2026-11-01T00:00:{second:02}Z","text":"{text}"}}"#);
        Event::parse(Bytes::from(raw), Schema::Unified).unwrap()
    }

    fn undated() -> Event {
        Event::parse(Bytes::from(r#"{ "text" : "none" }"#), Schema::Unified).unwrap()
    }

    fn all() -> Vec<Event> {
        let events = (0..1_000).map(|number| event(number % 60, &format!("{number} ").repeat(number % 300)));
        let broken = "{\r\n \"id\" : \"broken\\n\",\n\"createdOn\":\"2026-11-01T00:00:30.1234567Z\"}";
        let broken = Event::parse(Bytes::from(broken), Schema::Unified).unwrap();
        events.chain([undated(), broken]).collect()
    }

    fn shown(events: &[Event]) -> Vec<(&[u8], String, Option<Time>)> {
        let shown = events.iter();
        let shown = shown.map(|event| (&event.raw[..], event.id().into_owned(), event.time));
        shown.collect()
    }

    #[test]
    fn what_is_packed_comes_out_as_it_was_and_takes_less() {
        let events = all();
        let before: usize = events.iter().map(Event::weight).sum();
        let packed = Packed::pack(&events, Schema::Unified).unwrap();
        assert_eq!(packed.full_weight, before);
        assert!(packed.weight() < before / 5, "{} of {before}", packed.weight());
        let out = packed.unpack(&Arc::default()).unwrap();
        assert_eq!(shown(&out), shown(&events));
        let marks = |events: &[Event]| -> Vec<_> { events.iter().map(Event::mark).collect() };
        assert_eq!(marks(&out), marks(&events));
    }

    #[test]
    fn of_a_part_what_is_in_it_is_kept_and_what_has_no_time() {
        let start: Time = "2026-11-01T00:00:00Z".parse().unwrap();
        let at = |second| later(start, std::time::Duration::from_secs(second));
        let kept = |events: &[Event], from, to| {
            let packed = Packed::pack(events, Schema::Unified).unwrap();
            let kept = packed.keep(Window::new(from, to), &Arc::default()).unwrap();
            kept.map(|packed| {
                (
                    packed.count,
                    packed.bytes,
                    packed.unpack(&Arc::default()).unwrap(),
                )
            })
        };
        let dated: Vec<Event> = all().into_iter().filter(|event| event.time.is_some()).collect();
        for (events, from, to) in [
            (all(), at(10), at(20)),
            (all(), at(100), at(200)),
            (dated.clone(), at(30), at(59)),
            (dated.clone(), at(0), later(at(59), INSTANT)),
        ] {
            let mut expected = events.clone();
            expected.retain(|event| event.time.is_none_or(|time| from <= time && time < to));
            let (count, bytes, out) = kept(&events, from, to).unwrap();
            assert_eq!(shown(&out), shown(&expected));
            assert_eq!(count, expected.len());
            assert_eq!(bytes, expected.iter().map(|event| event.raw.len()).sum::<usize>());
        }
        assert!(kept(&dated, at(60), at(90)).is_none());
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let mut packed = Packed::pack(&all(), Schema::Unified).unwrap();
        let middle = packed.content.len() / 2;
        packed.content[middle] ^= 1;
        assert!(packed.unpack(&Arc::default()).is_err());
    }
}
