//! The list of records as a server shows it: asked by position, though positions move while one asks. Counts what it
//! takes and learns how long pages are.

use std::collections::HashMap;

use super::{ClassicError, page::Page};
use crate::{
    clock::Time,
    event::{Digest16, Event, floor},
    source::{Effort, SourceError},
};

/// The longest page that is asked for, in records. The server may send shorter ones.
pub(super) const TOP: usize = 1000;
/// The largest `skip` that is asked for: with a page more it is still within the contract's 2,147,483,647.
pub(super) const FARTHEST: usize = 2_000_000_000;

/// A page, and the requests it took.
pub(super) struct Asked {
    pub page: Page,
    pub tries: u32,
}

/// Why a reading came to no end.
#[derive(Debug)]
pub(super) enum Stop {
    /// The list moved too much; another try may do better.
    Moved,
    /// For good.
    Failed(SourceError),
}

impl From<SourceError> for Stop {
    fn from(error: SourceError) -> Self {
        Self::Failed(error)
    }
}

impl From<ClassicError> for Stop {
    fn from(error: ClassicError) -> Self {
        Self::Failed(SourceError::Classic(error))
    }
}

/// How finely times are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unit {
    Second,
    Millisecond,
    Exact,
}

impl Unit {
    /// The beginning of the unit that a time lies in.
    pub(super) fn of(self, time: Time) -> Time {
        use chrono::SubsecRound as _;
        match self {
            Self::Second => time.trunc_subsecs(0),
            Self::Millisecond => floor(time),
            Self::Exact => time,
        }
    }

    pub(super) fn finer(self) -> Option<Self> {
        match self {
            Self::Second => Some(Self::Millisecond),
            Self::Millisecond => Some(Self::Exact),
            Self::Exact => None,
        }
    }
}

/// How many records of each content there are.
pub(super) type Copies = HashMap<Digest16, usize>;

/// Notes a record. Which one of its content it is, from 1.
pub(super) fn count(copies: &mut Copies, row: &Event) -> usize {
    let copies = copies.entry(row.fingerprint).or_default();
    *copies += 1;
    *copies
}

pub(super) struct List<'a, A> {
    ask: A,
    told: &'a (dyn Fn(usize) + Sync),
    /// The longest page seen so far.
    pub longest: usize,
    /// What the first reply gave as the length of the list.
    pub total: Option<usize>,
    pub effort: Effort,
}

impl<'a, A, F> List<'a, A>
where
    A: Fn(usize, usize) -> F + Sync,
    F: Future<Output = Result<Asked, SourceError>> + Send,
{
    pub(super) fn new(ask: A, longest: usize, told: &'a (dyn Fn(usize) + Sync)) -> Self {
        Self {
            ask,
            told,
            longest,
            total: None,
            effort: Effort::default(),
        }
    }

    async fn asked(&mut self, skip: usize, top: usize) -> Result<Page, SourceError> {
        let asked = (self.ask)(skip.min(FARTHEST), top).await?;
        self.effort.requests += u64::from(asked.tries);
        self.total = self.total.or(asked.page.total);
        Ok(asked.page)
    }

    /// A page, in ascending order by the second.
    pub(super) async fn page(&mut self, skip: usize) -> Result<Page, SourceError> {
        self.page_of(skip, TOP).await
    }

    /// A page of at most so many records.
    pub(super) async fn page_of(&mut self, skip: usize, top: usize) -> Result<Page, SourceError> {
        let page = self.asked(skip, top).await?;
        self.effort.pages += 1;
        self.longest = self.longest.max(page.rows.len());
        (self.told)(page.rows.len());
        let mut before = Time::MIN_UTC;
        for second in page
            .rows
            .iter()
            .filter_map(|row| row.time)
            .map(|time| Unit::Second.of(time))
        {
            if second < before {
                return Err(SourceError::Classic(ClassicError::NotAscending));
            }
            before = second;
        }
        Ok(page)
    }

    /// The record at a position, or the first on its page that has a time. None: there is none, most likely because the
    /// list ends before.
    pub(super) async fn record(&mut self, skip: usize) -> Result<Option<Event>, SourceError> {
        let mut page = self.asked(skip, 1).await?;
        if page.rows.first().is_some_and(|row| row.time.is_none()) {
            page = self.page(skip).await?;
        }
        Ok(page.rows.into_iter().find(|row| row.time.is_some()))
    }
}
