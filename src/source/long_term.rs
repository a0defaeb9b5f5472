//! `query/downloadeventsfromlongtermstore`: days that are over, as ZIP archives of JSON lists.
//!
//! One call for each UTC day, oldest first. UiPath's API guide does not speak of it: what is known comes from UiPath's own
//! export script and command line. What lies in a day's archive but has another day's time is read with the day
//! that it has; a store that files it elsewhere is told of in the log.

mod collect;
mod list;
mod problem;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::mpsc::{self, Sender};
use url::Url;

use self::{collect::Collect, list::Elements};
pub use self::{
    list::ListError,
    problem::{DayError, LongTermError},
};
use super::{
    Effort, Limits, Opening, Outcome, SourceError,
    http::{Connection, HttpError, NotExpected, Received},
    unified, zip,
    zip::ZipError,
};
use crate::{
    checkpoint::Known,
    clock::Time,
    error::Chain,
    event::{Event, Schema},
    target::{Target, day},
    window::{Window, earlier, later},
};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Days that one slice takes in, however empty they are: what was read is soon committed.
const MOST_DAYS: u64 = 31;
/// How often a day whose archive does not unpack is asked for, in one reading.
const TRIES: usize = 3;
/// Bytes of events handed on at a time.
const BATCH: usize = 1 << 20;
/// Bytes that are read of the answer to the small question of [`LongTerm::open`].
const SMALL: usize = 1 << 20;
/// So often more a day is asked for whose reply has no byte.
const SURE: u32 = 2;
/// Entries of a day, and how deep archives may lie within archives.
const ENTRIES: usize = 10_000;
const DEPTH: usize = 3;
/// Bytes of a day, unpacked.
const UNPACKED: u64 = 16 << 30;

/// The long-term store of an organization or tenant.
pub struct LongTerm {
    connection: Connection,
    organization: String,
    endpoint: Url,
    received: Arc<AtomicU64>,
    /// The day read last, for the next slice of it.
    last: Mutex<Option<(Time, Bytes)>>,
}

/// Why a reply is no archive.
#[derive(Debug, thiserror::Error)]
enum NoArchive {
    #[error("it is no ZIP archive")]
    Other,
    #[error(transparent)]
    Zip(ZipError),
    #[error("nothing came, and nothing says that this is all")]
    Nothing,
}

impl NotExpected for NoArchive {
    fn is_limit(&self) -> bool {
        false
    }
}

impl LongTerm {
    pub(super) fn new(target: &Target, connection: Connection) -> Self {
        Self {
            endpoint: unified::endpoint(&connection, target, "downloadeventsfromlongtermstore"),
            connection,
            organization: target.organization.clone(),
            received: Arc::default(),
            last: Mutex::new(None),
        }
    }

