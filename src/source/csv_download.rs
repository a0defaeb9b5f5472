//! `query/downloadevents` and `auditlogs/download`: CSV files that the server makes, taken byte for byte.
//!
//! A file is taken when it is proven to be whole: by a length, the last chunk, a checksum or an archive's directory; where
//! the reply has none of them, by asking again and getting the same bytes. The first endpoint includes both bounds: an
//! event at the very second where two files meet stands in both, and is never missed.

mod checked;
mod newest;
mod problem;
mod table;
mod width;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use chrono::SubsecRound as _;
use url::Url;

use self::{
    checked::{Checked, look},
    width::{ceil, fullness, half, whole_seconds},
};
pub use self::{problem::CsvError, table::Table, table::TableError};
use super::{
    Effort, Limits, Opening, Outcome, Slice, SourceError,
    filter::Question,
    http::{Connection, HttpError},
    page::Page,
    unified,
};
use crate::{
    clock::Time,
    error::Action,
    target::{Api, Target},
    window::{Window, earlier, later, narrower},
};

/// Rows at which `downloadevents` ends a file. Documented by UiPath; whether it then tells so is not.
const MOST_ROWS: u64 = 100_000;
/// How far back, and so how wide, `downloadevents` looks. Documented by UiPath.
const LONGEST: Duration = Duration::from_secs(90 * 24 * 3600);
/// While a request is on its way, what the server looks back to moves on.
const ON_ITS_WAY: Duration = Duration::from_secs(60);
/// Records that `auditlogs/download` puts into a file, at most. Documented by UiPath.
const NEWEST: u64 = 5000;
/// The server's bounds are trusted to the second.
const SECOND: Duration = Duration::from_secs(1);
/// How often a file is asked for that is no file, or whose end is not proven.
const TRIES: usize = 3;
/// Bytes that are read of the answer to a small question.
const SMALL: usize = 4 << 20;

/// The downloads of an organization or tenant.
pub struct CsvDownload {
    api: Api,
    connection: Connection,
    organization: String,
    endpoint: Url,
    /// The filter asks for a text, which these downloads do not know.
    searches: bool,
    /// What each request carries beside the span.
    question: Question,
    most_rows: u64,
    newest: u64,
    received: Arc<AtomicU64>,
}

impl CsvDownload {
    pub(super) fn new(target: &Target, connection: Connection) -> Self {
        let is_unified = target.api == Api::UnifiedCsv;
        let (endpoint, question) = if is_unified {
            (
                unified::endpoint(&connection, target, "downloadevents"),
                Question::new(target.filter.clone()),
            )
        } else {
            (
                newest::endpoint(&connection, target),
                Question::fixed(newest::parameters(target)),
            )
        };
        Self {
            api: target.api,
            organization: target.organization.clone(),
            searches: is_unified
                && target
                    .filter
                    .as_ref()
                    .is_some_and(|filter| filter.search.is_some()),
            connection,
            endpoint,
            question,
            most_rows: MOST_ROWS,
            newest: NEWEST,
            received: Arc::default(),
        }
    }

    pub(super) fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    pub(super) fn api(&self) -> Api {
        self.api
    }

    /// A file ends at so many rows, whatever the documents say: for a server, or a test, that has another cap.
    pub fn cap_at(&mut self, rows: u64) {
        self.most_rows = rows;
    }

