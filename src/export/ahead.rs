//! Commits and data objects read ahead: one after another each would cost a round trip to the store, and a year of them
//! half an hour.
//!
//! Nothing is taken for granted that was read ahead: whoever asks for a commit gets it as if it were read just then.

use std::collections::VecDeque;

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesOrdered};
use tokio::sync::SemaphorePermit;

use super::{Exporter, PassError};
use crate::{
    archive::ArchiveError,
    commit::{Object, sha256},
    encode::{Content, Lines},
    event::{Event, Mark, Schema},
    key,
    target::Api,
};

/// Commits and objects under way at once, at most.
const AHEAD: usize = 32;
/// No data object holds more content than this, in bytes: one millisecond of events under the largest budget.
const LARGEST_OBJECT: u64 = 64 << 30;

/// The way back from a commit to those before it. The further it is gone without a step left out, the more is read ahead.
pub(super) struct WayBack<'a> {
    exporter: &'a Exporter,
    /// There is none before this.
    oldest: u64,
    /// Whether the commits read ahead will be compared with the hashes in those after them. If not, they are read twice.
    linked: bool,
    /// The number that the first of `reads` reads; they go down from there.
    expected: Option<u64>,
    reads: FuturesOrdered<BoxFuture<'a, Result<Option<Bytes>, ArchiveError>>>,
    ahead: usize,
}

impl<'a> WayBack<'a> {
    pub(super) fn new(exporter: &'a Exporter, oldest: u64, linked: bool) -> Self {
        Self {
            exporter,
            oldest,
            linked,
            expected: None,
            reads: FuturesOrdered::new(),
            ahead: 0,
        }
    }

    /// As [`Exporter::commit_bytes`].
    pub(super) async fn commit_bytes(
        &mut self,
        number: u64,
        sha256: Option<&str>,
    ) -> Result<Option<Bytes>, PassError> {
        if self.expected == Some(number) && (sha256.is_some() || !self.linked) {
            self.ahead = (self.ahead * 2).min(AHEAD);
        } else {
            self.reads.clear();
            self.ahead = 1;
            self.read(number, sha256.is_some());
        }
        for before in self.reads.len()..self.ahead {
            if let Some(before) = number.checked_sub(before as u64)
                && before >= self.oldest
            {
                self.read(before, self.linked);
            }
        }
        self.expected = number.checked_sub(1);
        let read = self.reads.next().await.transpose();
        self.exporter.progress.looked();
        let read = read.map_err(PassError::Archive)?.flatten();
        match (sha256, &read) {
            // Bytes that were damaged on their way must not raise an alarm.
            (Some(sha256), Some(bytes)) if self::sha256(bytes) != sha256 => {
                let key = key::commit(&self.exporter.target.name, number);
                let again = self.exporter.shared.archive.read(&key).await;
                again.map_err(PassError::Archive)
            }
            _ => Ok(read),
        }
    }

    fn read(&mut self, number: u64, once: bool) {
        let archive = &self.exporter.shared.archive;
        let key = key::commit(&self.exporter.target.name, number);
        let read = async move {
            if once {
                archive.read(&key).await
            } else {
                archive.read_twice(&key).await
            }
        };
        self.reads.push_back(read.boxed());
    }
}

/// What is remembered of the events of many objects, in the order of these.
pub(super) struct Marks<'a> {
    exporter: &'a Exporter,
    objects: VecDeque<(Object, Api)>,
    reads: FuturesOrdered<BoxFuture<'a, Result<Read<'a>, PassError>>>,
}

/// An object's API, the marks of its events, and the room that they take.
type Read<'a> = (Api, Vec<Mark>, Option<SemaphorePermit<'a>>);

impl<'a> Marks<'a> {
    pub(super) fn new(exporter: &'a Exporter, objects: impl IntoIterator<Item = (Object, Api)>) -> Self {
        Self {
            exporter,
            objects: objects.into_iter().collect(),
            reads: FuturesOrdered::new(),
        }
    }

    /// Those of the next object that is wanted. Others are left out, but for some that were read ahead.
    pub(super) async fn next(
        &mut self,
        wanted: impl Fn(&Object) -> bool,
    ) -> Result<Option<(Api, Vec<Mark>)>, PassError> {
        while self.reads.len() < AHEAD
            && let Some((object, api)) = self.objects.pop_front()
        {
            if !wanted(&object) {
                continue;
            }
            // One at a time needs no room of its own; more are read where there is room to spare.
            let mut room = None;
            if !self.reads.is_empty() {
                let budget = &self.exporter.shared.budget;
                let Ok(taken) = budget.try_acquire_many(kibibytes(&object)) else {
                    self.objects.push_front((object, api));
                    break;
                };
                room = Some(taken);
            }
            let exporter = self.exporter;
            let read = async move { Ok((api, exporter.marks_in(&object, api).await?, room)) };
            self.reads.push_back(read.boxed());
        }
        let read = self.reads.next().await.transpose()?;
        Ok(read.map(|(api, marks, _)| (api, marks)))
    }
}

/// What an object takes in memory while it is read, and its marks afterwards.
fn kibibytes(object: &Object) -> u32 {
    let marks = object.events.saturating_mul(size_of::<Mark>() as u64);
    let bytes = object.bytes.saturating_add(marks);
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

impl Exporter {
    /// What is remembered of an object's events. Memory: its stored bytes, and the marks.
    pub(super) async fn marks_in(&self, object: &Object, api: Api) -> Result<Vec<Mark>, PassError> {
        let key = object.key.clone();
        let stored = self.shared.archive.read_known(&key, &object.sha256).await;
        self.progress.looked();
        let Some(stored) = stored.map_err(PassError::Archive)? else {
            return Err(PassError::BadObject {
                key,
                problem: "it is missing",
            });
        };
        let expected = object.sha256.clone();
        let reading = tokio::task::spawn_blocking(move || read_marks(key, &expected, api, stored));
        reading.await.map_err(PassError::Died)?
    }
}

fn read_marks(key: String, expected: &str, api: Api, stored: Bytes) -> Result<Vec<Mark>, PassError> {
    if sha256(&stored) != expected {
        return Err(PassError::BadObject {
            key,
            problem: "its SHA-256 is not the one in its commit",
        });
    }
    let schema = api.schema().unwrap_or(Schema::Unified);
    let (mut lines, mut marks) = (Lines::default(), Vec::new());
    let mut add = |line: Bytes| {
        if !line.is_empty() {
            marks.push(Event::parse(line, schema)?.mark());
        }
        Ok(())
    };
    let unreadable = |source| PassError::Unreadable {
        key: key.clone(),
        source,
    };
    let bad = |source| PassError::BadLine {
        key: key.clone(),
        source,
    };
    let mut content = Content::of(&key, stored, LARGEST_OBJECT).map_err(unreadable)?;
    while let Some(mut piece) = content.piece().map_err(unreadable)? {
        while let Some(line) = lines.cut(&mut piece) {
            add(line).map_err(bad)?;
        }
    }
    lines.last().map_or(Ok(()), &mut add).map_err(bad)?;
    Ok(marks)
}