    pub(super) fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Counts the bytes that downloads bring, as they come.
    #[must_use]
    pub fn received(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.received)
    }

    /// A new pass: what a day held in the one before may have grown.
    pub(super) fn forget(&self) {
        self.keep(None);
    }

    /// Asks for yesterday, which is hardly there yet; of today a part is still to come, which a server may refuse.
    pub(super) async fn open(&self) -> Result<Opening, SourceError> {
        let yesterday = day(earlier(self.connection.now(), DAY));
        match self.ask(yesterday, SMALL, &mut Effort::default()).await {
            Ok((_, date)) => Ok(Opening::at(date)),
            Err(SourceError::LongTerm(LongTermError::Large { .. })) => Ok(Opening::at(None)),
            Err(error) => Err(error),
        }
    }

    /// The archive of the UTC day that begins at `day`, at most `most` bytes, proven to be whole. Empty: the server has
    /// nothing of that day.
    ///
    /// # Errors
    /// When it cannot be had, is no archive, is not whole, or does not unpack.
    pub async fn day(&self, day: Time, most: usize) -> Result<Bytes, SourceError> {
        let (bytes, _) = self.ask(day, most, &mut Effort::default()).await?;
        if !bytes.is_empty() {
            let (packed, limits) = (bytes.clone(), zip_limits(most));
            let mut drain = |reader: &mut dyn std::io::Read| {
                let read = std::io::copy(reader, &mut std::io::sink());
                read.map(drop).map_err(|source| ZipError::Entry { source })
            };
            let work = tokio::task::spawn_blocking(move || zip::visit(&packed, limits, &mut drain));
            let proven = work.await.unwrap_or(Err(ZipError::Damaged {
                problem: "unpacking was given up".to_owned(),
            }));
            proven.map_err(|error| wrong(day, DayError::Zip(error)))?;
        }
        Ok(bytes)
    }

    /// Reads whole days, oldest first, until a slice is full or the span is over.
    pub(super) async fn read(
        &self,
        span: Window,
        known: &Known,
        limits: Limits,
        told: &(impl Fn(usize) + Sync),
    ) -> Result<Outcome, SourceError> {
        let mut effort = Effort::default();
        let mut collect = Collect::new(span, known, limits);
        let first = day(span.from);
        let (mut at, mut tries) = (first, 0);
        while at < collect.end() {
            let read = self.take(at, limits, &mut collect, &mut effort, told).await;
            let next = later(at, DAY);
            tries += 1;
            match read {
                Ok(()) => at = next,
                // The days before it are complete: they are a slice, and the next one begins here.
                Err(error) if at > first => {
                    tracing::warn!(day = %at.date_naive(), error = %Chain(&error), "a day of the long-term store is left for the next slice");
                    collect.close(at);
                }
                Err(SourceError::LongTerm(LongTermError::Day { source, .. })) if tries < TRIES => {
                    tracing::warn!(day = %at.date_naive(), error = %Chain(&source), "asking for a day of the long-term store again");
                    collect = Collect::new(span, known, limits);
                }
                Err(error) => return Err(error),
            }
            if effort.pages >= MOST_DAYS {
                collect.close(at);
            }
        }
        Ok(Outcome::Complete(collect.finish(effort)?))
    }

    /// Reads one day.
    async fn take(
        &self,
        day: Time,
        limits: Limits,
        collect: &mut Collect<'_>,
        effort: &mut Effort,
        told: &(impl Fn(usize) + Sync),
    ) -> Result<(), SourceError> {
        let most = limits.bytes_of_an_instant;
        let kept = self.kept(day);
        let bytes = match kept {
            Some(bytes) => bytes,
            None => self.ask(day, most, effort).await?.0,
        };
        self.keep((bytes.len() <= limits.bytes).then(|| (day, bytes.clone())));
        effort.pages += 1;
        if bytes.is_empty() {
            return Ok(());
        }
        let (send, mut receive) = mpsc::channel(2);
        let work = tokio::task::spawn_blocking(move || unpack(&bytes, zip_limits(most), &send));
        let of_day = Window::new(day, later(day, DAY));
        let mut elsewhere = 0u64;
        while let Some(events) = receive.recv().await {
            let events: Vec<Event> = events;
            told(events.len());
            for event in events {
                elsewhere += u64::from(event.time.is_some_and(|time| !of_day.contains(time)));
                collect.take(event)?;
            }
        }
        let done = work.await.unwrap_or(Err(DayError::GivenUp));
        if let Err(source) = done {
            self.forget();
            return Err(wrong(day, source));
        }
        if elsewhere > 0 {
            tracing::error!(day = %day.date_naive(), events = elsewhere, "the long-term store files events under a day that is not theirs: those outside of the span that is read are not archived");
        }
        Ok(())
    }

    /// Asks for one day. Tells the server's clock too.
    async fn ask(
        &self,
        day: Time,
        most: usize,
        effort: &mut Effort,
    ) -> Result<(Bytes, Option<Time>), SourceError> {
        let mut url = self.endpoint.clone();
        let date = day.date_naive();
        // The server cuts both to whole days. Should it not, nothing of the day's last second is missing.
        url.query_pairs_mut()
            .append_pair("from", &format!("{date}T00:00:00Z"))
            .append_pair("to", &format!("{date}T23:59:59.9999999Z"));
        let count = |bytes: usize| {
            self.received.fetch_add(bytes as u64, Ordering::Relaxed);
        };
        let mut sure = 0;
        let reply = loop {
            let reply = self
                .connection
                .download(&self.organization, &url, most, &count, look)
                .await;
            match reply {
                // Nothing at all is no archive without entries: it is believed when it stays so.
                Ok(reply) if reply.body.is_empty() && sure < SURE => {
                    effort.requests += u64::from(reply.tries);
                    sure += 1;
                }
                other => break other,
            }
        };
        match reply {
            Ok(reply) => {
                effort.requests += u64::from(reply.tries);
                Ok((reply.body, reply.date))
            }
            Err(source) if source.is_too_large() => Err(LongTermError::Large { day, bytes: most }),
            Err(source @ (HttpError::NotFound { .. } | HttpError::NotUnderstood { .. })) => {
                let source = Box::new(source);
                Err(LongTermError::NotThere { source })
            }
            Err(source) => {
                let source = Box::new(source);
                Err(LongTermError::Ask { day, source })
            }
        }
        .map_err(SourceError::LongTerm)
    }

    fn kept(&self, day: Time) -> Option<Bytes> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref()
            .filter(|(kept, _)| *kept == day)
            .map(|(_, bytes)| bytes.clone())
    }

    fn keep(&self, last: Option<(Time, Bytes)>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }
}

fn wrong(day: Time, source: DayError) -> SourceError {
    SourceError::LongTerm(LongTermError::Day { day, source })
}

/// Takes a reply for what it should be: an archive that is there to its end, or nothing.
fn look(received: Received) -> Result<Bytes, NoArchive> {
    let Received { bytes, is_whole } = received;
    if bytes.is_empty() {
        return if is_whole {
            Ok(bytes)
        } else {
            Err(NoArchive::Nothing)
        };
    }
    if !zip::is_zip(&bytes) {
        return Err(NoArchive::Other);
    }
    match zip::is_whole(&bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(NoArchive::Zip(error)),
    }
}

fn zip_limits(inner: usize) -> zip::Limits {
    zip::Limits {
        entries: ENTRIES,
        depth: DEPTH,
        inner,
        unpacked: UNPACKED,
    }
}

/// Reads all events of an archive and hands them on. Blocks.
fn unpack(bytes: &[u8], limits: zip::Limits, send: &Sender<Vec<Event>>) -> Result<(), DayError> {
    let hand_on = |events: Vec<Event>| send.blocking_send(events).map_err(|_| DayError::GivenUp);
    zip::visit(bytes, limits, &mut |reader| {
        let mut elements = Elements::of(reader);
        let (mut batch, mut size) = (Vec::new(), 0);
        while let Some(raw) = elements.next().map_err(DayError::List)? {
            size += raw.len();
            batch.push(Event::parse(raw, Schema::LongTerm).map_err(DayError::Event)?);
            if size >= BATCH {
                hand_on(std::mem::take(&mut batch))?;
                size = 0;
            }
        }
        hand_on(batch)
    })
}

#[cfg(test)]
mod tests;