    /// Counts the bytes that downloads bring, as they come; repeats too.
    #[must_use]
    pub fn received(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.received)
    }

    /// Looks up the names in the filter.
    pub(super) async fn prepare(&mut self) -> Result<(), SourceError> {
        if self.searches {
            return Err(SourceError::Csv(CsvError::Search));
        }
        let question = &mut self.question;
        question
            .look_up(&self.connection, &self.organization, &self.endpoint)
            .await
    }

    /// Asks for the last second, or for one record.
    pub(super) async fn open(&self) -> Result<Opening, SourceError> {
        let url = match self.api {
            Api::UnifiedCsv => self.address(self.last_second()),
            _ => self.question_for_newest(1),
        };
        match self.download(&url, SMALL, &mut Effort::default()).await {
            Ok((_, date)) => Ok(Opening::at(date)),
            Err(error) if error.is_too_large() => Ok(Opening::at(None)),
            Err(error) => Err(SourceError::Http(error)),
        }
    }

    /// Reads the file of a span, or of an older part of it.
    pub(super) async fn read(
        &self,
        span: Window,
        limits: Limits,
        told: &(impl Fn(usize) + Sync),
    ) -> Result<Outcome, SourceError> {
        let outcome = match self.api {
            Api::UnifiedCsv => self.read_span(span, limits).await?,
            _ => self.read_newest(span, limits).await?,
        };
        if let Outcome::Complete(slice) = &outcome {
            told(usize::try_from(slice.pulled).unwrap_or(usize::MAX));
        }
        Ok(outcome)
    }

    async fn read_span(&self, span: Window, limits: Limits) -> Result<Outcome, SourceError> {
        let mut effort = Effort::default();
        let (mut asked, span) = whole_seconds(span);
        let too_big = |width: Duration, effort| Ok(Outcome::TooBig { width, effort });
        if asked.width() > LONGEST {
            return too_big(LONGEST, effort);
        }
        let (mut complete_from, mut hollow) = (None, 0);
        let file = loop {
            let narrowest = asked.width() <= SECOND;
            let (most, rows) = if narrowest {
                (limits.bytes_of_an_instant, usize::MAX)
            } else {
                (limits.bytes, limits.events)
            };
            match self.file(&self.address(asked), most, &mut effort).await {
                Ok(file) if file.rows >= self.most_rows || file.rows > rows as u64 => {
                    if narrowest {
                        let (at, rows) = (asked.from, file.rows);
                        return Err(SourceError::Csv(CsvError::Full { at, rows }));
                    }
                    return too_big(self.fitting(asked, &file, limits), effort);
                }
                Ok(file)
                    if file.rows == 0
                        && hollow + 1 < TRIES
                        && self.shows_events(asked, &mut effort).await? =>
                {
                    hollow += 1;
                }
                Ok(file) => break file,
                Err(SourceError::Csv(CsvError::Large { .. })) if !narrowest => {
                    return too_big(half(asked), effort);
                }
                Err(SourceError::Http(error @ HttpError::NotUnderstood { .. }))
                    if complete_from.is_none() =>
                {
                    self.is_understood(error, &mut effort).await?;
                    let since = later(earlier(self.connection.now(), LONGEST), ON_ITS_WAY);
                    if asked.from >= since {
                        if narrowest {
                            let at = asked.from;
                            return Err(SourceError::Csv(CsvError::Refused { at }));
                        }
                        return too_big(half(asked), effort);
                    }
                    // Older than the server looks back: what is left of it.
                    let since = ceil(since).min(asked.to);
                    complete_from = Some(since.min(span.to));
                    asked = Window::new(since, asked.to);
                    if asked.is_empty() {
                        return Ok(Outcome::Complete(bare(span, complete_from, effort)));
                    }
                }
                Err(error) => return Err(error),
            }
        };
        if file.rows == 0 && hollow > 0 && self.shows_events(asked, &mut effort).await? {
            return Err(SourceError::Csv(CsvError::Hollow));
        }
        let mut slice = bare(span, complete_from, effort);
        slice.fullness = fullness(&file, limits);
        slice.pulled = file.rows;
        if file.rows > 0 {
            slice.oldest = Some(complete_from.unwrap_or(span.from));
            slice.file = Some(file.into_file());
        }
        Ok(Outcome::Complete(slice))
    }

    /// Whether the list beside the file has an event of the span: a file without a row proves nothing.
    async fn shows_events(&self, asked: Window, effort: &mut Effort) -> Result<bool, SourceError> {
        let mut url = self.address(asked);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop().push("events");
        }
        let read = |body: Bytes| Page::parse(&body);
        match self.connection.get(&self.organization, &url, read).await {
            Ok(reply) => {
                effort.requests += u64::from(reply.tries);
                let mut times = reply.body.events.iter().filter_map(|event| event.time);
                Ok(times.any(|time| asked.contains(time)))
            }
            // A platform, or a permission, without the list.
            Err(error) if error.action() == Action::Stop => Ok(false),
            Err(error) => Err(SourceError::Http(error)),
        }
    }

    /// A width for a span whose file is too big.
    fn fitting(&self, asked: Window, file: &Checked, limits: Limits) -> Duration {
        if file.rows >= self.most_rows {
            return half(asked);
        }
        let width = narrower(asked.width(), asked.width(), fullness(file, limits));
        Duration::from_secs(width.as_secs()).max(SECOND)
    }

    /// Asks for the last second: whether it is the span alone that the server did not like.
    async fn is_understood(&self, error: HttpError, effort: &mut Effort) -> Result<(), SourceError> {
        let url = self.address(self.last_second());
        match self.download(&url, SMALL, effort).await {
            Ok(_) => Ok(()),
            Err(other) if other.is_too_large() => Ok(()),
            Err(_) => Err(SourceError::Http(error)),
        }
    }

    fn last_second(&self) -> Window {
        let now = self.connection.now().trunc_subsecs(0);
        Window::new(earlier(now, SECOND), now)
    }

    fn address(&self, asked: Window) -> Url {
        let mut url = self.endpoint.clone();
        let spell = |time: Time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        url.query_pairs_mut()
            .append_pair("from", &spell(asked.from))
            .append_pair("to", &spell(asked.to))
            .extend_pairs(self.question.parameters());
        url
    }

    /// Asks for a file until one came that is whole.
    async fn file(&self, url: &Url, most: usize, effort: &mut Effort) -> Result<Checked, SourceError> {
        let mut before: Option<Checked> = None;
        let mut wrong = CsvError::Unproven;
        for _ in 0..TRIES {
            let received = match self.download(url, most, effort).await {
                Ok((received, _)) => received,
                Err(error) if error.is_too_large() => {
                    return Err(SourceError::Csv(CsvError::Large { bytes: most }));
                }
                Err(error) => return Err(SourceError::Http(error)),
            };
            let work = tokio::task::spawn_blocking(move || Checked::check(received, most));
            match work.await.unwrap_or(Err(CsvError::GivenUp)) {
                Ok(file) if file.is_whole || before.is_some_and(|before| before.bytes == file.bytes) => {
                    return Ok(file);
                }
                Ok(file) => (before, wrong) = (Some(file), CsvError::Unproven),
                Err(error @ CsvError::Large { .. }) => return Err(SourceError::Csv(error)),
                Err(error) => (before, wrong) = (None, error),
            }
        }
        Err(SourceError::Csv(wrong))
    }

    async fn download(
        &self,
        url: &Url,
        most: usize,
        effort: &mut Effort,
    ) -> Result<(super::http::Received, Option<Time>), HttpError> {
        let count = |bytes: usize| {
            self.received.fetch_add(bytes as u64, Ordering::Relaxed);
        };
        let reply = self
            .connection
            .download(&self.organization, url, most, &count, look)
            .await?;
        effort.requests += u64::from(reply.tries);
        effort.pages += 1;
        Ok((reply.body, reply.date))
    }
}

/// A slice without any row.
fn bare(span: Window, complete_from: Option<Time>, effort: Effort) -> Slice {
    Slice {
        span,
        events: Vec::new(),
        packed: Vec::new(),
        file: None,
        complete_from,
        pulled: 0,
        duplicate: 0,
        conflict: 0,
        oldest: None,
        effort,
        fullness: 0.0,
    }
}

#[cfg(test)]
mod tests;
