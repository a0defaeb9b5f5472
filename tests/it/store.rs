//! One process's way to a store that others use, too: it can be held up at any operation, lied to, and listened to.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use futures::{StreamExt as _, stream, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, path::Path,
};
use tokio_util::sync::CancellationToken;

/// What an operation is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Put,
    Get,
    List,
    Delete,
}

/// What goes wrong with an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It is done, and the reply is lost.
    LostReply,
    /// It is not done.
    Failed,
    /// A put is done, and the reply says that the object exists: the store's own client tried twice.
    Exists,
    /// A put seems to fail, and is done when [`Line::land`] is called.
    Late,
    /// It is not done, for want of permission.
    Forbidden,
}

/// Which operations of a kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Which {
    /// Counted from 1.
    Nth(usize),
    /// This one, counted from 1, and all after it.
    From(usize),
    /// Those on keys that contain this.
    Of(String),
    All,
}

/// Where to hold the process up. Operations are counted from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    Before(usize),
    After(usize),
    /// Before an operation on a key that contains this.
    On(Kind, String),
    /// After an operation with this fault.
    Suffered(Fault),
}

/// A place where the process waits.
#[derive(Clone)]
pub struct Gate {
    step: Step,
    reached: CancellationToken,
    go: CancellationToken,
}

impl Gate {
    /// Waits until the process has come here.
    pub async fn reached(&self) {
        self.reached.cancelled().await;
    }

    /// Lets the process go on, now or when it comes here.
    pub fn open(&self) {
        self.go.cancel();
    }
}

/// A process's line to the store.
pub struct Line {
    store: Arc<dyn ObjectStore>,
    /// A store that overwrites what it was asked to create.
    overwrites: AtomicBool,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    log: Vec<(Kind, String)>,
    gates: Vec<Gate>,
    faults: Vec<(Kind, Which, Fault)>,
    late: Vec<(Path, PutPayload, PutOptions)>,
}

/// What the process did, an operation a line.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (kind, key)) in lock(&self.seen).log.iter().enumerate() {
            writeln!(f, "{:>4} {kind:?} {key}", number + 1)?;
        }
        Ok(())
    }
}

/// An operation that has begun.
struct Begun {
    number: usize,
    key: String,
    fault: Option<Fault>,
}

impl Line {
    pub fn to(store: &Arc<dyn ObjectStore>) -> Arc<Self> {
        Arc::new(Self {
            store: Arc::clone(store),
            overwrites: AtomicBool::new(false),
            seen: Arc::default(),
        })
    }

    /// The operations so far.
    pub fn count(&self) -> usize {
        lock(&self.seen).log.len()
    }

    /// The operations so far, of one kind.
    pub fn count_of(&self, kind: Kind) -> usize {
        lock(&self.seen)
            .log
            .iter()
            .filter(|(other, _)| *other == kind)
            .count()
    }

    /// The process will wait there.
    pub fn hold(&self, step: Step) -> Gate {
        let gate = Gate {
            step,
            reached: CancellationToken::new(),
            go: CancellationToken::new(),
        };
        lock(&self.seen).gates.push(gate.clone());
        gate
    }

    /// These operations go wrong.
    pub fn fail(&self, kind: Kind, which: Which, fault: Fault) {
        lock(&self.seen).faults.push((kind, which, fault));
    }

    /// Nothing goes wrong any more.
    pub fn mend(&self) {
        lock(&self.seen).faults.clear();
    }

    /// Creating what exists overwrites it from now on.
    pub fn overwrite(&self) {
        self.overwrites.store(true, Ordering::SeqCst);
    }

