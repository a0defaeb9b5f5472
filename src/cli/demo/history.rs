//! What the simulated organization lives through: a seed and spans, so that a later demo can tell the same again.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use uipath_audit_simulator::{Simulator, StreamId};

use crate::{
    clock::{Time, spelled},
    commit::Tool,
};

/// Says what a file is.
pub(super) const FORMAT: &str = "uipath-audit-exporter/demo/1";
const EVENTS: u32 = 50_000;
const NEWS: u32 = 500;
const DAYS: i64 = 90;
/// The simulated past ends so long before now, in seconds: what is younger than `settle` is left for the next pass.
const REST: i64 = 15;

/// A stream of the demo.
pub(super) struct Stream {
    /// The target's name.
    pub(super) name: &'static str,
    pub(super) organization: &'static str,
    pub(super) tenant: Option<&'static str>,
    /// Its part of all events, in tenths.
    tenths: u32,
}

/// An organization's own stream, and two tenants.
pub(super) const STREAMS: [Stream; 3] = [
    Stream {
        name: "acme",
        organization: "acme",
        tenant: None,
        tenths: 2,
    },
    Stream {
        name: "acme-production",
        organization: "acme",
        tenant: Some("production"),
        tenths: 7,
    },
    Stream {
        name: "acme-test",
        organization: "acme",
        tenant: Some("test"),
        tenths: 1,
    },
];

impl Stream {
    pub(super) fn id(&self) -> StreamId {
        match self.tenant {
            Some(tenant) => StreamId::tenant(self.organization, tenant),
            None => StreamId::organization(self.organization),
        }
    }
}

/// The contents of `demo.json`.
#[derive(Serialize, Deserialize)]
pub(super) struct History {
    pub(super) format: String,
    /// The version that can tell it again.
    pub(super) version: String,
    chapters: Vec<Chapter>,
}

#[derive(Serialize, Deserialize)]
struct Chapter {
    seed: u64,
    events: u32,
    #[serde(with = "spelled")]
    from: Time,
    #[serde(with = "spelled")]
    to: Time,
}

impl Default for History {
    fn default() -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: Tool::this().version,
            chapters: Vec::new(),
        }
    }
}

impl History {
    pub(super) fn is_new(&self) -> bool {
        self.chapters.is_empty()
    }

    /// Where it begins.
    pub(super) fn since(&self) -> Option<Time> {
        self.chapters.first().map(|chapter| chapter.from)
    }

    /// Adds 90 days, or news since the last chapter. Returns how many events.
    pub(super) fn add(&mut self, events: Option<u32>, now: Time) -> u32 {
        let to = now - TimeDelta::seconds(REST);
        let (usual, from) = match self.chapters.last() {
            // Run again at once, some of the news come late: that is part of the demo.
            Some(last) => (NEWS, last.to.min(to - TimeDelta::seconds(REST))),
            None => (EVENTS, to - TimeDelta::days(DAYS)),
        };
        let events = events.unwrap_or(usual);
        let seed = 1000 * (self.chapters.len() as u64 + 1);
        self.chapters.push(Chapter {
            seed,
            events,
            from,
            to,
        });
        events
    }

    /// Lets a simulator live through it.
    pub(super) fn replay(&self, simulator: &Simulator) {
        for chapter in &self.chapters {
            let small: u32 = STREAMS.iter().skip(1).map(|stream| chapter.part(stream)).sum();
            for (stream, n) in STREAMS.iter().zip(0..) {
                // The first stream has what rounding left.
                let events = if n == 0 {
                    chapter.events - small
                } else {
                    chapter.part(stream)
                };
                simulator.generate(&stream.id(), chapter.seed + n, events, chapter.from, chapter.to);
            }
        }
    }
}

impl Chapter {
    fn part(&self, stream: &Stream) -> u32 {
        self.events / 10 * stream.tenths
    }
}
