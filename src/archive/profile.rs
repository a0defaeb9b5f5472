//! Profiles of AWS's shared files, `~/.aws/credentials` and `~/.aws/config`, which `object_store` does not know.
//!
//! Reads keys and a region. What a profile asks for beyond that (single sign-on, assumed roles, programs) is refused
//! with the reason, never passed over. Messages name files, profiles and settings; they never quote a value.

use std::{collections::BTreeMap, fs, io, path::PathBuf};

use crate::secret::Secret;

/// Variables of the process, as far as they concern stores.
pub(super) type Variables = BTreeMap<String, String>;

/// The profile that is used when none is named.
const DEFAULT: &str = "default";

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// A shared file is there, or was named, but cannot be read.
    #[error("read the shared AWS file `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A profile that was asked for is in neither file.
    #[error("find the AWS profile `{name}` in {files}")]
    Missing {
        /// The profile.
        name: String,
        /// Where it was looked for.
        files: String,
    },
    /// It holds no keys, or half a pair.
    #[error("use the AWS profile `{name}`: it lacks `{setting}`")]
    Incomplete {
        /// The profile.
        name: String,
        /// What is missing.
        setting: &'static str,
    },
    /// It wants something that is not built in.
    #[error("use the AWS profile `{name}`: it holds `{setting}`, which is not supported")]
    Unsupported {
        /// The profile.
        name: String,
        /// The setting.
        setting: String,
    },
}

/// The keys of a profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Keys {
    pub(super) id: String,
    pub(super) secret: Secret,
    pub(super) token: Option<Secret>,
}

/// One profile, put together from both files.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Profile {
    name: String,
    /// Settings of `credentials`. Hidden: they hold secrets.
    credentials: Settings,
    /// Settings of `config`.
    config: Settings,
}

/// Settings by lower-case name.
#[derive(Clone, PartialEq, Eq, Default)]
struct Settings(BTreeMap<String, String>);

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Profile {
    /// Reads a profile that was asked for.
    ///
    /// # Errors
    /// If a file cannot be read, or none has the profile.
    pub(super) fn named(name: &str, variables: &Variables) -> Result<Self, ProfileError> {
        let [credentials, config] = files(variables);
        let found = Self::find(name, variables)?;
        found.ok_or_else(|| ProfileError::Missing {
            name: name.to_owned(),
            files: [credentials, config]
                .iter()
                .flatten()
                .map(|file| format!("`{}`", file.path.display()))
                .collect::<Vec<_>>()
                .join(" or "),
        })
    }

    /// Reads the profile that is used when nobody asks for one; None: there is none.
    ///
    /// # Errors
    /// If a file that was named cannot be read. One in a home that is closed to us does not count as there.
    pub(super) fn default(variables: &Variables) -> Result<Option<Self>, ProfileError> {
        Self::find(DEFAULT, variables)
    }

    fn find(name: &str, variables: &Variables) -> Result<Option<Self>, ProfileError> {
        let [credentials, config] = files(variables);
        let read = |file: Option<File>| file.map_or(Ok(String::new()), |file| file.read(name == DEFAULT));
        let credentials = sections(&read(credentials)?).remove(name);
        let mut config = sections(&read(config)?);
        let plain = config.remove(name).filter(|_| name == DEFAULT);
        let config = config.remove(&format!("profile {name}")).or(plain);
        if credentials.is_none() && config.is_none() {
            return Ok(None);
        }
        Ok(Some(Self {
            name: name.to_owned(),
            credentials: credentials.unwrap_or_default(),
            config: config.unwrap_or_default(),
        }))
    }

    /// Its region, from either file.
    pub(super) fn region(&self) -> Option<&str> {
        let region = self.config.0.get("region");
        region
            .or_else(|| self.credentials.0.get("region"))
            .map(String::as_str)
    }

    /// Its keys, all from one file; None: it asks for nothing at all (a region alone, say).
    ///
    /// # Errors
    /// If half of them is missing, or it asks for something else.
    pub(super) fn keys(&self) -> Result<Option<Keys>, ProfileError> {
        let both = || self.credentials.0.keys().chain(self.config.0.keys());
        // Keys beside a role are what the role would be assumed with: the role is what is meant.
        self.refuse(both().find(|name| *name == "role_arn"))?;
        for settings in [&self.credentials.0, &self.config.0] {
            let [id, secret] =
                ["aws_access_key_id", "aws_secret_access_key"].map(|name| (name, settings.get(name)));
            match (id, secret) {
                ((_, None), (_, None)) => {}
                ((_, Some(id)), (_, Some(secret))) => {
                    let token = settings.get("aws_session_token").cloned();
                    return Ok(Some(Keys {
                        id: id.clone(),
                        secret: Secret::new(secret.clone()),
                        token: token.map(Secret::new),
                    }));
                }
                ((_, Some(_)), (setting, None)) | ((setting, None), (_, Some(_))) => {
                    return Err(ProfileError::Incomplete {
                        name: self.name.clone(),
                        setting,
                    });
                }
            }
        }
        self.refuse(both().find(|name| {
            name.starts_with("sso_") || ["credential_process", "credential_source"].contains(&name.as_str())
        }))?;
        Ok(None)
    }

    /// What is wrong with it if it was asked for and holds no keys.
    pub(super) fn without_keys(&self) -> ProfileError {
        ProfileError::Incomplete {
            name: self.name.clone(),
            setting: "aws_access_key_id",
        }
    }

    fn refuse(&self, setting: Option<&String>) -> Result<(), ProfileError> {
        setting.map_or(Ok(()), |setting| {
            Err(ProfileError::Unsupported {
                name: self.name.clone(),
                setting: setting.clone(),
            })
        })
    }
}