    /// Does the puts that came late. Returns how many found their place free.
    pub async fn land(&self) -> usize {
        let late = std::mem::take(&mut lock(&self.seen).late);
        let mut landed = 0;
        for (path, payload, options) in late {
            landed += usize::from(self.store.put_opts(&path, payload, options).await.is_ok());
        }
        landed
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn begin(seen: &Mutex<Seen>, kind: Kind, key: String) -> Begun {
    let (number, fault) = {
        let mut seen = lock(seen);
        seen.log.push((kind, key.clone()));
        let nth = seen.log.iter().filter(|(other, _)| *other == kind).count();
        let strikes = |of: Kind, which: &Which| {
            of == kind
                && match which {
                    Which::Nth(number) => *number == nth,
                    Which::From(number) => *number <= nth,
                    Which::Of(part) => key.contains(part),
                    Which::All => true,
                }
        };
        let fault = seen.faults.iter().find(|(of, which, _)| strikes(*of, which));
        (seen.log.len(), fault.map(|(_, _, fault)| *fault))
    };
    wait(seen, |step| match step {
        Step::Before(at) => *at == number,
        Step::After(_) | Step::Suffered(_) => false,
        Step::On(of, part) => *of == kind && key.contains(part),
    })
    .await;
    Begun { number, key, fault }
}

async fn end(seen: &Mutex<Seen>, begun: &Begun) {
    wait(seen, |step| match step {
        Step::After(at) => *at == begun.number,
        Step::Suffered(fault) => begun.fault == Some(*fault),
        Step::Before(_) | Step::On(..) => false,
    })
    .await;
}

async fn wait(seen: &Mutex<Seen>, here: impl Fn(&Step) -> bool) {
    let gate = lock(seen).gates.iter().find(|gate| here(&gate.step)).cloned();
    if let Some(gate) = gate {
        gate.reached.cancel();
        gate.go.cancelled().await;
    }
}

impl Begun {
    fn error(&self, fault: Fault) -> Error {
        let (path, source) = (self.key.clone(), format!("simulated: {fault:?}").into());
        match fault {
            Fault::Forbidden => Error::PermissionDenied { path, source },
            Fault::Exists => Error::AlreadyExists { path, source },
            Fault::LostReply | Fault::Failed | Fault::Late => Error::Generic {
                store: "simulated",
                source,
            },
        }
    }

    /// Whether the operation is to be done now.
    fn is_done(&self) -> bool {
        matches!(self.fault, None | Some(Fault::LostReply | Fault::Exists))
    }

    fn reply<T>(&self, result: Result<T>) -> Result<T> {
        match (self.fault, result) {
            (Some(fault), Ok(_)) => Err(self.error(fault)),
            (_, result) => result,
        }
    }

    fn refusal(&self) -> Error {
        self.error(self.fault.unwrap_or(Fault::Failed))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a line to {}", self.store)
    }
}

#[async_trait]
impl ObjectStore for Line {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut options: PutOptions,
    ) -> Result<PutResult> {
        if self.overwrites.load(Ordering::SeqCst) {
            options.mode = PutMode::Overwrite;
        }
        let begun = begin(&self.seen, Kind::Put, location.to_string()).await;
        let result = if begun.is_done() {
            begun.reply(self.store.put_opts(location, payload, options).await)
        } else {
            if begun.fault == Some(Fault::Late) {
                lock(&self.seen).late.push((location.clone(), payload, options));
            }
            Err(begun.refusal())
        };
        end(&self.seen, &begun).await;
        result
    }

    async fn put_multipart_opts(
        &self,
        _location: &Path,
        _options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        unreachable!("an upload in parts cannot be conditional")
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let begun = begin(&self.seen, Kind::Get, location.to_string()).await;
        let result = if begun.is_done() {
            begun.reply(self.store.get_opts(location, options).await)
        } else {
            Err(begun.refusal())
        };
        end(&self.seen, &begun).await;
        result
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (store, seen) = (Arc::clone(&self.store), Arc::clone(&self.seen));
        locations
            .then(move |location| {
                let (store, seen) = (Arc::clone(&store), Arc::clone(&seen));
                async move {
                    let location = location?;
                    let begun = begin(&seen, Kind::Delete, location.to_string()).await;
                    let result = if begun.is_done() {
                        begun.reply(store.delete(&location).await)
                    } else {
                        Err(begun.refusal())
                    };
                    end(&seen, &begun).await;
                    result.map(|()| location)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, seen) = (Arc::clone(&self.store), Arc::clone(&self.seen));
        let prefix = prefix.cloned();
        let listed = async move {
            let key = prefix.as_ref().map(ToString::to_string).unwrap_or_default();
            let begun = begin(&seen, Kind::List, key).await;
            let listed: Vec<Result<ObjectMeta>> = if begun.is_done() {
                let mut listed: Vec<_> = store.list(prefix.as_ref()).collect().await;
                listed.extend(begun.fault.map(|fault| Err(begun.error(fault))));
                listed
            } else {
                vec![Err(begun.refusal())]
            };
            end(&seen, &begun).await;
            stream::iter(listed)
        };
        stream::once(listed).flatten().boxed()
    }

    async fn list_with_delimiter(&self, _prefix: Option<&Path>) -> Result<ListResult> {
        unreachable!("the exporter lists whole prefixes")
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        unreachable!("the exporter copies nothing")
    }
}
