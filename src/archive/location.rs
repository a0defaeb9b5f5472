//! What an archive's URL says: which kind of store, which bucket, which prefix. Pure.
//!
//! Strict, because the URL is shown everywhere and taken literally: it holds no secret, no query, nothing encoded.

use object_store::path::Path;
use url::Url;

/// The longest prefix accepted, in bytes: stores take keys of 1024 bytes, ours need some of them.
const LONGEST_PREFIX: usize = 512;

/// What an Azure Data Lake URL has behind the account's name.
const DATA_LAKE: &str = ".dfs.core.windows.net";

/// A kind of object store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    S3,
    Azure,
    Gcs,
}

/// Where in an object store an archive is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Location {
    pub(super) kind: Kind,
    /// The bucket, or the container.
    pub(super) bucket: String,
    /// The storage account, where the URL names it.
    pub(super) account: Option<String>,
    /// What comes before every key, perhaps nothing.
    pub(super) prefix: Path,
}

impl Kind {
    /// What a URL with this scheme leads to; None: no object store.
    pub(super) fn of(scheme: &str) -> Option<Self> {
        match scheme {
            "s3" => Some(Self::S3),
            "az" | "abfss" => Some(Self::Azure),
            "gs" => Some(Self::Gcs),
            _ => None,
        }
    }

    /// What its users call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::S3 => "S3",
            Self::Azure => "Azure",
            Self::Gcs => "Google Cloud Storage",
        }
    }

    fn form(self) -> &'static str {
        match self {
            Self::S3 => "`s3://bucket/prefix`",
            Self::Azure => {
                "`az://container/prefix` or `abfss://container@account.dfs.core.windows.net/prefix`"
            }
            Self::Gcs => "`gs://bucket/prefix`",
        }
    }

    /// Whether a bucket can have that name: an address of something else does not get through.
    fn takes_bucket(self, name: &str) -> bool {
        let longest = match self {
            Self::S3 | Self::Azure => 63,
            Self::Gcs => 222,
        };
        let plain = |c: char| match self {
            Self::S3 | Self::Gcs => c.is_ascii_alphanumeric() || "._-".contains(c),
            Self::Azure => c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
        };
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        (3..=longest).contains(&name.len())
            && name.chars().all(plain)
            && ends(name.chars().next())
            && ends(name.chars().next_back())
    }
}

/// Checks the URL of an archive in an object store. A slash at its end is no part of the place.
///
/// # Errors
/// What is wrong with it, reading on after its name. Never quotes it: it may be a secret in the wrong place.
pub fn object_store_url(text: &str) -> Result<Url, String> {
    Location::parse(text)?;
    Url::parse(text.strip_suffix('/').unwrap_or(text)).map_err(|error| format!("is no URL: {error}"))
}

impl Location {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or((text, ""));
        let Some(kind) = Kind::of(scheme) else {
            return Err("must begin with `s3://`, `az://`, `abfss://` or `gs://`".to_owned());
        };
        if rest.contains(['?', '#']) {
            return Err(
                "must not have a query (`?`) or fragment (`#`): options belong in `archive.options`"
                    .to_owned(),
            );
        }
        let form = kind.form();
        let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.contains(':') {
            return Err(format!(
                "must not have a port or a password: {form}; another endpoint belongs in `archive.options`"
            ));
        }
        let (bucket, account) = match (scheme, authority.split_once('@')) {
            ("abfss", Some((container, host))) => (container, Some(account(host)?)),
            ("abfss", None) | (_, Some(_)) => return Err(format!("must be {form}")),
            (_, None) => (authority, None),
        };
        if !kind.takes_bucket(bucket) {
            return Err(format!(
                "names no bucket or container that {} can have: {form}",
                kind.name()
            ));
        }
        Ok(Self {
            kind,
            bucket: bucket.to_owned(),
            account,
            prefix: parse_prefix(prefix.strip_suffix('/').unwrap_or(prefix))?,
        })
    }
}

