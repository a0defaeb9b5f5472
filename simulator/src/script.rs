//! When things go wrong: scripted by a test, one rule at a time.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::cloud::StreamId;
use crate::dice::Dice;
use crate::fault::{DateFault, Fault};
use crate::instant;

/// Which endpoint a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `connect/token`
    Token,
    /// `query/events`
    Events,
    /// `query/sources`
    Sources,
    /// `query/downloadevents`
    Downloads,
    /// `query/downloadeventsfromlongtermstore`
    LongTerm,
    /// `EventConfig/rules`
    Rules,
    /// `auditlogs`
    Classic,
    /// `auditlogs/download`
    ClassicDownload,
    /// Anything else.
    Other,
}

impl Endpoint {
    /// Whether the answer is a file, which travels as its own switches want it.
    pub(crate) fn is_file(self) -> bool {
        matches!(self, Self::ClassicDownload | Self::Downloads | Self::LongTerm)
    }
}

/// Which requests a fault strikes. Counts begin when the fault is set, and count requests that fit the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct When {
    endpoint: Option<Endpoint>,
    stream: Option<StreamId>,
    with_cursor: Option<bool>,
    /// Where its span begins at the earliest, in ticks.
    from: Option<i64>,
    turn: Which,
}

#[derive(Debug, Clone, PartialEq)]
enum Which {
    Always,
    Nth(u64),
    Next(u64),
    Every(u64),
    Chance { share: f64, seed: u64 },
}

impl When {
    /// Any request.
    pub fn any() -> Self {
        Self {
            endpoint: None,
            stream: None,
            with_cursor: None,
            from: None,
            turn: Which::Always,
        }
    }

    /// Requests for tokens.
    pub fn token() -> Self {
        Self {
            endpoint: Some(Endpoint::Token),
            ..Self::any()
        }
    }

    /// Requests for events.
    pub fn events() -> Self {
        Self {
            endpoint: Some(Endpoint::Events),
            ..Self::any()
        }
    }

    /// Requests for sources.
    pub fn sources() -> Self {
        Self {
            endpoint: Some(Endpoint::Sources),
            ..Self::any()
        }
    }

    /// Requests for the unified CSV download.
    pub fn downloads() -> Self {
        Self {
            endpoint: Some(Endpoint::Downloads),
            ..Self::any()
        }
    }

    /// Requests for the long-term store.
    pub fn long_term() -> Self {
        Self {
            endpoint: Some(Endpoint::LongTerm),
            ..Self::any()
        }
    }

    /// Requests for exclusion rules.
    pub fn rules() -> Self {
        Self {
            endpoint: Some(Endpoint::Rules),
            ..Self::any()
        }
    }

    /// Requests for pages of the classic API.
    pub fn classic() -> Self {
        Self {
            endpoint: Some(Endpoint::Classic),
            ..Self::any()
        }
    }

    /// Requests for the classic API's file.
    pub fn classic_download() -> Self {
        Self {
            endpoint: Some(Endpoint::ClassicDownload),
            ..Self::any()
        }
    }

    /// Of one stream alone.
    #[must_use]
    pub fn of(mut self, stream: &StreamId) -> Self {
        self.stream = Some(stream.clone());
        self
    }

    /// Without a cursor, or with none or no `skip`: the first page of a walk.
    #[must_use]
    pub fn first_page(mut self) -> Self {
        self.with_cursor = Some(false);
        self
    }

    /// With a cursor or a `skip`: the pages that follow.
    #[must_use]
    pub fn later_page(mut self) -> Self {
        self.with_cursor = Some(true);
        self
    }

    /// For a span that begins then or later: its first page, and others whose links tell.
    #[must_use]
    pub fn from(mut self, begin: DateTime<Utc>) -> Self {
        self.from = Some(instant::ticks(begin));
        self
    }

    /// The n-th alone, from 1.
    #[must_use]
    pub fn nth(mut self, n: u64) -> Self {
        self.turn = Which::Nth(n);
        self
    }

