//! A place for an archive on any kind of store: the way the exporter goes there, on which things go wrong, and another
//! one, on which nothing does.
//!
//! Only this file and those below know how the kinds differ: a history that runs on one runs on all.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use object_store::{ObjectStore, local::LocalFileSystem, memory::InMemory};
use tempfile::TempDir;
use uipath_audit_exporter::{
    archive::open_store,
    secret::SecretRef,
    settings::{ArchiveOption, ArchiveSettings},
};
use url::Url;

use crate::{
    emulators::{
        self, Missing,
        aws::Grant,
        azure::{self, ACCOUNT, shared_access},
    },
    store::{Fault, Kind, Line, Which, fault::Plan},
    wire::{Bucket, Container, Wire},
};

mod open;
mod refusals;
pub mod tests;

pub use open::open;

/// The kinds of store that archives lie in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlaceKind {
    Memory,
    File,
    S3,
    Azure,
}

impl PlaceKind {
    pub const ALL: [Self; 4] = [Self::Memory, Self::File, Self::S3, Self::Azure];

    /// Whether each operation is a journey over the wire.
    pub fn is_far(self) -> bool {
        matches!(self, Self::S3 | Self::Azure)
    }
}

/// On what terms a place is to be had.
#[derive(Clone, Copy, Default)]
pub struct Terms<'a> {
    /// Nothing in it can be overwritten or deleted: by S3's Object Lock (a delete hides the object), by Azure's
    /// immutability policy; elsewhere deletes are refused.
    pub locked: bool,
    /// What its user may not do: by an IAM policy, by the signature on Azure; elsewhere it is refused.
    pub lacks: &'a [Kind],
    /// On S3, credentials with a session token.
    pub session: bool,
}

/// A fresh bucket, container or directory.
pub struct Place {
    way: Way,
    direct: Arc<dyn ObjectStore>,
    url: Url,
    options: BTreeMap<String, ArchiveOption>,
    /// The directory itself, or that of the files with secrets.
    directory: TempDir,
}

enum Way {
    Line(Arc<Line>),
    Wire(Wire, Arc<dyn ObjectStore>),
}

/// The bucket's part that is the archive's.
const PREFIX: &str = "uipath/audit";
/// The bucket's.
const REGION: &str = "eu-west-1";
/// For ever, to tests.
const LATER: &str = "2099-12-31T00:00:00Z";

impl Place {
    pub async fn of(kind: PlaceKind) -> Result<Self, Missing> {
        Self::on(kind, Terms::default()).await
    }

    pub async fn on(kind: PlaceKind, terms: Terms<'_>) -> Result<Self, Missing> {
        let directory = tempfile::tempdir().unwrap();
        match kind {
            PlaceKind::Memory => {
                let store = Arc::new(InMemory::new());
                Ok(Self::by_line(
                    store,
                    "memory:///".parse().unwrap(),
                    directory,
                    terms,
                ))
            }
            PlaceKind::File => {
                let store = LocalFileSystem::new_with_prefix(directory.path()).unwrap();
                let url = Url::from_directory_path(directory.path()).unwrap();
                Ok(Self::by_line(Arc::new(store), url, directory, terms))
            }
            PlaceKind::S3 => Self::s3(directory, terms).await,
            PlaceKind::Azure => Self::azure(directory, terms).await,
        }
    }

    /// Where there is no such store: tells so, and gives nothing. See [`emulators::skip`].
    pub async fn or_skip(kind: PlaceKind, terms: Terms<'_>) -> Option<Self> {
        let skip = |missing: Missing| emulators::skip(&format!("archives on {kind:?}"), &missing);
        Self::on(kind, terms).await.map_err(skip).ok()
    }

