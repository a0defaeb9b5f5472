//! Reading every event of a data object, and finding events that are archived twice; pure.
//!
//! An event that is archived twice has the same `createdOn` in both places, so that both lie on the same day: days are
//! looked through one by one, and [`Twice`] holds 40 bytes for each event of one day.

use bytes::Bytes;

use super::{finding::Problem, record::Job};
use crate::{
    encode::Lines,
    event::{Digest16, Event, Schema},
    target::Api,
};

/// What an object's events say.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// Those older than the commit's window.
    pub late: u64,
    /// Those without a time.
    pub undated: u64,
    /// All of them, to find those archived twice.
    pub dated_marks: Vec<LineMark>,
    pub undated_marks: Vec<LineMark>,
}

/// Which event a line holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct LineMark {
    identity: Digest16,
    fingerprint: Digest16,
    line: u32,
}

/// Lines with the same fault.
struct Fault {
    what: &'static str,
    first: Option<u32>,
    lines: u64,
}

impl Fault {
    fn new(what: &'static str) -> Self {
        Self {
            what,
            first: None,
            lines: 0,
        }
    }

    fn note(&mut self, wrong: bool, line: u32) {
        if wrong {
            self.first.get_or_insert(line);
            self.lines += 1;
        }
    }

    fn problem(self) -> Option<Problem> {
        let (what, lines) = (self.what, self.lines);
        self.first.map(|line| Problem::Lines { what, line, lines })
    }
}

/// Reads the events of an object's content, as it is unpacked.
pub(super) struct EventReader<'a> {
    job: &'a Job,
    schema: Schema,
    /// The last line read, from 1.
    line: u32,
    lines: Lines,
    json: Fault,
    order: Fault,
    day: Fault,
    window: Fault,
    before: Option<Event>,
    first: Option<Event>,
    /// The last one that has a time, if that is not `before`.
    last: Option<Event>,
    events: Events,
}

impl<'a> EventReader<'a> {
    pub(super) fn new(job: &'a Job) -> Self {
        Self {
            job,
            schema: job.api.schema().unwrap_or(Schema::Unified),
            line: 0,
            lines: Lines::default(),
            json: Fault::new("its lines should be JSON"),
            order: Fault::new("its events should be in the order of time, then id"),
            day: Fault::new("its events should be of its day"),
            window: Fault::new(
                "its events should lie between the lookback and the end of the window of its commit",
            ),
            before: None,
            first: None,
            last: None,
            events: Events::default(),
        }
    }

    /// The next piece of the content, cut anywhere.
    pub(super) fn push(&mut self, mut piece: Bytes) {
        while let Some(line) = self.lines.cut(&mut piece) {
            self.event(line);
        }
    }

    fn event(&mut self, raw: Bytes) {
        self.line = self.line.saturating_add(1);
        let (job, line) = (self.job, self.line);
        let Ok(event) = Event::parse(raw, self.schema) else {
            self.json.note(true, line);
            return;
        };
        let before = self.before.take();
        let behind = before
            .as_ref()
            .is_some_and(|before| before.order() > event.order());
        self.order.note(behind, line);
        let mark = LineMark {
            identity: event.identity,
            fingerprint: event.fingerprint,
            line,
        };
        if let Some(time) = event.time {
            self.day.note(time.date_naive() != job.day, line);
            let outside = time < job.lookback_from || job.window.to <= time;
            self.window.note(outside, line);
            self.events.late += u64::from(time < job.window.from);
            self.events.dated_marks.push(mark);
            self.first.get_or_insert_with(|| event.clone());
        } else {
            self.events.undated += 1;
            self.events.undated_marks.push(mark);
            self.last = before.filter(|before| before.time.is_some()).or(self.last.take());
        }
        self.before = Some(event);
    }

    /// What its events say, and what is wrong with them.
    pub(super) fn finish(mut self) -> (Events, Vec<Problem>) {
        if let Some(line) = std::mem::take(&mut self.lines).last() {
            self.event(line);
        }
        let mut problems: Vec<Problem> = [self.json, self.order, self.day, self.window]
            .into_iter()
            .filter_map(Fault::problem)
            .collect();
        let last = self.before.filter(|before| before.time.is_some()).or(self.last);
        let object = &self.job.object;
        let ends = [("first", &object.first, self.first), ("last", &object.last, last)];
        for (what, recorded, event) in ends {
            let found = event.as_ref().and_then(Event::created_on);
            if found != *recorded {
                let spell = |text: Option<&str>| text.map_or("none".to_owned(), |text| format!("`{text}`"));
                problems.push(Problem::differs(
                    what,
                    spell(recorded.as_deref()),
                    spell(found.as_deref()),
                ));
            }
        }
        (self.events, problems)
    }
}

/// Finds events that are archived twice, among the events of one day or those without a time.
#[derive(Default)]
pub(super) struct Twice {
    marks: Vec<(LineMark, u32)>,
    keys: Vec<String>,
}

/// What was found among the events of one day.
#[derive(Default)]
pub(super) struct Repeated {
    /// An object and what is wrong with it.
    pub problems: Vec<(String, Problem)>,
    /// Ids that several events share, and how many events have them.
    pub ids: u64,
    pub events: u64,
}

impl Twice {
    /// Adds the events of an object.
    pub(super) fn add(&mut self, key: &str, marks: Vec<LineMark>) {
        if marks.is_empty() {
            return;
        }
        let Ok(index) = u32::try_from(self.keys.len()) else {
            return;
        };
        self.keys.push(key.to_owned());
        self.marks.extend(marks.into_iter().map(|mark| (mark, index)));
    }

    /// Looks through everything that was added, and forgets it.
    pub(super) fn finish(&mut self) -> Repeated {
        let Self { mut marks, keys } = std::mem::take(self);
        let content = |mark: &LineMark| (mark.identity, mark.fingerprint);
        marks.sort_unstable_by_key(|(mark, object)| (mark.identity, mark.fingerprint, *object, mark.line));
        let mut repeated = Repeated::default();
        let mut worst: std::collections::BTreeMap<u32, Problem> = std::collections::BTreeMap::new();
        for same_id in marks.chunk_by(|(a, _), (b, _)| a.identity == b.identity) {
            let versions: Vec<_> = same_id
                .chunk_by(|(a, _), (b, _)| content(a) == content(b))
                .collect();
            if versions.len() > 1 {
                repeated.ids += 1;
                repeated.events += versions.len() as u64;
            }
            for copies in versions {
                let Some(((first, first_object), others)) = copies.split_first() else {
                    continue;
                };
                for (mark, object) in others {
                    let other = usize::try_from(*first_object)
                        .ok()
                        .and_then(|index| keys.get(index));
                    let new = || Problem::ArchivedTwice {
                        events: 0,
                        line: mark.line,
                        other: other.cloned().unwrap_or_default(),
                        other_line: first.line,
                    };
                    if let Problem::ArchivedTwice { events, .. } = worst.entry(*object).or_insert_with(new) {
                        *events += 1;
                    }
                }
            }
        }
        let name = |(object, problem): (u32, Problem)| {
            Some((keys.get(usize::try_from(object).ok()?)?.clone(), problem))
        };
        repeated.problems = worst.into_iter().filter_map(name).collect();
        repeated
    }
}

/// Whether an API never shows one event twice: events of others have no id, and may be alike.
pub(super) fn has_ids(api: Api) -> bool {
    match api {
        Api::Unified | Api::LongTerm => true,
        Api::Classic | Api::UnifiedCsv | Api::ClassicCsv => false,
    }
}
