//! Secrets: where they are kept, and a value that cannot be printed.

use std::{env::VarError, fmt, io, path::PathBuf};

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
    /// The variable is missing.
    #[error("read the secret from the environment: `{name}` is not set")]
    NotSet {
        /// The variable.
        name: String,
    },
    /// The variable holds something else than text.
    #[error("read the secret from the environment: `{name}` is not UTF-8")]
    NotText {
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
        problem: Unusable,
    },
}

/// What is wrong with a secret that was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unusable {
    /// Nothing but white space.
    Empty,
    /// More than 64 KiB.
    TooLong,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty",
            Self::TooLong => "longer than 64 KiB",
        })
    }
}

impl SecretError {
    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::File { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => {
                    "there is no such file: put the secret there, or name the right file"
                }
                io::ErrorKind::PermissionDenied => {
                    "this user must be able to read it: check the owner and mode of the file, and of the directories above it"
                }
                io::ErrorKind::IsADirectory => "it is a directory: name the file in it",
                io::ErrorKind::InvalidData => "a secret is text in UTF-8: is it the right file?",
                _ => "check that the file can be read",
            },
            Self::NotSet { .. } => {
                "set the variable where the exporter is started, then start it again: a running program does not see it"
            }
            Self::NotText { .. } => "a secret is text in UTF-8: is it the right variable?",
            Self::NoCredentials { .. } => {
                "start it as a systemd service with `LoadCredential=`, or name the secret with `{ file = … }`"
            }
            Self::Unusable { place, problem } => match (problem, place) {
                (Unusable::Empty, SecretRef::Env(_)) => {
                    "the variable is set, but to nothing: set it to the secret and start the exporter again"
                }
                (Unusable::Empty, _) => "the file is there, but nothing is in it: write the secret into it",
                (Unusable::TooLong, _) => "no secret is that long: is it the right file?",
            },
        }
    }
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
            Self::Env(name) => environment(name).map_err(|error| match error {
                VarError::NotPresent => SecretError::NotSet { name: name.clone() },
                VarError::NotUnicode(_) => SecretError::NotText { name: name.clone() },
            })?,
            Self::Credential(name) => {
                let directory = environment("CREDENTIALS_DIRECTORY")
                    .map_err(|_| SecretError::NoCredentials { name: name.clone() })?;
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
            return Err(unusable(Unusable::Empty));
        }
        if text.len() as u64 > LONGEST {
            return Err(unusable(Unusable::TooLong));
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
fn environment(name: &str) -> Result<String, VarError> {
    std::env::var(name)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a user reads.
    fn told(place: &SecretRef) -> String {
        let error = place.read().unwrap_err();
        format!("{error} (hint: {})", error.hint())
    }

    #[test]
    fn what_is_wrong_with_a_secret_is_said_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| {
            let path = directory.path().join(name);
            std::fs::write(&path, content).unwrap();
            SecretRef::File(path)
        };
        for (place, problem, hint) in [
            (
                SecretRef::Env("UIPATH_NOT_SET_ANYWHERE".to_owned()),
                "is not set",
                "set the variable",
            ),
            (
                SecretRef::Credential("uipath".to_owned()),
                "`CREDENTIALS_DIRECTORY` is not set",
                "`LoadCredential=`",
            ),
            (
                SecretRef::File(directory.path().join("none")),
                "read the secret file",
                "no such file",
            ),
            (
                SecretRef::File(directory.path().to_owned()),
                "read the secret file",
                "a directory",
            ),
            (
                file("binary", b"\xff\xfe"),
                "read the secret file",
                "text in UTF-8",
            ),
            (file("empty", b""), "it is empty", "nothing is in it"),
            (file("blank", b" \n"), "it is empty", "nothing is in it"),
            (
                file("long", &[b'a'; 65_537]),
                "longer than 64 KiB",
                "the right file?",
            ),
        ] {
            let told = told(&place);
            assert!(told.contains(problem) && told.contains(hint), "{told}");
            assert!(!told.contains("must be able to read"), "{told}");
        }
    }
}