    /// The next so many.
    #[must_use]
    pub fn next(mut self, count: u64) -> Self {
        self.turn = Which::Next(count);
        self
    }

    /// Every n-th.
    #[must_use]
    pub fn every(mut self, n: u64) -> Self {
        self.turn = Which::Every(n);
        self
    }

    /// Each with that chance (0 to 1), repeatable by its seed.
    #[must_use]
    pub fn chance(mut self, share: f64, seed: u64) -> Self {
        self.turn = Which::Chance { share, seed };
        self
    }

    fn fits(&self, request: &Request<'_>) -> bool {
        self.endpoint.is_none_or(|endpoint| endpoint == request.endpoint)
            && (self.stream.as_ref()).is_none_or(|stream| Some(stream) == request.stream)
            && self.with_cursor.is_none_or(|with| with == request.with_cursor)
            && (self.from).is_none_or(|begin| request.from.is_some_and(|from| from >= begin))
    }

    fn strikes(&self, n: u64) -> bool {
        match self.turn {
            Which::Always => true,
            Which::Nth(nth) => n == nth,
            Which::Next(count) => n <= count,
            Which::Every(every) => n.checked_rem(every) == Some(0),
            Which::Chance { share, seed } => {
                let drawn = u32::try_from(Dice::of(seed, n).below(1 << 30)).unwrap_or(u32::MAX);
                f64::from(drawn) < share * f64::from(1 << 30)
            }
        }
    }
}

/// Names a fault that was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FaultId(u64);

/// A request as far as rules look at it.
#[derive(Debug, Clone)]
pub(crate) struct Request<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) stream: Option<&'a StreamId>,
    pub(crate) with_cursor: bool,
    /// Where the span begins that is asked for, in ticks.
    pub(crate) from: Option<i64>,
}

/// What strikes one request.
#[derive(Debug, Default)]
pub(crate) struct Strike {
    pub(crate) fault: Option<Fault>,
    pub(crate) date: Option<DateFault>,
    pub(crate) delay: Duration,
    pub(crate) forget_tokens: bool,
    /// So many events are gone from the stream.
    pub(crate) expire: u32,
    /// So many held back events are released.
    pub(crate) release: u32,
}

/// The faults that are set.
#[derive(Debug, Default)]
pub(crate) struct Script {
    rules: Vec<Rule>,
    set: u64,
}

#[derive(Debug)]
struct Rule {
    id: FaultId,
    when: When,
    fault: Fault,
    fitting: u64,
    struck: u64,
}

impl Script {
    pub(crate) fn add(&mut self, when: When, fault: Fault) -> FaultId {
        self.set += 1;
        let id = FaultId(self.set);
        self.rules.push(Rule {
            id,
            when,
            fault,
            fitting: 0,
            struck: 0,
        });
        id
    }

    pub(crate) fn remove(&mut self, id: FaultId) {
        self.rules.retain(|rule| rule.id != id);
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// How many requests a fault has struck.
    pub(crate) fn struck(&self, id: FaultId) -> u64 {
        self.rules
            .iter()
            .find(|rule| rule.id == id)
            .map_or(0, |rule| rule.struck)
    }

    /// Counts a request under every rule it fits. The first rule that strikes decides; delays, dates, forgotten
    /// tokens and what happens to the stream come on top.
    pub(crate) fn strike(&mut self, request: &Request<'_>) -> Strike {
        let mut strike = Strike::default();
        for rule in &mut self.rules {
            if !rule.when.fits(request) {
                continue;
            }
            rule.fitting += 1;
            if !rule.when.strikes(rule.fitting) {
                continue;
            }
            match &rule.fault {
                Fault::Late(delay) => strike.delay += *delay,
                Fault::Date(date) => strike.date = Some(date.clone()),
                Fault::ForgetTokens => strike.forget_tokens = true,
                Fault::Expire(count) => strike.expire += *count,
                Fault::Release(count) => strike.release += *count,
                fault if strike.fault.is_none() => strike.fault = Some(fault.clone()),
                _ => continue,
            }
            rule.struck += 1;
        }
        strike
    }
}
