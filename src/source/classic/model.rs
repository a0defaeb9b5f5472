//! For tests: a list of records as a server might keep it, paged by position, while rows come and go.

use std::sync::{Mutex, MutexGuard};

use bytes::Bytes;

use super::{
    Memory,
    list::{Asked, TOP},
    page::Page,
    read,
};
use crate::{
    checkpoint::Known,
    clock::Time,
    event::{Event, Schema},
    source::{Limits, Slice, SourceError},
    window::Window,
};

/// A record of that time and content.
pub(super) fn record(time: Time, name: &str) -> Event {
    let time = time.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true);
    raw(&format!(r#"{{"createdOn":"{time}","message":"{name}"}}"#))
}

pub(super) fn raw(text: &str) -> Event {
    Event::parse(Bytes::copy_from_slice(text.as_bytes()), Schema::Classic).unwrap()
}

pub(super) fn at(text: &str) -> Time {
    text.parse().unwrap()
}

/// Small numbers that look random, the same for the same seed.
pub(super) struct Dice(pub u64);

impl Dice {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }
}

/// What happens at a request, before it is answered.
pub(super) type Script = Box<dyn Fn(&mut State) + Send + Sync>;

pub(super) struct State {
    /// In the server's order.
    pub rows: Vec<Event>,
    pub requests: usize,
    pub most: usize,
    pub total: Option<usize>,
    /// Beyond the end the last page comes again.
    pub repeats: bool,
    /// Pages have any length.
    pub short: bool,
}

pub(super) struct Model {
    state: Mutex<State>,
    script: Option<Script>,
    pub memory: Memory,
}

impl Model {
    pub(super) fn of(rows: Vec<Event>) -> Self {
        let state = State {
            rows,
            requests: 0,
            most: TOP,
            total: None,
            repeats: false,
            short: false,
        };
        Self {
            state: Mutex::new(state),
            script: None,
            memory: Memory::default(),
        }
    }

    pub(super) fn with(mut self, change: impl Fn(&mut State)) -> Self {
        change(self.state.get_mut().unwrap());
        self
    }

    pub(super) fn script(mut self, script: impl Fn(&mut State) + Send + Sync + 'static) -> Self {
        self.script = Some(Box::new(script));
        self
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn answer(&self, skip: usize, top: usize) -> Page {
        let mut state = self.state();
        state.requests += 1;
        if let Some(script) = &self.script {
            script(&mut state);
        }
        let (length, mut most) = (state.rows.len(), top.min(state.most));
        let mut start = skip;
        if skip >= length {
            start = if state.repeats {
                length.saturating_sub(most)
            } else {
                length
            };
        }
        if state.short {
            most = 1 + Dice(u64::try_from(start).unwrap() * 7 + 5).below(most);
        }
        Page {
            rows: state.rows[start..length.min(start + most)].to_vec(),
            total: state.total,
        }
    }

    pub(super) async fn read(
        &self,
        span: Window,
        known: &Known,
        limits: Limits,
    ) -> Result<Slice, SourceError> {
        let ask = async |skip, top| {
            Ok(Asked {
                page: self.answer(skip, top),
                tries: 1,
            })
        };
        read(ask, &self.memory, span, known, limits, &|_| {}).await
    }

    /// All of a span, slice by slice, as sorted lines, and the requests it took.
    pub(super) async fn all(&self, span: Window, limits: Limits) -> (Vec<String>, usize) {
        let before = self.state().requests;
        let (mut lines, mut rest) = (Vec::new(), span);
        while !rest.is_empty() {
            let slice = self.read(rest, &Known::default(), limits).await.unwrap();
            assert!(slice.span.from == rest.from && slice.span.from < slice.span.to);
            assert!(
                slice
                    .events
                    .iter()
                    .all(|event| event.time.is_none_or(|time| slice.span.contains(time)))
            );
            lines.extend(slice.events.iter().map(line));
            rest = Window::new(slice.span.to, rest.to);
        }
        lines.sort();
        (lines, self.state().requests - before)
    }
}

pub(super) fn line(event: &Event) -> String {
    String::from_utf8(event.raw.to_vec()).unwrap()
}

pub(super) fn lines(rows: &[Event], span: Window) -> Vec<String> {
    let inside = rows
        .iter()
        .filter(|row| row.time.is_none_or(|time| span.contains(time)));
    let mut lines: Vec<String> = inside.map(line).collect();
    lines.sort();
    lines
}

pub(super) const LIMITS: Limits = Limits {
    events: 10_000,
    bytes: 16 << 20,
    bytes_of_an_instant: 64 << 20,
};
