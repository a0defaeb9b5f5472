//! The archived events of a span, as JSONL in the order of time, then id, over all commits.
//!
//! Reads exactly: keys are taken from the commits, and nothing of an object is written before its SHA-256 was compared
//! with its commit's. What stands in the way is an error, never a shorter answer; that the archive itself does not cover
//! the span is told in the [`CatSummary`].
//!
//! An event without a readable time is taken to lie at the beginning of the window of its commit, before the events of
//! that very instant. So touching spans tell every event once, it too.
//!
//! Memory: the content of the objects that overlap where the output stands and of three more, 64 MiB of what is read ahead of
//! them (16 MiB for each core where that is more), and the records of the commits since the span began. A backfill is taken not to reach beyond the coverage of its time.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, VecDeque},
    io,
    vec::IntoIter,
};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::task::JoinError;

use crate::{
    archive::{Archive, ArchiveError},
    clock::Time,
    event::{Event, Schema},
    target::TargetName,
    verify::{AT_ONCE, Finding, Gap, MAX_CONTENT, Problem, Room, Taken, unpack},
    window::Window,
};

mod plan;
#[cfg(test)]
mod tests;

use plan::{Part, Reader};

/// Objects unpacked ahead.
const AHEAD: usize = 3;
/// Output is written in pieces of about this many bytes.
const PIECE: usize = 64 * 1024;

/// What was written, and what of the span the archive cannot tell.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CatSummary {
    /// Events written.
    pub events: u64,
    /// Of these, those without a readable time.
    pub undated: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Data objects read.
    pub objects: u64,
    /// The parts of the span that no commit covers: before the oldest commit, after the last, or a hole.
    pub uncovered: Vec<Window>,
    /// The parts of the span that are admitted gaps.
    pub gaps: Vec<Gap>,
}

impl CatSummary {
    /// Whether the archive tells everything about the span.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.uncovered.is_empty() && self.gaps.is_empty()
    }
}

