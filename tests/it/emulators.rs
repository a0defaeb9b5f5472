//! Servers that nobody here wrote: Amazon S3 by moto, Azure Blob Storage by Azurite. Each is installed, once and at
//! pinned versions, and started, once for all tests, when a test first needs it. It ends with the tests.
//!
//! Where that cannot be, a suite says so by [`skip`]: it never passes in silence.
//!
//! Moto checks keys, signatures, session tokens, the actions and resources of policies, `If-None-Match`, Object Lock. What
//! it takes and S3 does not: the signature of another region, a body that is not the signed one, a wrong checksum, an
//! absent object asked for without the right to list (the wire refuses these four); a session that is over, an old date,
//! a key made inactive, tags without `s3:PutObjectTagging`, any KMS key. It asks for `s3:DeleteObject` on the bucket, too.
//! Azurite checks keys, shared access signatures with their permissions and end, `If-None-Match`. It knows no immutability
//! policy (the wire does).
//!
//! Google Cloud Storage has no emulator here: none was found that can be installed so and speaks the XML API with
//! `x-goog-if-generation-match`, as `object_store` does.

use std::{
    fmt,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

pub mod aws;
pub mod azure;
pub mod install;
mod running;
mod tests;

use aws::S3;
use azure::Azure;

/// Where the pins and the servers' beginnings lie.
const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/emulators");

/// Why there is no such server, and what to do about it.
#[derive(Clone, Debug)]
pub struct Missing(pub String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One line, whatever an installer said.
        f.write_str(&self.0.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// Tells that a suite does not run, past the capture of what tests print.
///
/// # Panics
///
/// Where the variable `CI` is set: there nothing may be left out.
pub fn skip(suite: &str, missing: &Missing) {
    let told = format!("skipped: {suite}: {missing}");
    assert!(std::env::var_os("CI").is_none_or(|ci| ci.is_empty()), "{told}");
    std::io::stderr()
        .write_all(format!("\n{told}\n").as_bytes())
        .unwrap();
}

/// A Python with what `tests/emulators/requirements.txt` lists.
pub fn python() -> Result<&'static Path, Missing> {
    static PYTHON: OnceLock<Result<PathBuf, Missing>> = OnceLock::new();
    let installed = PYTHON.get_or_init(install::python).as_deref();
    installed.map_err(Missing::clone)
}

/// Amazon S3.
pub fn s3() -> Result<&'static S3, Missing> {
    static RUNNING: OnceLock<Result<S3, Missing>> = OnceLock::new();
    let started = RUNNING.get_or_init(|| {
        let mut command = Command::new(python()?);
        running::start(command.arg(format!("{HERE}/s3.py"))).map(S3::new)
    });
    started.as_ref().map_err(Missing::clone)
}

/// The directory that has Prometheus's programs.
pub fn prometheus() -> Result<&'static Path, Missing> {
    static PROMETHEUS: OnceLock<Result<PathBuf, Missing>> = OnceLock::new();
    let installed = PROMETHEUS.get_or_init(install::prometheus).as_deref();
    installed.map_err(Missing::clone)
}

/// Azure Blob Storage.
pub fn azure() -> Result<&'static Azure, Missing> {
    static RUNNING: OnceLock<Result<Azure, Missing>> = OnceLock::new();
    let started = RUNNING.get_or_init(|| {
        let mut command = Command::new("node");
        command
            .arg(format!("{HERE}/azure.js"))
            .current_dir(install::azurite()?)
            .env("AZURITE_ACCOUNTS", format!("{}:{}", azure::ACCOUNT, azure::KEY));
        running::start(&mut command).map(Azure::new)
    });
    started.as_ref().map_err(Missing::clone)
}
