//! `auditlogs`: the classic logs experience. Records without id, no time filter, pages by offset.
//!
//! A span's beginning is searched for, then the list is walked from there to its end. Identity is the content, counted:
//! n records that are alike on the server are n records in the archive. The list's own facts are in UiPath's API guide
//! ("Get audit logs", classic logs experience); what the guide leaves open is read so that it is right either way.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use url::Url;

use super::{
    Effort, Limits, Opening, Outcome, Slice, SourceError,
    http::{Connection, Reply},
    unified::MARGIN,
};
use crate::{
    checkpoint::Known,
    clock::Time,
    target::{self, Target},
    window::{Window, earlier},
};

mod crowd;
mod error;
mod gather;
mod list;
#[cfg(test)]
mod model;
pub(super) mod page;
mod search;
#[cfg(test)]
mod tests;
mod walk;

pub use error::ClassicError;
use gather::Gather;
use list::{Asked, List, Stop, Unit};
use page::Page;
use search::Hint;
use walk::Walk;

/// So often a slice is begun anew where the list moved too much.
const TRIES: u32 = 3;
/// So many places in the list are remembered.
const HINTS: usize = 8;

/// The classic audit log of an organization.
pub struct Classic {
    connection: Connection,
    organization: String,
    endpoint: Url,
    form: target::Classic,
    memory: Memory,
}

/// What earlier readings learned of a server's list. May be out of date.
#[derive(Default)]
struct Memory {
    /// The longest page.
    longest: AtomicUsize,
    hints: Mutex<VecDeque<Hint>>,
}

impl Memory {
    /// The place remembered that is closest to a time.
    fn hint(&self, time: Time) -> Option<Hint> {
        let hints = self.hints.lock().unwrap_or_else(PoisonError::into_inner);
        hints.iter().min_by_key(|hint| (hint.time - time).abs()).copied()
    }

    fn note(&self, hint: Hint) {
        let mut hints = self.hints.lock().unwrap_or_else(PoisonError::into_inner);
        hints.push_front(hint);
        hints.truncate(HINTS);
    }
}

impl Classic {
    pub(super) fn new(target: &Target, connection: Connection) -> Self {
        Self {
            endpoint: endpoint(&connection, target),
            connection,
            organization: target.organization.clone(),
            form: target.classic.clone(),
            memory: Memory::default(),
        }
    }

    pub(super) fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// The address of a page, its parameters always in the same order.
    fn address(&self, skip: usize, top: usize) -> Url {
        let mut url = self.endpoint.clone();
        let language = self.form.language.iter().map(|value| ("language", value));
        let version = self.form.api_version.iter().map(|value| ("api-version", value));
        url.query_pairs_mut()
            .extend_pairs(language.chain(version))
            .append_pair("top", &top.to_string())
            .append_pair("skip", &skip.to_string())
            .append_pair("sortBy", "createdOn")
            .append_pair("sortOrder", "asc");
        url
    }

    async fn page(&self, skip: usize, top: usize) -> Result<Reply<Page>, SourceError> {
        let url = self.address(skip, top);
        let reply = self
            .connection
            .get(&self.organization, &url, |body| match skip {
                0 => Page::first(&body),
                _ => Page::parse(&body),
            })
            .await;
        reply.map_err(|source| match ClassicError::of(source, &self.form) {
            Ok(error) => SourceError::Classic(error),
            Err(source) => SourceError::Http(*source),
        })
    }

    pub(super) async fn open(&self) -> Result<Opening, SourceError> {
        let reply = self.page(0, 1).await?;
        Ok(Opening::at(reply.date))
    }

    pub(super) async fn read(
        &self,
        span: Window,
        known: &Known,
        limits: Limits,
        told: &(impl Fn(usize) + Sync),
    ) -> Result<Outcome, SourceError> {
        let ask = async |skip, top| {
            let reply = self.page(skip, top).await?;
            Ok(Asked {
                page: reply.body,
                tries: reply.tries,
            })
        };
        let slice = read(ask, &self.memory, span, known, limits, told).await?;
        let undated = slice.events.iter().filter(|event| event.time.is_none()).count();
        if undated > 0 {
            tracing::warn!(
                records = undated,
                "the server shows classic records without a readable `createdOn`: kept with what was read beside them"
            );
        }
        Ok(Outcome::Complete(slice))
    }
}

/// The list's address, in the forms that the API guide shows: organization, and tenant, in the path or not; the
/// organization's GUID at the end or not.
pub(super) fn endpoint(connection: &Connection, target: &Target) -> Url {
    let mut endpoint = connection.url().clone();
    if let Ok(mut path) = endpoint.path_segments_mut() {
        path.pop_if_empty();
        if target.classic.organization_in_path {
            path.push(&target.organization);
        }
        path.extend(&target.tenant);
        path.extend(["audit_", "api", "auditlogs"]);
        path.extend(&target.classic.partition_global_id);
    }
    endpoint
}

/// Reads a span, or an older part of it, through `ask`: `skip` and `top` into a page.
async fn read<A, F>(
    ask: A,
    memory: &Memory,
    span: Window,
    known: &Known,
    limits: Limits,
    told: &(dyn Fn(usize) + Sync),
) -> Result<Slice, SourceError>
where
    A: Fn(usize, usize) -> F + Sync,
    F: Future<Output = Result<Asked, SourceError>> + Send,
{
    let mut effort = Effort::default();
    for _ in 0..TRIES {
        let longest = memory.longest.load(Ordering::Relaxed);
        let mut list = List::new(&ask, longest, told);
        let mut gather = Gather::new(span, known, limits);
        let outcome = attempt(&mut list, memory, &mut gather, span).await;
        effort += list.effort;
        memory.longest.fetch_max(list.longest, Ordering::Relaxed);
        match outcome {
            Ok(()) => return Ok(gather.finish(effort)),
            Err(Stop::Moved) => {}
            Err(Stop::Failed(error)) => return Err(error),
        }
    }
    Err(SourceError::Classic(ClassicError::Moved { tries: TRIES }))
}

async fn attempt<A, F>(
    list: &mut List<'_, A>,
    memory: &Memory,
    gather: &mut Gather<'_>,
    span: Window,
) -> Result<(), Stop>
where
    A: Fn(usize, usize) -> F + Sync,
    F: Future<Output = Result<Asked, SourceError>> + Send,
{
    // A server may sort by the second, and round it.
    let begin = Unit::Second.of(earlier(span.from, MARGIN));
    let at = list.search(begin, memory.hint(begin)).await?;
    let mut walk = Walk::new(begin, gather);
    let at = walk.run(list, at).await?;
    let time = walk.second;
    memory.note(Hint { time, at });
    Ok(())
}