    fn by_line(store: Arc<dyn ObjectStore>, url: Url, directory: TempDir, terms: Terms<'_>) -> Self {
        let line = Line::to(&store);
        line.plan(|plan| {
            for kind in terms.lacks {
                plan.forbid(*kind, Fault::Forbidden);
            }
            if terms.locked {
                plan.forbid(Kind::Delete, Fault::Conflict);
            }
        });
        Self {
            way: Way::Line(line),
            direct: store,
            url,
            options: BTreeMap::new(),
            directory,
        }
    }

    async fn s3(directory: TempDir, terms: Terms<'_>) -> Result<Self, Missing> {
        let server = emulators::s3()?;
        let name = fresh_name();
        server.create_bucket(&name, REGION, terms.locked).await;
        let grant = Grant {
            bucket: &name,
            lacks: terms.lacks,
        };
        let user = if terms.session {
            server.assume_role(&name, &grant).await
        } else {
            server.create_user(&name, &grant).await
        };
        let wire = Wire::to(
            server.address(),
            Bucket {
                name: name.clone(),
                prefix: PREFIX.to_owned(),
                region: REGION.to_owned(),
                may_list: !terms.lacks.contains(&Kind::List),
            },
        );
        let url: Url = format!("s3://{name}/{PREFIX}").parse().unwrap();
        let mut options = plain(&[
            ("aws_region", REGION),
            ("aws_endpoint", &format!("http://{}", wire.address())),
            ("aws_access_key_id", &user.key_id),
        ]);
        let mut secrets = vec![("aws_secret_access_key", user.secret_key)];
        secrets.extend(user.token.map(|token| ("aws_session_token", token)));
        options.extend(
            secrets
                .into_iter()
                .map(|(name, text)| secret(&directory, name, &text)),
        );
        let admin = server.administrator().await;
        let direct = plain(&[
            ("aws_region", REGION),
            ("aws_endpoint", &format!("http://{}", server.address())),
            ("aws_access_key_id", &admin.key_id),
            ("aws_secret_access_key", &admin.secret_key),
        ]);
        Ok(Self::by_wire(wire, url, options, direct, directory))
    }

    async fn azure(directory: TempDir, terms: Terms<'_>) -> Result<Self, Missing> {
        let server = emulators::azure()?;
        let name = fresh_name();
        server.create_container(&name).await;
        let wire = Wire::to(
            server.address(),
            Container {
                account: ACCOUNT.to_owned(),
                name: name.clone(),
                prefix: PREFIX.to_owned(),
                locked: terms.locked,
            },
        );
        let url: Url = format!("az://{name}/{PREFIX}").parse().unwrap();
        let mut options = plain(&[
            ("azure_storage_account_name", ACCOUNT),
            (
                "azure_storage_endpoint",
                &format!("http://{}/{ACCOUNT}", wire.address()),
            ),
        ]);
        let (option, text) = if terms.lacks.is_empty() {
            ("azure_storage_account_key", azure::KEY.to_owned())
        } else {
            let letters = [
                (Kind::Get, "r"),
                (Kind::Put, "cw"),
                (Kind::Delete, "d"),
                (Kind::List, "l"),
            ];
            let granted = letters.iter().filter(|(kind, _)| !terms.lacks.contains(kind));
            let granted: String = granted.map(|(_, letters)| *letters).collect();
            ("azure_storage_sas_token", shared_access(&name, &granted, LATER))
        };
        options.extend([secret(&directory, option, &text)]);
        let direct = plain(&[
            ("azure_storage_account_name", ACCOUNT),
            (
                "azure_storage_endpoint",
                &format!("http://{}/{ACCOUNT}", server.address()),
            ),
            ("azure_storage_account_key", azure::KEY),
        ]);
        Ok(Self::by_wire(wire, url, options, direct, directory))
    }

    fn by_wire(
        wire: Wire,
        url: Url,
        options: BTreeMap<String, ArchiveOption>,
        direct: BTreeMap<String, ArchiveOption>,
        directory: TempDir,
    ) -> Self {
        Self {
            way: Way::Wire(wire, open_store(&settings(&url, options.clone())).unwrap()),
            direct: open(&settings(&url, direct)),
            url,
            options,
            directory,
        }
    }

