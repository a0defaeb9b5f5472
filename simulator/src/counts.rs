//! What was asked and answered, in numbers, for scripts that have no handle: `GET` tells them, `DELETE` begins anew.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::fault::ErrorBody;
use crate::reply::Reply;
use crate::switches::ContentType;
use crate::world::{World, lock};

/// Where they are told. No path of UiPath's begins so. Needs no token, is never limited, late, logged or counted.
pub(crate) const PATH: &str = "/_simulator/requests";

/// Numbers since the start, or since they were begun anew.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    /// Replies by status.
    pub(crate) answered: BTreeMap<u16, u64>,
    /// When the first and the last request came.
    pub(crate) span: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl Counts {
    pub(crate) fn begin(&mut self, at: DateTime<Utc>) {
        self.requests += 1;
        let first = self.span.map_or(at, |(first, _)| first);
        self.span = Some((first, at));
    }

    pub(crate) fn answer(&mut self, status: u16) {
        *self.answered.entry(status).or_default() += 1;
    }

    fn json(&self, most_open: usize) -> String {
        let answered = self.answered.iter();
        let answered: Vec<String> = answered
            .map(|(status, count)| format!("\"{status}\":{count}"))
            .collect();
        let time = |at: Option<DateTime<Utc>>| {
            at.map_or_else(
                || "null".to_owned(),
                |at| format!("\"{}\"", at.to_rfc3339_opts(SecondsFormat::Micros, true)),
            )
        };
        format!(
            "{{\"requests\":{},\"answered\":{{{}}},\"most_open\":{most_open},\"first\":{},\"last\":{}}}\n",
            self.requests,
            answered.join(","),
            time(self.span.map(|(first, _)| first)),
            time(self.span.map(|(_, last)| last)),
        )
    }
}

/// The answer to a request at [`PATH`].
pub(crate) fn answer(world: &World, method: &str) -> Reply {
    let mut log = lock(&world.log);
    match method {
        "GET" => Reply::json(ContentType::Json, log.counts.json(log.most_open)),
        "DELETE" => {
            log.clear();
            Reply::new(204, "", "")
        }
        _ => world.refuse(405, &ErrorBody::Empty),
    }
}
