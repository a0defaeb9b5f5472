//! Plausible history: who did what and when, from a seed alone. A generated event is kept as its seed and spelled
//! whenever it is read, so that a million of them fit in little memory.

use chrono::{Datelike, Timelike, Weekday};

use crate::catalog;
use crate::classic;
use crate::cloud::{Home, StreamId};
use crate::dice::{Dice, guid_text};
use crate::event::{self, NewEvent};
use crate::instant::{self, SECOND};
use crate::switches::{CreatedOn, Records, Switches, Times, Twins};

const PEOPLE: &[&str] = &[
    "Ada Lovelace",
    "Grace Hopper",
    "Renée Ångström",
    "José García",
    "Łukasz Żółw",
    "田中 太郎",
    "Anna O'Neil",
    "Jean-Luc Dubois",
    "Fatima Al-Sayed",
    "Chris \"CJ\" Jones",
    "Nguyễn Văn An",
    "Smith, John",
];
const ROBOTS: &[&str] = &[
    "robot-unattended-01",
    "robot-unattended-02",
    "svc-invoices",
    "ci-deployer",
];
const PROCESSES: &[&str] = &[
    "Invoice Processing",
    "Payroll_Export",
    "HR Onboarding (EMEA)",
    "Claims/Intake",
    "SAP-Posting",
    "Vendor Check",
];
const FOLDERS: &[&str] = &[
    "Shared",
    "Finance",
    "Finance/Accounts Payable",
    "HR",
    "Entwicklung",
    "Test & QA",
];
const COUNTRIES: &[&str] = &["GB", "US", "DE", "RO", "JP", "IN", "NO"];

/// Events generated together.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) seed: u64,
    pub(crate) records: Records,
    /// Of the classic API: how many records repeat another.
    pub(crate) twins: Twins,
}

impl Batch {
    /// The rank (the GUID) of its `n`-th event.
    pub(crate) fn rank(&self, n: u32) -> u128 {
        Dice::of(self.seed, u64::from(n)).guid()
    }

    /// Spells its `n`-th event, filed at that time.
    pub(crate) fn spell(&self, home: &Home, n: u32, filed: i64) -> Vec<u8> {
        let n = self.model(n);
        let rank = self.rank(n);
        let (back, event) = self.draw(home, n, filed);
        let earlier = n.checked_sub(back).map(|n| self.rank(n));
        let record = |event: &NewEvent| event::record(home, &self.records, event, filed, rank, earlier);
        let raw = record(&event);
        match usize::from(self.records.least_bytes).checked_sub(raw.len()) {
            None | Some(0) => raw,
            Some(missing) => record(&self.fill(event, n, missing)),
        }
    }

