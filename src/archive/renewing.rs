//! A store whose credentials are rotated while we run: when it refuses them, secrets and profile are read again, and
//! the operation is tried once more. Also puts the archive's tags on every object.
//!
//! Decides nothing about errors: what is refused a second time, or too soon after the last reading, goes on as it came.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use futures::{StreamExt as _, stream, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, TagSet, path::Path,
};
use tokio::{sync::Mutex, time::Instant};

use super::{cause::refuses_credentials, stores::StoreError};
use crate::error::Chain;

/// How long the secrets that were read again are believed.
const PAUSE: Duration = Duration::from_secs(10);

type Opened = std::result::Result<Arc<dyn ObjectStore>, StoreError>;

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct Renewing(Arc<Inner>);

struct Inner {
    /// Reads the secrets and opens the store. Blocking.
    open: Box<dyn Fn() -> Opened + Send + Sync>,
    tags: TagSet,
    current: RwLock<Arc<dyn ObjectStore>>,
    /// When the secrets were read again last. Held while they are, so that one does it for all.
    renewed: Mutex<Option<Instant>>,
}

impl Renewing {
    /// Opens the store for the first time. Blocking.
    ///
    /// # Errors
    /// Those of `open`.
    pub(super) fn open(
        tags: TagSet,
        open: impl Fn() -> Opened + Send + Sync + 'static,
    ) -> std::result::Result<Self, StoreError> {
        let current = RwLock::new(open()?);
        Ok(Self(Arc::new(Inner {
            open: Box::new(open),
            tags,
            current,
            renewed: Mutex::default(),
        })))
    }

    fn current(&self) -> Arc<dyn ObjectStore> {
        let current = self.0.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// Another store than the one that refused us, if there is any to be had.
    async fn after(&self, refused: &Arc<dyn ObjectStore>, error: &Error) -> Option<Arc<dyn ObjectStore>> {
        if !refuses_credentials(error) {
            return None;
        }
        let mut renewed = self.0.renewed.lock().await;
        let current = self.current();
        if !Arc::ptr_eq(&current, refused) {
            return Some(current);
        }
        if renewed.is_some_and(|last| last.elapsed() < PAUSE) {
            return None;
        }
        *renewed = Some(Instant::now());
        let inner = Arc::clone(&self.0);
        match tokio::task::spawn_blocking(move || (inner.open)()).await {
            Ok(Ok(store)) => {
                tracing::debug!("the store refuses our credentials: they were read again");
                *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&store);
                Some(store)
            }
            Ok(Err(error)) => {
                tracing::warn!(error = %Chain(&error), hint = error.hint(), "cannot read the store's credentials again");
                None
            }
            Err(died) => {
                tracing::error!(error = %Chain(&died), "reading the store's credentials again died");
                None
            }
        }
    }

    /// A listing that begins anew with other credentials if these are refused at once.
    fn listed(
        &self,
        list: impl Fn(&dyn ObjectStore) -> BoxStream<'static, Result<ObjectMeta>> + Send + 'static,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let this = self.clone();
        let begun = async move {
            let store = this.current();
            let mut found = list(&*store).peekable();
            let first = std::pin::Pin::new(&mut found).peek().await;
            if let Some(Err(error)) = first
                && let Some(store) = this.after(&store, error).await
            {
                return list(&*store);
            }
            found.boxed()
        };
        stream::once(begun).flatten().boxed()
    }
}

impl fmt::Debug for Renewing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Renewing({})", self.current())
    }
}

impl fmt::Display for Renewing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.current().fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Renewing {
    async fn put_opts(&self, key: &Path, payload: PutPayload, mut options: PutOptions) -> Result<PutResult> {
        if options.tags.is_empty() {
            options.tags = self.0.tags.clone();
        }
        let store = self.current();
        let put = store.put_opts(key, payload.clone(), options.clone()).await;
        match put {
            Err(error) => match self.after(&store, &error).await {
                Some(store) => store.put_opts(key, payload, options).await,
                None => Err(error),
            },
            put => put,
        }
    }

    async fn get_opts(&self, key: &Path, options: GetOptions) -> Result<GetResult> {
        let store = self.current();
        match store.get_opts(key, options.clone()).await {
            Err(error) => match self.after(&store, &error).await {
                Some(store) => store.get_opts(key, options).await,
                None => Err(error),
            },
            got => got,
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let prefix = prefix.cloned();
        self.listed(move |store| store.list(prefix.as_ref()))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let (prefix, offset) = (prefix.cloned(), offset.clone());
        self.listed(move |store| store.list_with_offset(prefix.as_ref(), &offset))
    }

    /// Never renewed: whoever may not delete would have the secrets read for nothing, again and again.
    fn delete_stream(&self, keys: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.current().delete_stream(keys)
    }

    // We do not use these.

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.current().list_with_delimiter(prefix).await
    }

    async fn put_multipart_opts(
        &self,
        key: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.current().put_multipart_opts(key, options).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.current().copy_opts(from, to, options).await
    }
}
