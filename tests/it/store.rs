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
    CopyOptions, Extensions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result, path::Path,
};
use tokio_util::sync::CancellationToken;

use fault::Plan;
pub use fault::{Fault, Kind, SLOW, Which};

pub mod fault;

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
    plan: Plan,
    gates: Vec<Gate>,
    late: Vec<(Path, PutPayload, PutOptions)>,
}

/// What the process did, an operation a line.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (kind, key)) in lock(&self.seen).plan.log().iter().enumerate() {
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
        lock(&self.seen).plan.log().len()
    }

    /// The plan of what goes wrong, and the log of what was asked.
    pub fn plan<T>(&self, with: impl FnOnce(&mut Plan) -> T) -> T {
        with(&mut lock(&self.seen).plan)
    }

    /// The operations so far, of one kind.
    pub fn count_of(&self, kind: Kind) -> usize {
        lock(&self.seen).plan.count_of(kind)
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
        lock(&self.seen).plan.fail(kind, which, fault);
    }

    /// Nothing goes wrong any more.
    pub fn mend(&self) {
        lock(&self.seen).plan.mend();
    }

    /// Creating what exists overwrites it from now on.
    pub fn overwrite(&self) {
        self.overwrites.store(true, Ordering::SeqCst);
    }

    fn list_after(
        &self,
        prefix: Option<&Path>,
        offset: Option<Path>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, seen) = (Arc::clone(&self.store), Arc::clone(&self.seen));
        let prefix = prefix.cloned();
        let listed = async move {
            let key = prefix.as_ref().map(ToString::to_string).unwrap_or_default();
            let begun = begin(&seen, Kind::List, key).await;
            let all = match &offset {
                Some(offset) => store.list_with_offset(prefix.as_ref(), offset),
                None => store.list(prefix.as_ref()),
            };
            let mut listed: Vec<Result<ObjectMeta>> =
                match begun.through(async { Ok(all.collect().await) }).await {
                    Ok(listed) => listed,
                    Err(error) => vec![Err(error)],
                };
            if begun.fault == Some(Fault::Stale) {
                forget_newest(&seen, &mut listed);
            }
            end(&seen, &begun).await;
            stream::iter(listed)
        };
        stream::once(listed).flatten().boxed()
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

fn forget_newest(seen: &Mutex<Seen>, listed: &mut Vec<Result<ObjectMeta>>) {
    let keys = listed.iter().flatten().map(|meta| meta.location.as_ref());
    let newest = lock(seen).plan.newest(keys).map(str::to_owned);
    listed.retain(|meta| !matches!(meta, Ok(meta) if Some(meta.location.as_ref()) == newest.as_deref()));
}

async fn begin(seen: &Mutex<Seen>, kind: Kind, key: String) -> Begun {
    let (number, fault) = {
        let mut seen = lock(seen);
        let fault = seen.plan.next(kind, &key);
        (seen.plan.log().len(), fault)
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
    /// Does the operation if it is to be done now, and tells what the caller is told.
    async fn through<T>(&self, operation: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(fault) = self.fault else {
            return operation.await;
        };
        let told = fault.error(&self.key);
        if !fault.is_done() {
            return Err(told.expect("what is not done is an error"));
        }
        if fault == Fault::Slow {
            tokio::time::sleep(SLOW).await;
        }
        let done = operation.await?;
        told.map_or(Ok(done), Err)
    }
}

/// A reply whose body is not what the store sent: it ends early, or a byte is another.
async fn damaged(got: GetResult, fault: Fault) -> Result<GetResult> {
    let (meta, range, attributes) = (got.meta.clone(), got.range.clone(), got.attributes.clone());
    let body = fault.damage(got.bytes().await?.to_vec());
    Ok(GetResult {
        payload: GetResultPayload::Stream(stream::once(async { Ok(body.into()) }).boxed()),
        meta,
        range,
        attributes,
        extensions: Extensions::default(),
    })
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
        if begun.fault == Some(Fault::Late) {
            let late = (location.clone(), payload.clone(), options.clone());
            lock(&self.seen).late.push(late);
        }
        let result = begun
            .through(self.store.put_opts(location, payload, options))
            .await;
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
        let result = begun.through(self.store.get_opts(location, options)).await;
        let result = match (begun.fault, result) {
            (Some(fault @ (Fault::Truncated | Fault::Wrong)), Ok(got)) => damaged(got, fault).await,
            (_, result) => result,
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
                    let result = begun.through(store.delete(&location)).await;
                    end(&seen, &begun).await;
                    result.map(|()| location)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.list_after(prefix, None)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.list_after(prefix, Some(offset.clone()))
    }

    async fn list_with_delimiter(&self, _prefix: Option<&Path>) -> Result<ListResult> {
        unreachable!("the exporter lists whole prefixes")
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        unreachable!("the exporter copies nothing")
    }
}