/// Why not all events could be written. What was written is correct as far as it goes.
#[derive(Debug, thiserror::Error)]
pub enum CatError {
    /// The archive's store.
    #[error("read the archive")]
    Archive(#[source] ArchiveError),
    /// The target has no commit.
    #[error("read the target `{target}`: the archive `{place}` holds no commit of it")]
    NoCommits {
        /// The target.
        target: TargetName,
        /// The archive.
        place: String,
    },
    /// The target's commits hold no events.
    #[error("read the events of the target `{target}`: its archive holds the server's own files")]
    Files {
        /// The target.
        target: TargetName,
    },
    /// An object is not what it was, or gone.
    #[error("read `{}`: {}", .0.key, .0.message)]
    Altered(Box<Finding>),
    /// The output. A closed pipe (`BrokenPipe`) is the caller's to take for no error.
    #[error("write the events")]
    Output(#[source] io::Error),
    /// A worker died.
    #[error("read an object")]
    Died(#[source] JoinError),
}

impl CatError {
    fn altered(key: impl Into<String>, problem: Problem) -> Self {
        Self::Altered(Box::new(problem.of(key)))
    }

    /// Whether nobody reads the output any more, as when it is piped into `head`.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// 12: the archive cannot be read; 10: it was altered; 2: it holds files, not events; 1: anything else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Archive(_) | Self::NoCommits { .. } => 12,
            Self::Altered(_) => 10,
            Self::Files { .. } => 2,
            Self::Output(_) | Self::Died(_) => 1,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Archive(source) => source.hint(),
            Self::NoCommits { .. } => Some("is the target's name spelled right?".to_owned()),
            Self::Files { target } => Some(format!(
                "the files lie below `raw/` and are named by the commits below `commits/{target}/`"
            )),
            Self::Altered(finding) => Some(format!("`verify` tells all that is wrong; {}", finding.hint)),
            Self::Output(_) | Self::Died(_) => None,
        }
    }
}

/// Writes the archived events whose time lies in `span` to `out`, one a line.
///
/// # Errors
/// If the archive cannot be read, an object in the way was altered, or `out` fails.
pub async fn cat(
    archive: &Archive,
    target: &TargetName,
    span: Window,
    out: &mut (impl AsyncWrite + Unpin + Send),
) -> Result<CatSummary, CatError> {
    let reader = Reader {
        archive: archive.clone(),
        target: target.clone(),
        span,
    };
    let (mut summary, mut parts) = reader.plan().await?;
    parts.sort_by_key(|part| part.begins);
    let mut begins: VecDeque<Time> = parts.iter().map(|part| part.begins).collect();
    let room = Room::here();
    let mut objects = stream::iter(parts)
        .map(|part| read(archive.clone(), room.clone(), part))
        .buffered(AT_ONCE)
        .map(|read| load(read, span))
        .buffered(AHEAD);
    let mut next: BinaryHeap<Head> = BinaryHeap::new();
    let mut piece = Vec::with_capacity(PIECE + PIECE / 4);
    loop {
        // Every object that may begin before the next line has to be seen first.
        while let Some(begin) = begins.front()
            && next.peek().is_none_or(|head| *begin <= head.line.time)
        {
            begins.pop_front();
            let Some(lines) = objects.try_next().await? else {
                break;
            };
            summary.objects += 1;
            next.extend(Head::of(lines.into_iter(), summary.objects));
        }
        let Some(Head { line, rest, object }) = next.pop() else {
            break;
        };
        next.extend(Head::of(rest, object));
        piece.extend_from_slice(&line.event.raw);
        piece.push(b'\n');
        summary.events += 1;
        summary.undated += u64::from(line.event.time.is_none());
        if piece.len() >= PIECE {
            summary.bytes += piece.len() as u64;
            out.write_all(&piece).await.map_err(CatError::Output)?;
            piece.clear();
        }
    }
    summary.bytes += piece.len() as u64;
    out.write_all(&piece).await.map_err(CatError::Output)?;
    out.flush().await.map_err(CatError::Output)?;
    Ok(summary)
}

/// An event and where it stands in the order.
#[derive(Debug)]
struct Line {
    /// Its time; where it has none, the beginning of its commit's window.
    time: Time,
    event: Event,
}

impl Line {
    fn order(&self, other: &Self) -> Ordering {
        let times = self.time.cmp(&other.time);
        times.then_with(|| self.event.order().cmp(&other.event.order()))
    }
}

/// The next line of an object, and those after it. The greatest is the first to be written.
struct Head {
    line: Line,
    rest: IntoIter<Line>,
    /// Which object it was to be read: decides between lines that are the same.
    object: u64,
}

impl Head {
    fn of(mut rest: IntoIter<Line>, object: u64) -> Option<Self> {
        let line = rest.next()?;
        Some(Self { line, rest, object })
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = other.line.order(&self.line);
        order.then(other.object.cmp(&self.object))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

/// An object that was read, and the room that it takes.
struct Stored {
    part: Part,
    bytes: Bytes,
    taken: Taken,
}

/// Reads an object, once there is room.
async fn read(archive: Archive, room: Room, part: Part) -> Result<Stored, CatError> {
    let object = &part.job.object;
    let taken = room.bytes(object.bytes).await;
    let stored = archive.read_sized(&object.key, object.bytes).await;
    let problem = match stored.map_err(CatError::Archive)? {
        Some(Ok(bytes)) => return Ok(Stored { part, bytes, taken }),
        Some(Err(size)) => Problem::differs("size", object.bytes, size),
        None => Problem::Missing {
            because: format!("commit {} names it", part.job.number),
        },
    };
    Err(CatError::altered(&object.key, problem))
}

/// The lines of an object that lie in the span, in order.
async fn load(read: Result<Stored, CatError>, span: Window) -> Result<Vec<Line>, CatError> {
    let Stored { part, bytes, taken } = read?;
    let key = part.job.object.key.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let lines = lines(&part, bytes, span);
        drop(taken);
        lines
    });
    let lines = reading.await.map_err(CatError::Died)?;
    lines.map_err(|problem| CatError::altered(key, problem))
}

fn lines(part: &Part, stored: Bytes, span: Window) -> Result<Vec<Line>, Problem> {
    let content = unpack(&part.job.object, stored, MAX_CONTENT)?;
    let schema = part.job.api.schema().unwrap_or(Schema::Unified);
    let mut lines = Vec::new();
    let raws = content.split(|byte| *byte == b'\n').filter(|raw| !raw.is_empty());
    for (number, raw) in (1..).zip(raws) {
        let event = Event::parse(content.slice_ref(raw), schema).map_err(|_| Problem::Lines {
            what: "its lines should be JSON",
            line: number,
            lines: 1,
        })?;
        let time = event.time.unwrap_or(part.job.window.from);
        if time < part.begins {
            let (recorded, found) = (part.begins.to_rfc3339(), time.to_rfc3339());
            return Err(Problem::differs("first time", recorded, found));
        }
        if span.contains(time) {
            lines.push(Line { time, event });
        }
    }
    lines.sort_by(Line::order);
    Ok(lines)
}