    /// The exporter's way: faults happen on it, and it keeps a log. Always the same one; a [`Line`] may be put on top of
    /// it, for gates.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        match &self.way {
            Way::Line(line) => Arc::clone(line) as _,
            Way::Wire(_, store) => Arc::clone(store),
        }
    }

    /// The same objects without faults, to see what is there.
    pub fn direct(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.direct)
    }

    /// How a user would configure it. Opened, it is what [`Self::store`] gives, but for memory (another, empty one) and
    /// a directory (without faults).
    pub fn settings(&self) -> ArchiveSettings {
        settings(&self.url, self.options.clone())
    }

    /// The same as a user writes it: `[archive]`, up to the end of its options.
    pub fn toml(&self) -> String {
        let option = |(name, value): (&String, &ArchiveOption)| match value {
            ArchiveOption::Plain(text) => format!("{name} = {text:?}\n"),
            ArchiveOption::Secret(SecretRef::File(file)) => format!("{name} = {{ file = {file:?} }}\n"),
            ArchiveOption::Secret(other) => panic!("not in a file: {other:?}"),
        };
        let options: String = self.options.iter().map(option).collect();
        format!("[archive]\nurl = \"{}\"\n[archive.options]\n{options}", self.url)
    }

    /// The file that a secret option refers to, such as `aws_secret_access_key`.
    pub fn secret_file(&self, option: &str) -> PathBuf {
        assert!(self.options.contains_key(option), "there is no `{option}`");
        self.directory.path().join(option)
    }

    /// These operations go wrong. A store's client may try again by itself: each try is an operation.
    pub fn fail(&self, kind: Kind, which: Which, fault: Fault) {
        self.plan(|plan| plan.fail(kind, which, fault));
    }

    /// Nothing goes wrong any more, but for what the terms say.
    pub fn mend(&self) {
        self.plan(Plan::mend);
    }

    /// Does the puts that came late. Returns how many found their place free.
    pub async fn land(&self) -> usize {
        match &self.way {
            Way::Line(line) => line.land().await,
            Way::Wire(wire, _) => wire.land().await,
        }
    }

    /// The operations so far, those with faults included: what was asked, of which key or prefix.
    pub fn log(&self) -> Vec<(Kind, String)> {
        self.plan(|plan| plan.log().to_vec())
    }

    /// The operations so far, of one kind.
    pub fn count(&self, kind: Kind) -> usize {
        self.plan(|plan| plan.count_of(kind))
    }

    fn plan<T>(&self, with: impl FnOnce(&mut Plan) -> T) -> T {
        match &self.way {
            Way::Line(line) => line.plan(with),
            Way::Wire(wire, _) => wire.plan(with),
        }
    }

    /// The server's way for all to see: `host:port`. Only where there is one.
    pub fn wire(&self) -> Option<&Wire> {
        match &self.way {
            Way::Line(_) => None,
            Way::Wire(wire, _) => Some(wire),
        }
    }
}

/// A bucket's name that nobody had yet: servers live as long as this process.
fn fresh_name() -> String {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    format!("acme-audit-{}", MADE.fetch_add(1, Ordering::Relaxed))
}

fn settings(url: &Url, options: BTreeMap<String, ArchiveOption>) -> ArchiveSettings {
    ArchiveSettings {
        options,
        ..ArchiveSettings::to_read(url.clone())
    }
}

fn plain(options: &[(&str, &str)]) -> BTreeMap<String, ArchiveOption> {
    let plain = |text: &str| ArchiveOption::Plain(text.to_owned());
    options
        .iter()
        .map(|(name, text)| ((*name).to_owned(), plain(text)))
        .collect()
}

fn secret(directory: &TempDir, option: &str, text: &str) -> (String, ArchiveOption) {
    let file = directory.path().join(option);
    std::fs::write(&file, text).unwrap();
    (option.to_owned(), ArchiveOption::Secret(SecretRef::File(file)))
}