fn account(host: &str) -> Result<String, String> {
    let name = host.strip_suffix(DATA_LAKE).unwrap_or_default();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if (3..=24).contains(&name.len()) && name.chars().all(plain) {
        return Ok(name.to_owned());
    }
    Err(format!(
        "must end in `@account{DATA_LAKE}`: elsewhere, `az://container/prefix` with `azure_storage_endpoint` among the options"
    ))
}

fn parse_prefix(text: &str) -> Result<Path, String> {
    if text.is_empty() {
        return Ok(Path::default());
    }
    if text.len() > LONGEST_PREFIX {
        return Err(format!(
            "has a prefix longer than {LONGEST_PREFIX} bytes: keys need the rest"
        ));
    }
    // What stores, their consoles, or object_store would write differently than it stands there.
    let strange = |c: char| !c.is_ascii_graphic() || "%\\\"<>[]{}^`|~*".contains(c);
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(strange);
    if !text.split('/').all(plain) {
        return Err(
            "has a prefix that is not plain: no empty part, `.`, `..`, no space, none of % \\ \" < > [ ] { } ^ ` | ~ *"
                .to_owned(),
        );
    }
    Path::parse(text).map_err(|error| format!("has no usable prefix: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Kind, String, Option<String>, String) {
        let place = Location::parse(text).unwrap();
        (place.kind, place.bucket, place.account, place.prefix.to_string())
    }

    #[test]
    fn each_store_has_its_form() {
        let no = None::<String>;
        let some = |text: &str| text.to_owned();
        assert_eq!(
            parse("s3://acme-audit"),
            (Kind::S3, some("acme-audit"), no.clone(), some(""))
        );
        assert_eq!(
            parse("s3://Acme.audit/a/b=c/"),
            (Kind::S3, some("Acme.audit"), no.clone(), some("a/b=c"))
        );
        assert_eq!(
            parse("az://audit/uipath"),
            (Kind::Azure, some("audit"), no.clone(), some("uipath"))
        );
        assert_eq!(
            parse("abfss://audit@acme.dfs.core.windows.net/x"),
            (Kind::Azure, some("audit"), Some(some("acme")), some("x"))
        );
        assert_eq!(
            parse("gs://acme_audit/"),
            (Kind::Gcs, some("acme_audit"), no, some(""))
        );
        assert_eq!(
            object_store_url("s3://acme-audit/a/").unwrap().as_str(),
            "s3://acme-audit/a"
        );
    }

    #[test]
    fn what_is_not_plain_is_refused_and_never_quoted() {
        for (text, problem) in [
            ("s3://canary?x=1", "query"),
            ("s3://canary/#x", "fragment"),
            ("s3://canary:9000/x", "port or a password"),
            ("s3://canary:pass@bucket/x", "port or a password"),
            ("s3://canary@bucket/x", "must be `s3://bucket/prefix`"),
            ("s3://", "names no bucket"),
            ("s3:///canary", "names no bucket"),
            ("s3://c%61nary", "names no bucket"),
            ("s3://canary-", "names no bucket"),
            ("az://Canary", "names no bucket or container that Azure can have"),
            ("abfss://canary/x", "must be `az://container"),
            (
                "abfss://canary@acme.blob.core.windows.net",
                "@account.dfs.core.windows.net",
            ),
            ("abfss://canary@evil.example", "@account.dfs.core.windows.net"),
            ("s3://canary/a//b", "not plain"),
            ("s3://canary/a/../b", "not plain"),
            ("s3://canary/./b", "not plain"),
            ("s3://canary/a%2fb", "not plain"),
            ("s3://canary/a\\b", "not plain"),
            ("s3://canary/a b", "not plain"),
            ("s3://canary/ä", "not plain"),
            ("s3a://canary/x", "must begin with"),
            ("https://canary/x", "must begin with"),
        ] {
            let told = object_store_url(text).unwrap_err();
            assert!(
                told.contains(problem) && !told.contains("canary"),
                "{text}: {told}"
            );
        }
        assert!(
            object_store_url(&format!("s3://acme/{}", "a/".repeat(300)))
                .unwrap_err()
                .contains("longer than 512")
        );
    }
}
