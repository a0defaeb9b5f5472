//! Keys that change while we run.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use futures::{StreamExt as _, stream, stream::BoxStream};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result as StoreResult, path::Path,
};

use super::*;

/// An S3 that knows one key, `AKNEW`.
fn script(seen: &Seen) -> Vec<u8> {
    match (seen.text.contains("Credential=AKNEW/"), seen.is("PUT")) {
        (false, _) => refuse(403, "InvalidAccessKeyId", "no such key"),
        (true, true) => taken(),
        (true, false) if seen.text.contains("list-type=2") => reply(
            200,
            "",
            "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>",
        ),
        (true, false) => object("x"),
    }
}

struct World {
    server: Server,
    directory: tempfile::TempDir,
    archive: Archive,
}

impl World {
    /// An archive that was opened with a key that is good no more.
    async fn new(script: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name| format!("file:{}", directory.path().join(name).display());
        std::fs::write(directory.path().join("id"), "AKOLD").unwrap();
        std::fs::write(directory.path().join("secret"), "old").unwrap();
        let server = Server::start(script).await;
        let settings = settings(
            "s3://acme-audit",
            &[
                ("aws_access_key_id", &path("id")),
                ("aws_secret_access_key", &path("secret")),
                ("aws_endpoint", &server.url()),
            ],
        );
        let archive = opened(&settings, &[]).unwrap();
        Self {
            server,
            directory,
            archive,
        }
    }

    fn rotate(&self) {
        std::fs::write(self.directory.path().join("id"), "AKNEW").unwrap();
        std::fs::write(self.directory.path().join("secret"), "new").unwrap();
    }

    fn signers(&self) -> Vec<String> {
        let seen = self.server.seen();
        seen.iter().map(|request| signer(request).to_owned()).collect()
    }
}

#[tokio::test]
async fn rotated_keys_need_no_restart() {
    let world = World::new(script).await;
    world.rotate();
    let created = world.archive.create("a.json", Bytes::from_static(b"{}")).await;
    assert_eq!(created.unwrap(), Created::Ours);
    assert_eq!(world.signers(), ["AKOLD", "AKNEW"]);
    assert!(world.archive.read("a.json").await.unwrap().is_some());
    assert_eq!(world.signers().len(), 3, "the new key stays");

    let world = World::new(script).await;
    world.rotate();
    assert_eq!(world.archive.list("commits", None).await.unwrap(), []);
    assert_eq!(world.signers(), ["AKOLD", "AKNEW"]);

    let world = World::new(script).await;
    world.rotate();
    assert!(world.archive.read("a.json").await.unwrap().is_some());
    assert_eq!(world.signers(), ["AKOLD", "AKNEW"]);
}

#[tokio::test]
async fn expired_tokens_are_read_again_too() {
    let world = World::new(|seen| match seen.text.contains("Credential=AKNEW/") {
        true => object("x"),
        false => refuse(400, "ExpiredToken", "the provided token has expired"),
    })
    .await;
    world.rotate();
    assert!(world.archive.read("a.json").await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn secrets_are_read_again_at_most_every_ten_seconds() {
    let reads = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&reads);
    let refusing = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(Refusing) as Arc<dyn ObjectStore>)
    };
    let store = Renewing::open(tag_set(&BTreeMap::new()), refusing).unwrap();
    let archive = Archive::from_store(Arc::new(store), "s3://acme-audit");
    let asked = async |times: usize| {
        for _ in 0..times {
            archive.read("a").await.unwrap_err();
        }
        reads.load(Ordering::Relaxed)
    };
    assert_eq!(asked(5).await, 2, "once to open, once again");
    tokio::time::advance(Duration::from_secs(9)).await;
    assert_eq!(asked(5).await, 2);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(asked(5).await, 3);
    // Who may not delete may go on.
    tokio::time::advance(Duration::from_secs(20)).await;
    archive.delete("a").await.unwrap_err();
    assert_eq!(reads.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn secrets_that_cannot_be_read_again_leave_the_refusal_as_it_was() {
    let world = World::new(script).await;
    std::fs::remove_file(world.directory.path().join("secret")).unwrap();
    let told = Chain(&world.archive.read("a.json").await.unwrap_err()).to_string();
    assert!(told.contains("InvalidAccessKeyId"), "{told}");
    assert_eq!(world.signers(), ["AKOLD"]);
}

/// Refuses everything, for want of permission.
#[derive(Debug)]
struct Refusing;

fn denied() -> object_store::Error {
    object_store::Error::PermissionDenied {
        path: String::new(),
        source: "no".into(),
    }
}

impl std::fmt::Display for Refusing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Refusing")
    }
}

#[async_trait]
impl ObjectStore for Refusing {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> StoreResult<PutResult> {
        Err(denied())
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        Err(denied())
    }

    async fn get_opts(&self, _: &Path, _: GetOptions) -> StoreResult<GetResult> {
        Err(denied())
    }

    fn delete_stream(
        &self,
        keys: BoxStream<'static, StoreResult<Path>>,
    ) -> BoxStream<'static, StoreResult<Path>> {
        keys.map(|_| Err(denied())).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        stream::once(async { Err(denied()) }).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> StoreResult<ListResult> {
        Err(denied())
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> StoreResult<()> {
        Err(denied())
    }
}
