//! When what the exporter proves itself with ends, where that can be seen: certificates, tokens that are JWTs, shared
//! access signatures. Reads files; sends and verifies nothing, and keeps no secret.

use std::{io::Read as _, path::Path};

use url::form_urlencoded;

use super::certificate::valid_until;
use crate::{
    clock::Time,
    secret::SecretRef,
    settings::{ArchiveOption, ArchiveSettings, AuthSettings, ConnectionSettings, Settings},
    source::expiry_of,
};

/// The longest file that is looked into, in bytes: bundles of all public roots have some 200 KiB.
const LONGEST: u64 = 4 << 20;

/// Something that ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Expiry {
    /// The connection that shows it. Empty: the archive or the webhook does.
    pub(super) connection: String,
    pub(super) kind: &'static str,
    pub(super) at: Time,
}

/// Where ends are looked for: references and paths alone.
#[derive(Clone, Default)]
pub(super) struct Credentials(Vec<Credential>);

#[derive(Clone)]
struct Credential {
    connection: String,
    kind: &'static str,
    place: Place,
}

#[derive(Clone)]
enum Place {
    /// A PEM file whose first certificate counts: the one that is shown.
    Certificate(std::path::PathBuf),
    /// A PEM file whose last to end counts: an old root may stay beside a new one.
    Roots(std::path::PathBuf),
    Jwt(SecretRef),
    Sas(SecretRef),
    /// Written in the configuration, where it is no secret to it.
    Known(Option<Time>),
}

impl Credentials {
    pub(super) fn of(settings: &Settings) -> Self {
        let mut all = Vec::new();
        for connection in settings.connections.values() {
            of_connection(connection, &mut all);
        }
        of_archive(&settings.archive, &mut all);
        let webhook = settings.webhook.as_ref();
        let webhook = webhook.and_then(|webhook| webhook.ca_file.clone());
        all.extend(webhook.map(|path| Credential {
            connection: String::new(),
            kind: "webhook_ca_file",
            place: Place::Roots(path),
        }));
        Self(all)
    }

    /// Looks at each. What cannot be read, or does not tell, is left out. Blocking.
    pub(super) fn look(&self) -> Vec<Expiry> {
        let look = |one: &Credential| {
            let at = one.place.look()?;
            Some(Expiry {
                connection: one.connection.clone(),
                kind: one.kind,
                at,
            })
        };
        self.0.iter().filter_map(look).collect()
    }
}

fn of_connection(settings: &ConnectionSettings, all: &mut Vec<Credential>) {
    let mut add = |kind, place| {
        let connection = settings.name.clone();
        all.push(Credential {
            connection,
            kind,
            place,
        });
    };
    if let Some(path) = &settings.client_certificate {
        add("client_certificate", Place::Certificate(path.clone()));
    }
    if let Some(path) = &settings.ca_file {
        add("ca_file", Place::Roots(path.clone()));
    }
    match &settings.auth {
        AuthSettings::ClientAssertion { assertion, .. } => add("assertion", Place::Jwt(assertion.clone())),
        AuthSettings::Bearer { token } => add("bearer", Place::Jwt(token.clone())),
        AuthSettings::ClientCredentials { .. } => {}
    }
}

fn of_archive(settings: &ArchiveSettings, all: &mut Vec<Credential>) {
    let mut add = |kind, place| {
        let connection = String::new();
        all.push(Credential {
            connection,
            kind,
            place,
        });
    };
    if let Some(path) = &settings.ca_file {
        add("archive_ca_file", Place::Roots(path.clone()));
    }
    for (name, value) in &settings.options {
        // One of the spellings that `object_store` knows.
        let name = name.to_ascii_lowercase();
        match value {
            ArchiveOption::Secret(secret) if name.contains("sas") => {
                add("archive_sas", Place::Sas(secret.clone()))
            }
            ArchiveOption::Plain(text) if name.contains("sas") => {
                add("archive_sas", Place::Known(end_of_sas(text)))
            }
            ArchiveOption::Secret(secret) if name.contains("token") => {
                add("archive_token", Place::Jwt(secret.clone()));
            }
            ArchiveOption::Plain(_) | ArchiveOption::Secret(_) => {}
        }
    }
}

impl Place {
    fn look(&self) -> Option<Time> {
        match self {
            Self::Certificate(path) => valid_until(&read(path)?).first().copied(),
            Self::Roots(path) => valid_until(&read(path)?).into_iter().max(),
            Self::Jwt(secret) => expiry_of(&secret.read().ok()?),
            Self::Sas(secret) => end_of_sas(secret.read().ok()?.expose()),
            Self::Known(at) => *at,
        }
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The parameter `se` of a shared access signature: a time, or a date alone.
fn end_of_sas(text: &str) -> Option<Time> {
    let text = text.trim().trim_start_matches('?');
    let (_, end) = form_urlencoded::parse(text.as_bytes()).find(|(name, _)| name == "se")?;
    let short = |format| chrono::NaiveDateTime::parse_from_str(&end, format).ok();
    let day = || end.parse::<chrono::NaiveDate>().ok();
    end.parse::<Time>()
        .ok()
        .or_else(|| short("%Y-%m-%dT%H:%MZ").map(|time| time.and_utc()))
        .or_else(|| day().map(|day| day.and_time(chrono::NaiveTime::MIN).and_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_shared_access_signature_is_found() {
        let at = |text: &str| text.parse::<Time>().unwrap();
        for (text, expected) in [
            (
                "?sv=2024-11-04&se=2027-01-31T12%3A00%3A00Z&sig=a%2Bb",
                Some("2027-01-31T12:00:00Z"),
            ),
            ("se=2027-01-31T12:00Z&sig=x\n", Some("2027-01-31T12:00:00Z")),
            ("se=2027-01-31&sig=x", Some("2027-01-31T00:00:00Z")),
            ("sv=2024-11-04&sig=x", None),
            ("se=soon", None),
            ("", None),
        ] {
            assert_eq!(end_of_sas(text), expected.map(at), "{text}");
        }
    }
}