/// A shared file, perhaps.
struct File {
    path: PathBuf,
    /// Whether a variable names it.
    named: bool,
}

/// Where `credentials` and `config` are.
fn files(variables: &Variables) -> [Option<File>; 2] {
    let home = ["HOME", "USERPROFILE"]
        .iter()
        .find_map(|name| variables.get(*name))
        .map(PathBuf::from);
    let file = |variable: &str, usual: &str| match (variables.get(variable), &home) {
        (Some(path), home) => Some(File {
            path: match (path.strip_prefix("~/"), home) {
                (Some(rest), Some(home)) => home.join(rest),
                _ => PathBuf::from(path),
            },
            named: true,
        }),
        (None, Some(home)) => Some(File {
            path: home.join(".aws").join(usual),
            named: false,
        }),
        (None, None) => None,
    };
    [
        file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        file("AWS_CONFIG_FILE", "config"),
    ]
}

impl File {
    fn read(self, lenient: bool) -> Result<String, ProfileError> {
        use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(text),
            // The other file may have what is looked for.
            Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Ok(String::new()),
            Err(error) if lenient && !self.named && error.kind() == PermissionDenied => Ok(String::new()),
            Err(source) => Err(ProfileError::File {
                path: self.path,
                source,
            }),
        }
    }
}

/// The sections of a file by name, white space within names as one space, quotes dropped.
fn sections(text: &str) -> BTreeMap<String, Settings> {
    let mut all: BTreeMap<String, Settings> = BTreeMap::new();
    let mut current: Option<&mut Settings> = None;
    // How far in the last setting stood: what stands further in belongs to it.
    let mut depth = None;
    for line in text.trim_start_matches('\u{FEFF}').lines() {
        let inner = line.trim_start();
        let indent = line.len() - inner.len();
        if inner.is_empty() || inner.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = header(inner) {
            current = Some(all.entry(name).or_default());
            depth = None;
            continue;
        }
        if depth.is_some_and(|depth| indent > depth) {
            continue;
        }
        let (Some(settings), Some((name, value))) = (current.as_mut(), inner.split_once('=')) else {
            continue;
        };
        depth = Some(indent);
        let value = without_comment(value).trim();
        if !value.is_empty() {
            let name = name.trim().to_ascii_lowercase();
            settings.0.insert(name, value.to_owned());
        }
    }
    all
}

fn header(line: &str) -> Option<String> {
    let (name, _) = line.strip_prefix('[')?.split_once(']')?;
    let words: Vec<&str> = name.split_whitespace().collect();
    Some(words.join(" ").replace(['"', '\''], ""))
}

/// A comment within a line begins with white space and `#` or `;`.
fn without_comment(value: &str) -> &str {
    let begins = value.match_indices(['#', ';']).map(|(at, _)| at).find(|at| {
        value
            .get(..*at)
            .is_some_and(|before| before.ends_with([' ', '\t']))
    });
    begins.and_then(|at| value.get(..at)).unwrap_or(value)
}

#[cfg(test)]
mod tests;
