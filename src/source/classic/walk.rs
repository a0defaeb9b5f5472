//! Walks the list forward from a place before the span to its end, page by page, while rows vanish at the front and slip
//! in anywhere: positions are guesses, times are proof.
//!
//! A page counts only if it begins before the rows that were taken last: then it holds all rows from there on, wherever
//! they stand now. Rows of the second that was cut by the end of a page are compared with what was taken of it, content
//! by content, and only further copies are taken. So it does not matter in which order rows of a second stand, nor
//! whether that order changes from call to call.

use super::{
    gather::Gather,
    list::{Asked, Copies, FARTHEST, List, Stop, Unit, count},
    page::Page,
};
use crate::{clock::Time, event::Event, source::SourceError, window::later};

/// So many pages in a row without anything new.
const PATIENCE: usize = 40;
/// Where a page does not begin before what was taken, the next try begins this much earlier; each further one four
/// times as much.
const BACK: usize = 4;
/// Where a page shows nothing new although more follows, so many tries begin a little earlier: pages may be short.
const SHORT: usize = 6;
/// No server's pages are as short as this: where its last page is, it is the whole list.
const FEW: usize = 8;
/// So seldom one request more is sent, lest a list that changes in step with ours is always asked at the wrong time.
const RHYTHM: usize = 5;
const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

/// How far a walk has come.
pub(super) struct Walk<'g, 'a> {
    pub gather: &'g mut Gather<'a>,
    /// The second that rows are taken of.
    pub second: Time,
    unit: Unit,
    /// Within it: rows before this, by `unit`, have all been taken.
    key: Time,
    /// What was taken of that second.
    pub taken: Copies,
    /// Rows without a time that were taken, of the whole walk.
    undated: Copies,
}

/// What a page meant.
enum Seen {
    /// It begins after rows that have to be compared.
    Ahead,
    /// Rows of one second are in no order.
    Disorder,
    Rows {
        /// Taken.
        new: usize,
        /// The position of the last row before those that the next page has to show again.
        before: usize,
        /// Everything of the span has been taken.
        done: bool,
    },
}

impl<'g, 'a> Walk<'g, 'a> {
    /// Takes rows from `second` on.
    pub(super) fn new(second: Time, gather: &'g mut Gather<'a>) -> Self {
        Self {
            gather,
            second,
            unit: Unit::Second,
            key: second,
            taken: Copies::new(),
            undated: Copies::new(),
        }
    }

    fn is_done(&self) -> bool {
        self.second >= self.gather.end()
    }

    fn advance(&mut self, second: Time) {
        (self.second, self.unit, self.key) = (second, Unit::Second, second);
        self.taken.clear();
    }

    /// Takes a row, unless as many like it were taken as were seen on its page.
    pub(super) fn take(&mut self, row: Event, copy: usize) -> Result<bool, SourceError> {
        let taken = if row.time.is_some() {
            &mut self.taken
        } else {
            &mut self.undated
        };
        let taken = taken.entry(row.fingerprint).or_default();
        if copy <= *taken {
            return Ok(false);
        }
        *taken = copy;
        self.gather.take(row, copy)?;
        Ok(true)
    }

    fn look_at(&mut self, page: Page, at: usize) -> Result<Seen, Stop> {
        let times = times(&page);
        if at > 0 && !self.is_proven(&page) {
            return Ok(Seen::Ahead);
        }
        if self.unit != Unit::Second && !self.in_order(&times, self.unit) {
            return Ok(Seen::Disorder);
        }
        let (mut new, mut done) = (0, false);
        let (mut copies, mut undated) = (Copies::new(), Copies::new());
        for row in page.rows {
            let Some(time) = row.time else {
                let copy = count(&mut undated, &row);
                new += usize::from(self.take(row, copy)?);
                continue;
            };
            let key = self.unit.of(time);
            if key < self.key {
                continue;
            }
            let second = Unit::Second.of(time);
            if second > self.second {
                self.advance(second);
                copies.clear();
                if self.is_done() {
                    done = true;
                    break;
                }
            } else {
                self.key = key;
            }
            let copy = count(&mut copies, &row);
            new += usize::from(self.take(row, copy)?);
        }
        Ok(Seen::Rows {
            new,
            before: at + self.last_before(&times),
            done,
        })
    }

    /// Whether a page begins before the rows that have to be compared. Within a second an older row alone proves nothing,
    /// since the server may keep another order there: rows that were taken have to follow it, or none at all.
    fn is_proven(&self, page: &Page) -> bool {
        let mut dated = page.rows.iter().filter_map(|row| Some((row.time?, row)));
        let Some((first, _)) = dated.next().filter(|(first, _)| self.unit.of(*first) < self.key) else {
            return false;
        };
        if Unit::Second.of(first) < self.second {
            return true;
        }
        let mut others = dated
            .filter(|(time, _)| self.unit.of(*time) >= self.key)
            .peekable();
        let is_taken = |(time, row): (Time, &Event)| {
            self.unit.of(time) == self.key && self.taken.contains_key(&row.fingerprint)
        };
        others.peek().is_none() || others.any(is_taken)
    }

    /// The last row that lies before the key.
    fn last_before(&self, times: &[Option<Time>]) -> usize {
        let is_before = |time: &Option<Time>| time.is_some_and(|time| self.unit.of(time) < self.key);
        times.iter().rposition(is_before).unwrap_or(0)
    }

