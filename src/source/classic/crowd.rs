//! A second with more rows than a page holds, in an order that no time tells: its rows are read by position, again and
//! again, until there is proof that none is missing.
//!
//! Where the order changes from call to call, each page tells how many rows of one content there are at least; once these
//! add up to as many rows as the second has, all have been seen. More rows of one content than a page holds never do: there
//! a row of readings that are all alike, with nothing moved in between, is taken for an order that stays. Two would not
//! do: an order that changes may look the same by chance.

use bytes::Bytes;

use super::{
    ClassicError,
    list::{Asked, Copies, FARTHEST, List, Stop, Unit, count},
    walk::{Walk, times},
};
use crate::{
    clock::Time,
    event::{Digest16, Event},
    source::SourceError,
};

/// So many readings of one second.
const ROUNDS: usize = 40;
/// So many readings in a row that are alike.
const ALIKE: usize = 10;
/// So many pages of one second.
const PAGES: usize = 2_000;
/// So many steps to where it begins.
const STEPS: usize = 40;

/// One reading of a second.
#[derive(Default)]
struct Round {
    /// Its rows, in the order of the list.
    rows: Vec<Digest16>,
    /// How many of each content.
    copies: Copies,
    /// Those that no page alone shows to be further copies.
    surplus: Vec<Event>,
    /// Where the next second begins, or the list ends.
    end: usize,
    /// The second that follows.
    next: Option<Time>,
}

impl Walk<'_, '_> {
    /// Takes the rest of the second. Returns the position of its last row.
    pub(super) async fn crowd<A, F>(&mut self, list: &mut List<'_, A>, near: usize) -> Result<usize, Stop>
    where
        A: Fn(usize, usize) -> F + Sync,
        F: Future<Output = Result<Asked, SourceError>> + Send,
    {
        let (mut earlier, mut alike) = (Vec::new(), 0);
        let (mut begin, mut end) = (near, None);
        for number in 0..ROUNDS {
            begin = self.beginning(list, begin).await?;
            let Some(round) = self.round(list, begin, number).await? else {
                alike = 0;
                continue;
            };
            if !self.begins(list, begin, &round, end.replace(round.end)).await? {
                alike = 0;
                continue;
            }
            alike = if earlier == round.rows { alike + 1 } else { 1 };
            let all_seen = self.taken.values().sum::<usize>() >= round.rows.len();
            if all_seen || alike == ALIKE {
                if !all_seen {
                    self.take_surplus(round.surplus, &round.copies)?;
                }
                self.pass(round.next);
                return Ok(round.end.saturating_sub(1));
            }
            earlier = round.rows;
        }
        Err(ClassicError::Crowd { second: self.second }.into())
    }

    fn take_surplus(&mut self, surplus: Vec<Event>, copies: &Copies) -> Result<(), Stop> {
        for row in surplus {
            let next = self.taken.get(&row.fingerprint).copied().unwrap_or_default() + 1;
            if copies.get(&row.fingerprint).is_some_and(|copies| next <= *copies) {
                self.take(row, next)?;
            }
        }
        Ok(())
    }

    fn is_before(&self, time: Time) -> bool {
        Unit::Second.of(time) < self.second
    }

    /// The position of the second's first row.
    async fn beginning<A, F>(&self, list: &mut List<'_, A>, near: usize) -> Result<usize, Stop>
    where
        A: Fn(usize, usize) -> F + Sync,
        F: Future<Output = Result<Asked, SourceError>> + Send,
    {
        let (mut at, mut back) = (near.saturating_sub(1), 1);
        // The row before this position is older.
        let mut proven = 0;
        for _ in 0..STEPS {
            let page = list.page(at).await?;
            let mut times = page.rows.iter().map(|row| row.time);
            let found = times.position(|time| time.is_some_and(|time| !self.is_before(time)));
            match found {
                Some(index) if index > 0 || at == proven => return Ok(at + index),
                None if !page.rows.is_empty() => {
                    at += page.rows.len();
                    proven = at;
                }
                _ if at == 0 => break,
                _ => (at, back) = (at.saturating_sub(back), back * 4),
            }
        }
        Err(Stop::Moved)
    }

    /// Whether the second still begins there. `end`: where the reading before ended.
    async fn begins<A, F>(
        &self,
        list: &mut List<'_, A>,
        at: usize,
        round: &Round,
        end: Option<usize>,
    ) -> Result<bool, Stop>
    where
        A: Fn(usize, usize) -> F + Sync,
        F: Future<Output = Result<Asked, SourceError>> + Send,
    {
        let Some(before) = at.checked_sub(1) else {
            // Nothing stands before it: rows that vanished meanwhile make it end earlier.
            return Ok(end == Some(round.end));
        };
        let first = list.record(at).await?.and_then(|row| row.time);
        let first = first.map(|time| Unit::Second.of(time));
        // It may have no rows at all: then the next one begins there.
        let stays = if round.rows.is_empty() {
            first == round.next
        } else {
            first == Some(self.second)
        };
        let before = list.record(before).await?.and_then(|row| row.time);
        Ok(stays && before.is_some_and(|time| self.is_before(time)))
    }

    /// Reads the second once. None: the list moved meanwhile.
    async fn round<A, F>(
        &mut self,
        list: &mut List<'_, A>,
        begin: usize,
        number: usize,
    ) -> Result<Option<Round>, Stop>
    where
        A: Fn(usize, usize) -> F + Sync,
        F: Future<Output = Result<Asked, SourceError>> + Send,
    {
        let mut round = Round {
            end: begin,
            ..Round::default()
        };
        let mut bytes = 0;
        // Pages end elsewhere in each reading, so that rows of one content stand together on some.
        let longest = list.longest.max(2);
        let top = longest - (number * 7 % longest.div_ceil(2));
        for _ in 0..PAGES {
            let page = list.page_of(round.end, top).await?;
            let first = page.rows.iter().find_map(|row| row.time);
            match first {
                None => return Ok(page.rows.is_empty().then_some(round)),
                Some(first) if self.is_before(first) => {
                    // The list moved, or ended, and this is its last page once more.
                    let last = list.page_of(FARTHEST, top).await?;
                    return Ok((times(&last) == times(&page)).then_some(round));
                }
                Some(_) => {}
            }
            let mut copies = Copies::new();
            for mut row in page.rows {
                let Some(time) = row.time else {
                    round.end += 1;
                    continue;
                };
                if Unit::Second.of(time) > self.second {
                    round.next = Some(Unit::Second.of(time));
                    return Ok(Some(round));
                }
                round.end += 1;
                round.rows.push(row.fingerprint);
                let (copy, of_round) = (count(&mut copies, &row), count(&mut round.copies, &row));
                let taken = self.taken.get(&row.fingerprint).copied().unwrap_or_default();
                if copy > taken {
                    self.take(row, copy)?;
                } else if of_round > taken && time < self.gather.end() {
                    // Its page's memory shall be free again.
                    row.raw = Bytes::copy_from_slice(&row.raw);
                    bytes += row.raw.len();
                    self.gather.allow(time, bytes)?;
                    round.surplus.push(row);
                }
            }
        }
        Err(ClassicError::Crowd { second: self.second }.into())
    }
}
