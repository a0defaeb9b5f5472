//! Packs slices, each beside the commit before it: once its objects are made, its events are out of memory.

use std::sync::Arc;

use tokio::{sync::mpsc, task::spawn_blocking};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Time,
    encode::{Unnumbered, keep, pack},
    event::{Event, Mark},
    export::{
        PassError,
        reading::{Hold, Portion},
    },
    key::Shape,
    source::{File, Slice},
};

/// Objects to be numbered and stored, and what is remembered of the events in them.
#[derive(Default)]
pub(super) struct Packed {
    pub marks: Vec<Mark>,
    pub objects: Vec<Unnumbered>,
}

impl Packed {
    async fn of(shape: &Arc<Shape>, day_of_undated: Time, events: Vec<Event>) -> Result<Self, PassError> {
        let shape = Arc::clone(shape);
        let packing = spawn_blocking(move || {
            let marks = events.iter().map(Event::mark).collect();
            let objects = pack(&shape, day_of_undated, events)?;
            Ok(Self { marks, objects })
        });
        packing.await.map_err(PassError::Died)?.map_err(PassError::Encode)
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
    Packed(Packed),
    File(File),
}

impl Content {
    pub(super) fn of(packed: Option<Packed>, events: Vec<Event>, file: Option<File>) -> Self {
        match (packed, file) {
            (Some(packed), _) => Self::Packed(packed),
            (None, Some(file)) => Self::File(file),
            (None, None) if events.is_empty() => Self::Nothing,
            (None, None) => Self::Events(events),
        }
    }

    /// Rows of a file.
    pub(super) fn rows(&self) -> u64 {
        match self {
            Self::File(file) => file.rows,
            Self::Nothing | Self::Events(_) | Self::Packed(_) => 0,
        }
    }

    /// Packs what is not packed yet. Files, and events without a time, are of the day on which the commit's window begins.
    pub(super) async fn packed(self, shape: &Arc<Shape>, from: Time) -> Result<Packed, PassError> {
        match self {
            Self::Nothing => Ok(Packed::default()),
            Self::Packed(packed) => Ok(packed),
            Self::Events(events) => Packed::of(shape, from, events).await,
            Self::File(file) => {
                let keeping = spawn_blocking(move || keep(from.date_naive(), file));
                let objects = vec![keeping.await.map_err(PassError::Died)?];
                Ok(Packed {
                    objects,
                    ..Packed::default()
                })
            }
        }
    }
}

/// A slice, packed where that can be done before its commit's window is known.
pub(super) struct Ready {
    pub slice: Slice,
    /// What was its events.
    pub packed: Option<Packed>,
    pub hold: Hold,
}

/// Waits for the next slice and packs it. None: there is none, or the pass is to stop.
pub(super) async fn next(
    portions: &mut mpsc::UnboundedReceiver<Portion>,
    shape: &Arc<Shape>,
    stop: &CancellationToken,
) -> Option<Result<Ready, PassError>> {
    let portion = stop.run_until_cancelled(portions.recv()).await.flatten()?;
    let Portion { mut slice, mut hold } = portion;
    if slice.events.is_empty() || slice.events.iter().any(|event| event.time.is_none()) {
        let packed = None;
        return Some(Ok(Ready { slice, packed, hold }));
    }
    // None of them is without a time: the day for those does not matter.
    let packed = Packed::of(shape, slice.span.from, std::mem::take(&mut slice.events)).await;
    Some(packed.map(|packed| {
        hold.is_packed(packed.weight());
        let packed = Some(packed);
        Ready { slice, packed, hold }
    }))
}