    fn in_order(&self, times: &[Option<Time>], unit: Unit) -> bool {
        let times = times.iter().flatten();
        times
            .filter(|time| Unit::Second.of(**time) == self.second)
            .map(|time| unit.of(*time))
            .is_sorted()
    }

    /// Tells rows apart more finely, where those of one second do not fit on a page. Whether that helps.
    fn refine(&mut self, times: &[Option<Time>]) -> bool {
        let of_second = |time: &&Time| Unit::Second.of(**time) == self.second;
        let Some(last) = times.iter().flatten().rfind(of_second) else {
            return false;
        };
        let mut unit = self.unit;
        while let Some(finer) = unit.finer() {
            unit = finer;
            if unit.of(*last) > self.key && self.in_order(times, unit) {
                (self.unit, self.key) = (unit, unit.of(*last));
                return true;
            }
        }
        false
    }

    /// Reads the list on from about `at`. Returns the position of a row close to the end.
    pub(super) async fn run<A, F>(&mut self, list: &mut List<'_, A>, mut at: usize) -> Result<usize, Stop>
    where
        A: Fn(usize, usize) -> F + Sync,
        F: Future<Output = Result<Asked, SourceError>> + Send,
    {
        let (mut back, mut idle, mut short) = (BACK, 0, 0);
        // So much earlier than needed a page begins: rows vanish at the front meanwhile.
        let mut slack: usize = 0;
        // Here the list ended when it was last asked.
        let mut ended = None;
        while !self.is_done() {
            if idle > PATIENCE {
                return Err(Stop::Moved);
            }
            idle += 1;
            let page = list.page(at).await?;
            let length = page.rows.len();
            if length == 0 && at == 0 {
                if ended.replace(0) == Some(0) {
                    return Ok(0);
                }
                continue;
            }
            let times = times(&page);
            let (new, before) = match self.look_at(page, at)? {
                Seen::Ahead => {
                    (at, back) = (at.saturating_sub(back), back.saturating_mul(4));
                    slack = (slack * 2).max(2).min(list.longest / 3);
                    continue;
                }
                Seen::Disorder => {
                    at = self.crowd(list, at).await?;
                    (idle, short, ended) = (0, 0, None);
                    continue;
                }
                Seen::Rows {
                    done: true, before, ..
                } => return Ok(before),
                Seen::Rows { new, before, .. } => (new, before),
            };
            back = BACK;
            let end = at + length;
            if new == 0 && ended == Some(end) {
                return Ok(before);
            }
            if new > 0 {
                (idle, short, slack) = (0, 0, slack * 3 / 4);
            }
            let next = before.saturating_sub(slack);
            let stays = new == 0 && next <= at;
            if stays && slack > 0 {
                (at, slack) = (before, 0);
                continue;
            }
            at = if stays { at } else { next };
            if !stays && length >= list.longest {
                ended = None;
                continue;
            }
            // The end, or a short page, or more rows of one second than a page holds.
            if !self.follows(list, end, idle).await? {
                ended = Some(end);
                continue;
            }
            ended = None;
            if stays {
                short += 1;
                if length >= list.longest || short > SHORT || at == 0 {
                    (at, idle) = (self.dig(list, at, &times).await?, 0);
                } else {
                    at = at.saturating_sub(short);
                }
            }
        }
        Ok(at)
    }

    /// Goes on where a page holds no more than one group of rows that are told apart too coarsely.
    async fn dig<A, F>(
        &mut self,
        list: &mut List<'_, A>,
        at: usize,
        times: &[Option<Time>],
    ) -> Result<usize, Stop>
    where
        A: Fn(usize, usize) -> F + Sync,
        F: Future<Output = Result<Asked, SourceError>> + Send,
    {
        if self.refine(times) {
            return Ok(at + self.last_before(times));
        }
        self.crowd(list, at).await
    }

    /// Whether rows follow at a position. Beyond the end a server may show its last page again.
    async fn follows<A, F>(&mut self, list: &mut List<'_, A>, end: usize, idle: usize) -> Result<bool, Stop>
    where
        A: Fn(usize, usize) -> F + Sync,
        F: Future<Output = Result<Asked, SourceError>> + Send,
    {
        if idle.is_multiple_of(RHYTHM) {
            list.record(end).await?;
        }
        let page = list.page(end).await?;
        if page.rows.is_empty() {
            return Ok(false);
        }
        let shown = times(&page);
        match self.look_at(page, end)? {
            Seen::Rows { new: 0, .. } => {}
            // All of a short list may be of one second.
            Seen::Ahead if end < FEW && shown.len() == end => {}
            Seen::Rows { .. } | Seen::Ahead | Seen::Disorder => return Ok(true),
        }
        // Rows that were taken already: the list has grown at the front, or this is its last page.
        let last = list.page(FARTHEST).await?;
        Ok(last.rows.is_empty() || times(&last) != shown)
    }

    /// All rows of the second have been taken; the next rows are of `next`, if there are any.
    pub(super) fn pass(&mut self, next: Option<Time>) {
        self.advance(next.unwrap_or_else(|| later(self.second, SECOND)));
    }
}

/// Rows of one time may stand in another order on each call.
pub(super) fn times(page: &Page) -> Vec<Option<Time>> {
    page.rows.iter().map(|row| row.time).collect()
}
