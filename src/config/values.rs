//! Kinds of values that more than one section uses: lengths, paths, URLs, references to secrets.

use std::{path::PathBuf, time::Duration};

use url::{Host, Url};

use super::{ValueKind, reader::Field, units};
use crate::{archive::object_store_url, secret::SecretRef};

/// How a secret is named instead of being written.
const REFERENCE: &str = "{ file = … } | { env = … } | { credential = … }";

impl Field<'_> {
    /// A duration from `least` to `most`, both as a user would write them.
    pub(super) fn duration(&self, least: &str, most: &str) -> Option<Duration> {
        if let Some(ValueKind::I64(_) | ValueKind::Float(_)) = self.kind() {
            self.must_be("a string with a unit, such as `90s` or `1h15m`");
            return None;
        }
        self.parse(|text| within(text, least, most, units::duration))
    }

    /// Bytes from `least` to `most`, both as a user would write them.
    pub(super) fn size(&self, least: &str, most: &str) -> Option<usize> {
        match self.kind()? {
            ValueKind::I64(number) => within(&number.to_string(), least, most, units::size)
                .map_err(|problem| self.wrong(problem))
                .ok(),
            _ => self.parse(|text| within(text, least, most, units::size)),
        }
    }

    /// A path. A relative one belongs to the working directory.
    pub(super) fn file_path(&self) -> Option<PathBuf> {
        self.text().map(PathBuf::from)
    }

    /// A URL that credentials may be sent to.
    pub(super) fn url(&self) -> Option<Url> {
        self.parse(web_url)
    }

    /// `true` or `false`; in the environment they are strings.
    pub(super) fn flag(&self) -> Option<bool> {
        match self.kind()? {
            ValueKind::Boolean(flag) => Some(*flag),
            ValueKind::String(text) if text == "true" => Some(true),
            ValueKind::String(text) if text == "false" => Some(false),
            _ => {
                self.must_be("`true` or `false`");
                None
            }
        }
    }

    /// A name that becomes one segment of a URL.
    pub(super) fn segment(&self) -> Option<String> {
        self.parse(|text| {
            let strange = |c: char| c.is_control() || "/\\?#%".contains(c);
            if text.contains(strange) || text.trim() != text || text == "." || text == ".." {
                return Err("must be one part of a URL: no `/ \\ ? # %`, no space around it");
            }
            Ok(text.to_owned())
        })
    }

    /// A reference to a secret. Where several layers name one, the last layer's counts.
    pub(super) fn secret(&self) -> Option<SecretRef> {
        match self.kind()? {
            ValueKind::Table(_) => {}
            _ => {
                self.wrong(format!(
                    "is written inline, which is refused for secrets: use {REFERENCE}"
                ));
                return None;
            }
        }
        let (file, env, credential) =
            self.table(|t| Some((t.field("file"), t.field("env"), t.field("credential"))))?;
        let newest = [&file, &env, &credential]
            .into_iter()
            .filter_map(Field::layer)
            .max();
        let counts = |field: &Field<'_>| field.is_set() && field.layer() == newest;
        match (counts(&file), counts(&env), counts(&credential)) {
            (true, false, false) => secret_file(&file),
            (false, true, false) => env.parse(variable).map(SecretRef::Env),
            (false, false, true) => credential.segment().map(SecretRef::Credential),
            _ => {
                self.wrong(format!("must be exactly one of {REFERENCE}"));
                None
            }
        }
    }
}

/// Never quotes the text: it may be a secret that was put in the wrong place.
fn variable(name: &str) -> Result<String, &'static str> {
    let good = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    good.then(|| name.to_owned())
        .ok_or("must be the name of a variable")
}

fn secret_file(field: &Field<'_>) -> Option<SecretRef> {
    let path = field.file_path()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if path
            .metadata()
            .is_ok_and(|file| file.permissions().mode() & 0o004 != 0)
        {
            field.unwise(format!(
                "everybody can read `{}`: run `chmod o-r` on it",
                path.display()
            ));
        }
    }
    Some(SecretRef::File(path))
}

fn within<T: PartialOrd + Default>(
    text: &str,
    least: &str,
    most: &str,
    read: fn(&str) -> Result<T, units::UnitError>,
) -> Result<T, String> {
    let value = read(text).map_err(|error| error.to_string())?;
    let limit = |text| read(text).unwrap_or_default();
    if value < limit(least) || value > limit(most) {
        return Err(format!("`{text}` is out of range: {least} to {most}"));
    }
    Ok(value)
}

/// What is wrong with a URL that has more than a path.
pub(super) const QUERIED: &str = "must not have a query (`?`) or fragment (`#`)";

/// `https`, or `http` on a loopback host, and nothing in it that could be a credential. Never quotes the text.
pub(super) fn web_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is no URL such as `https://host/`: {error}"))?;
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let problem = if !url.username().is_empty() || url.password().is_some() {
        "must not hold a user name or password"
    } else if url.query().is_some() || url.fragment().is_some() {
        QUERIED
    } else if url.scheme() == "http" && !loopback {
        "is plain `http://`, which is for loopback hosts only: use `https://`"
    } else if !matches!(url.scheme(), "https" | "http") {
        "must begin with `https://`"
    } else {
        return Ok(url);
    };
    Err(problem.to_owned())
}

/// Where the archive is: a directory, relative ones from the working directory, or an object store. Never quotes the
/// text.
pub(super) fn archive_url(text: &str) -> Result<Url, String> {
    const FORM: &str = "`file:///path`, or `file://./path` from the working directory";
    let relative = text.strip_prefix("file://").filter(|path| path.starts_with('.'));
    if let Some(path) = relative {
        let path =
            std::path::absolute(path).map_err(|error| format!("has no directory to begin at: {error}"))?;
        return Url::from_file_path(path).map_err(|()| format!("must be {FORM}"));
    }
    let url = match text.split_once("://") {
        Some(("s3" | "az" | "abfss" | "gs", _)) => return object_store_url(text),
        Some(("file", _)) => {
            Url::parse(text).map_err(|error| format!("is no URL such as {FORM}: {error}"))?
        }
        _ => {
            return Err(format!(
                "must be {FORM}; or begin with `s3://`, `az://`, `abfss://` or `gs://`"
            ));
        }
    };
    if text.starts_with("file:///") && url.query().is_none() && url.fragment().is_none() {
        return Ok(url);
    }
    Err(format!("must be {FORM}"))
}
