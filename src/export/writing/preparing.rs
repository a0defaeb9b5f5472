//! Encodes slices, each beside the commit before it: once its objects are made, its events are out of memory.

use std::{io, sync::Arc};

use futures::{Stream, StreamExt as _, stream};
use tokio::{sync::mpsc, task::spawn_blocking};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Time,
    encode::{Unnumbered, encode_unnumbered, keep},
    event::{Event, Mark},
    export::{
        PassError,
        reading::{Hold, Portion},
    },
    key::Shape,
    source::{File, Slice},
};

/// Slices that are encoded at a time: a commit may wait for the disk, and encoding takes a core.
const SIDE_BY_SIDE: usize = 2;

/// Objects to be numbered and stored, and what is remembered of the events in them.
#[derive(Default)]
pub(super) struct Prepared {
    pub marks: Vec<Mark>,
    pub objects: Vec<Unnumbered>,
}

impl Prepared {
    fn of(shape: &Shape, day_of_undated: Time, events: Vec<Event>) -> io::Result<Self> {
        let marks = events.iter().map(Event::mark).collect();
        let objects = encode_unnumbered(shape, day_of_undated, events)?;
        Ok(Self { marks, objects })
    }

    /// What it takes in memory, in bytes.
    fn weight(&self) -> usize {
        let objects = self.objects.iter().map(|object| object.bytes().len());
        objects.sum::<usize>() + size_of_val(self.marks.as_slice())
    }
}

/// What a commit is to hold.
pub(super) enum Content {
    Nothing,
    Events(Vec<Event>),
    Prepared(Prepared),
    File(File),
}

impl Content {
    pub(super) fn of(prepared: Option<Prepared>, events: Vec<Event>, file: Option<File>) -> Self {
        match (prepared, file) {
            (Some(prepared), _) => Self::Prepared(prepared),
            (None, Some(file)) => Self::File(file),
            (None, None) if events.is_empty() => Self::Nothing,
            (None, None) => Self::Events(events),
        }
    }

    /// Rows of a file.
    pub(super) fn rows(&self) -> u64 {
        match self {
            Self::File(file) => file.rows,
            Self::Nothing | Self::Events(_) | Self::Prepared(_) => 0,
        }
    }

    /// Encodes what is not encoded yet. Files, and events without a time, are of the day on which the commit's window begins.
    pub(super) async fn prepare(self, shape: &Arc<Shape>, from: Time) -> Result<Prepared, PassError> {
        match self {
            Self::Nothing => Ok(Prepared::default()),
            Self::Prepared(prepared) => Ok(prepared),
            Self::Events(events) => {
                let shape = Arc::clone(shape);
                let encoding = spawn_blocking(move || Prepared::of(&shape, from, events));
                let prepared = encoding.await.map_err(PassError::Died)?;
                prepared.map_err(PassError::Encode)
            }
            Self::File(file) => {
                let keeping = spawn_blocking(move || keep(from.date_naive(), file));
                let objects = vec![keeping.await.map_err(PassError::Died)?];
                Ok(Prepared {
                    objects,
                    ..Prepared::default()
                })
            }
        }
    }
}

/// A slice, encoded where that can be done before its commit's window is known.
pub(super) struct Ready {
    pub slice: Slice,
    /// What was its events.
    pub prepared: Option<Prepared>,
    pub hold: Hold,
}

/// The slices that come, in their order, encoded side by side; until there are none or the pass is to stop.
pub(super) fn ready(
    mut portions: mpsc::UnboundedReceiver<Portion>,
    shape: Arc<Shape>,
    stop: CancellationToken,
) -> impl Stream<Item = Result<Ready, PassError>> + Send {
    let portions = stream::poll_fn(move |context| portions.poll_recv(context));
    let portions = portions.take_until(stop.cancelled_owned());
    let encoded = portions.map(move |portion| encoded(portion, Arc::clone(&shape)));
    encoded.buffered(SIDE_BY_SIDE)
}

/// Begins at once, and holds the slice's room until it ends, also if nobody waits for it any more.
fn encoded(portion: Portion, shape: Arc<Shape>) -> impl Future<Output = Result<Ready, PassError>> + Send {
    let Portion { mut slice, mut hold } = portion;
    let encoding = spawn_blocking(move || {
        // Where none is without a time, the day for those does not matter.
        let is_dated = slice.events.iter().all(|event| event.time.is_some());
        let prepared = if is_dated && !slice.events.is_empty() {
            let events = std::mem::take(&mut slice.events);
            let prepared = Prepared::of(&shape, slice.span.from, events)?;
            hold.is_encoded(prepared.weight());
            Some(prepared)
        } else {
            None
        };
        Ok(Ready {
            slice,
            prepared,
            hold,
        })
    });
    async move {
        let ready = encoding.await.map_err(PassError::Died)?;
        ready.map_err(PassError::Encode)
    }
}
