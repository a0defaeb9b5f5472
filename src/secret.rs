//! Secrets: where they are kept, and a value that cannot be printed.

use std::{fmt, io, path::PathBuf};

/// Where a secret is kept. Configuration holds references only, never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// A file; one trailing line break is not part of the secret.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A systemd credential: a file of that name in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

/// A secret that has been read. Not `Serialize`; prints stars.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why a secret could not be read. Never holds the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file is missing or unreadable.
    #[error("read the secret file `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The variable is missing or not UTF-8.
    #[error("read the secret from the environment: `{name}` is not set, or not UTF-8")]
    Env {
        /// The variable.
        name: String,
    },
    /// Not started by systemd with `LoadCredential=`.
    #[error(
        "read the credential `{name}`: `CREDENTIALS_DIRECTORY` is not set (systemd sets it for `LoadCredential=`)"
    )]
    NoCredentials {
        /// The credential.
        name: String,
    },
    /// Nothing but white space, or more than a secret can be.
    #[error("read the secret from {place}: it is {problem}")]
    Unusable {
        /// Where it was read.
        place: SecretRef,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// The longest secret or token accepted, in bytes.
const LONGEST: u64 = 64 * 1024;

impl SecretRef {
    /// Reads the secret now. Blocking, but small: 64 KiB at most.
    ///
    /// # Errors
    /// When it is not there, not UTF-8, empty or longer than 64 KiB.
    pub fn read(&self) -> Result<Secret, SecretError> {
        let text = match self {
            Self::File(path) => read_file(path.clone())?,
            Self::Env(name) => environment(name).ok_or_else(|| SecretError::Env { name: name.clone() })?,
            Self::Credential(name) => {
                let directory = environment("CREDENTIALS_DIRECTORY")
                    .ok_or_else(|| SecretError::NoCredentials { name: name.clone() })?;
                read_file(PathBuf::from(directory).join(name))?
            }
        };
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        let unusable = |problem| SecretError::Unusable {
            place: self.clone(),
            problem,
        };
        if text.trim().is_empty() {
            return Err(unusable("empty"));
        }
        if text.len() as u64 > LONGEST {
            return Err(unusable("longer than 64 KiB"));
        }
        Ok(Secret(text.to_owned()))
    }
}

fn read_file(path: PathBuf) -> Result<String, SecretError> {
    use io::Read as _;
    let mut text = String::new();
    std::fs::File::open(&path)
        .and_then(|file| file.take(LONGEST + 3).read_to_string(&mut text))
        .map_err(|source| SecretError::File { path, source })?;
    Ok(text)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the environment is read here, in config and in archive/stores alone"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file `{}`", path.display()),
            Self::Env(name) => write!(f, "environment variable `{name}`"),
            Self::Credential(name) => write!(f, "credential `{name}`"),
        }
    }
}

impl Secret {
    /// Wraps a value that must never be printed, such as a token from a reply.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