    /// The event with so many bytes more in its details, or a few more than that: names, as they are in real ones.
    fn fill(&self, mut event: NewEvent, n: u32, missing: usize) -> NewEvent {
        let mut dice = Dice::of(self.seed.rotate_left(23), u64::from(n));
        let mut text = String::with_capacity(missing + 64);
        while text.len() < missing {
            text.push_str(dice.pick(PROCESSES));
            text.push_str(&format!(" {} ", dice.below(100_000)));
        }
        if event.details.pop().is_some() {
            event.details.push_str(&format!(r#","note":"{text}"}}"#));
        }
        event
    }

    /// Its `n`-th event before it is recorded, and how far back an event is whose id it may use again.
    pub(crate) fn draw(&self, home: &Home, n: u32, filed: i64) -> (u32, NewEvent) {
        let mut dice = Dice::of(self.seed.rotate_left(17), u64::from(n));
        let back = 1 + u32::try_from(dice.below(30)).unwrap_or(0);
        (back, happening(home, filed, &mut dice))
    }

    /// Filing times and numbers of `count` events between two instants (both included).
    pub(crate) fn times(&self, count: u32, from: i64, to: i64) -> Vec<(i64, u32)> {
        let mut dice = Dice::new(self.seed.rotate_left(31));
        let mut times = spread(&mut dice, count, from, to.max(from));
        match self.records.times {
            Times::Spread => {}
            Times::Ties => tie(&mut dice, &mut times),
            Times::OneInstant => {
                let middle = from + (to.max(from) - from) / 2;
                times.fill(middle);
            }
        }
        if self.twins != Twins::Never {
            self.tie_twins(&mut times);
        }
        let numbered = times.into_iter().zip(0..);
        numbered
            .map(|(at, n)| (event::filed_at(&self.records, at, self.rank(self.model(n))), n))
            .collect()
    }

    /// The event that the `n`-th repeats byte for byte: itself, or the first of its group of four.
    fn model(&self, n: u32) -> u32 {
        let (group, place) = (n / 4, n % 4);
        let mut dice = Dice::of(self.seed.rotate_left(7), u64::from(group));
        let alike = match self.twins {
            Twins::Never => return n,
            Twins::NowAndThen => dice.once_in(8),
            Twins::Often => true,
        };
        let many = if dice.once_in(2) { 2 } else { 3 };
        if alike && place < many { group * 4 } else { n }
    }

    /// Puts twins on one instant, and now and then other neighbours as well.
    fn tie_twins(&self, times: &mut [i64]) {
        for (group, times) in (0..).zip(times.chunks_mut(4)) {
            let first = times.first().copied().unwrap_or_default();
            let together = Dice::of(self.seed.rotate_left(9), u64::from(group)).once_in(8);
            for (place, time) in (0..).zip(times) {
                let n = group * 4 + place;
                if together || self.model(n) != n {
                    *time = first;
                }
            }
        }
    }
}

impl Switches {
    /// What is fixed into events of a stream when they are recorded.
    pub(crate) fn records_of(&self, stream: &StreamId) -> Records {
        let mut records = self.records.clone();
        if stream.is_classic() {
            records.fraction = self.classic.fraction;
            records.zone = self.classic.zone;
            // The one member that is always there. [D]
            records.created_on = CreatedOn::Present;
        }
        records
    }

    pub(crate) fn batch(&self, stream: &StreamId, seed: u64) -> Batch {
        Batch {
            seed,
            records: self.records_of(stream),
            twins: if stream.is_classic() {
                self.classic.twins
            } else {
                Twins::Never
            },
        }
    }
}

/// Working hours, nights, weekends and bursts.
fn spread(dice: &mut Dice, count: u32, from: i64, to: i64) -> Vec<i64> {
    let span = u64::try_from(to - from + 1).unwrap_or(1);
    let mut times = Vec::new();
    let mut last = from;
    for _ in 0..count {
        let at = if dice.once_in(4) {
            let after = i64::try_from(dice.below(2 * SECOND.unsigned_abs())).unwrap_or(0);
            last.saturating_add(after).min(to)
        } else {
            busy_time(dice, from, span)
        };
        last = at;
        times.push(at);
    }
    times.sort_unstable();
    times
}

fn busy_time(dice: &mut Dice, from: i64, span: u64) -> i64 {
    let mut at = from;
    for _ in 0..8 {
        at = from + i64::try_from(dice.below(span)).unwrap_or(0);
        let date = instant::date(at);
        let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
        let rare = if weekend { 8 } else { 1 } * if (7..19).contains(&date.hour()) { 1 } else { 6 };
        if dice.once_in(rare) {
            break;
        }
    }
    at
}

/// Moves neighbours onto one instant, in groups of 1 to 40.
fn tie(dice: &mut Dice, times: &mut [i64]) {
    let mut rest = times;
    while !rest.is_empty() {
        let size = (1 + dice.place(40)).min(rest.len());
        let (group, tail) = rest.split_at_mut(size);
        let first = group.first().copied().unwrap_or_default();
        group.fill(first);
        rest = tail;
    }
}

/// One plausible event.
fn happening(home: &Home, filed: i64, dice: &mut Dice) -> NewEvent {
    if home.stream.is_classic() {
        return classic::record::happening(filed, actor(dice), dice);
    }
    let kinds = catalog::kinds(home.tenant.is_some());
    let (source, target, kind) = kinds
        .get(dice.place(kinds.len()))
        .copied()
        .unwrap_or(("", "", ""));
    let (by, client) = actor(dice);
    let failed = dice.once_in(20);
    let process = dice.pick(PROCESSES);
    let folder = dice.pick(FOLDERS);
    let details = format!(
        r#"{{"key":"{}","processName":"{process}","folderName":"{folder}","folderKey":"{}","origin":"{}","timeBudgetSeconds":{},"reason":{}}}"#,
        guid_text(dice.guid()),
        guid_text(dice.guid()),
        dice.pick(&["OrchestratorUI", "API", "Trigger"]),
        dice.below(3600),
        if failed {
            r#""refused: missing permission""#
        } else {
            "null"
        },
    );
    let outcome = if failed { "failed" } else { "succeeded" };
    NewEvent {
        at: instant::date(filed),
        id: None,
        what: [source, target, kind].map(str::to_owned),
        summary: format!("{kind} of '{process}' in folder '{folder}' by {} {outcome}", by.1),
        by,
        details,
        status: i64::from(failed),
        client,
    }
}

type Actor = (String, String, Option<String>);

fn actor(dice: &mut Dice) -> (Actor, Option<(String, String)>) {
    let system = dice.once_in(12);
    let robot = dice.once_in(3);
    let name = if robot {
        dice.pick(ROBOTS)
    } else {
        dice.pick(PEOPLE)
    };
    let id = guid_text(Dice::of_text(name).guid());
    let client = Some((
        format!("198.51.{}.{}", 100 + dice.below(2), dice.below(255)),
        dice.pick(COUNTRIES).to_owned(),
    ));
    if system {
        return ((guid_text(0), "System".to_owned(), None), None);
    }
    if robot {
        return ((id, name.to_owned(), None), client);
    }
    let short = id.get(..6).unwrap_or("someone");
    (
        (
            id.clone(),
            name.to_owned(),
            Some(format!("user.{short}@example.com")),
        ),
        client,
    )
}
