//! What a store, or whoever gives out its credentials, said instead of an answer: one short line that is safe to log,
//! and what it means. Pure. Never quotes what was signed, signatures, tokens or query strings.

use std::fmt;

use said::{Said, tag};

use crate::{echo::echoes, error::Action, secret::Secret};

mod said;

/// The longest message, in characters.
const LONGEST: usize = 300;
/// A run of letters and digits this long is no word: perhaps a token.
const LONGEST_WORD: usize = 40;

/// The shortest secret that is looked for, in bytes.
const SHORTEST_SECRET: usize = 6;

/// A reply that is no success.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The store's word for it, such as `AccessDenied`.
    pub code: Option<String>,
    /// One line of at most 300 characters. May be empty.
    pub message: String,
    /// Where the bucket is, if that is what was wrong and the store tells.
    pub region: Option<String>,
    /// What it means.
    pub kind: RefusalKind,
}

/// What a refusal means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefusalKind {
    /// Wrong key, wrong signature, unknown account.
    Credentials,
    /// The credentials were good once.
    Expired,
    /// This machine's clock is too far off.
    Clock,
    /// The bucket is elsewhere.
    Region,
    /// There is no such bucket.
    NoBucket,
    /// There is no such object: no refusal for those who ask whether it is there.
    NoObject,
    /// The credentials are fine, but may not do this.
    Permission,
    /// The store is in trouble or was sent something damaged: trying again may help.
    Passing,
    /// Anything else.
    Other,
}

/// The parts of a reply that say why.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Reply<'a> {
    pub status: u16,
    /// The header `x-ms-error-code`.
    pub code: Option<&'a str>,
    /// The header `x-amz-bucket-region`.
    pub region: Option<&'a str>,
    /// The body, or its beginning.
    pub body: &'a [u8],
}

impl Refusal {
    /// Reads a reply that is no success.
    pub(super) fn read(reply: Reply<'_>) -> Self {
        let body = String::from_utf8_lossy(reply.body);
        let said = Said::of(body.trim());
        let code = reply
            .code
            .map(str::to_owned)
            .or(said.code)
            .map(|code| word(&code));
        let code = code.filter(|code| !code.is_empty());
        let region = reply
            .region
            .map(str::to_owned)
            .or(said.region)
            .map(|region| word(&region));
        let region = region.filter(|region| !region.is_empty());
        let kind = match code
            .as_deref()
            .and_then(|code| by_code(code, &said.detail, &region))
        {
            Some(kind) => kind,
            None if said.identity && reply.status < 500 && reply.status != 429 => RefusalKind::Credentials,
            None => by_status(reply.status, code.is_some() || said.page, region.is_some()),
        };
        Self {
            status: reply.status,
            code,
            message: line(&said.message),
            region: region.filter(|_| kind == RefusalKind::Region),
            kind,
        }
    }

    /// The same without words that hold one of these secrets, however spelled: some servers send back what they were
    /// sent.
    pub(super) fn without(mut self, secrets: &[Secret]) -> Self {
        // What is shorter keeps nothing secret, and is found in any sentence.
        let secrets = secrets
            .iter()
            .filter(|secret| secret.expose().len() >= SHORTEST_SECRET);
        let holds = |text: &str| secrets.clone().any(|secret| echoes(text, secret));
        if holds(&self.message) {
            "it sent a secret back: not quoted".clone_into(&mut self.message);
        }
        self.code = self.code.filter(|code| !holds(code));
        self.region = self.region.filter(|region| !holds(region));
        self
    }

    /// Reads the reply to a request that deletes several objects, which is a success whatever became of each: what was
    /// said about the first that stays, if it stays for a reason that lasts.
    pub(super) fn of_deletes(body: &[u8]) -> Option<Self> {
        let body = String::from_utf8_lossy(body);
        let refusal = match body.find("<Error>").and_then(|at| body.get(at..)) {
            Some(error) if body.contains("<DeleteResult") => Self::read(Reply {
                // S3 tells none: that of a delete by itself.
                status: if tag(error, "Code") == Some("AccessDenied") {
                    403
                } else {
                    400
                },
                body: error.as_bytes(),
                ..Reply::default()
            }),
            _ => body.split("HTTP/1.1 ").skip(1).find_map(of_part)?,
        };
        let lasts = !matches!(refusal.kind, RefusalKind::Passing | RefusalKind::NoObject);
        let in_trouble = matches!(
            refusal.code.as_deref(),
            Some("InternalError" | "SlowDown" | "ServiceUnavailable")
        );
        (lasts && !in_trouble).then_some(refusal)
    }

    /// Whether other credentials might have been let in.
    pub(super) fn is_credentials(&self) -> bool {
        // A region may come from a profile, which is read again with its keys.
        matches!(
            self.kind,
            RefusalKind::Credentials | RefusalKind::Expired | RefusalKind::Permission | RefusalKind::Region
        )
    }

    /// The store does not know what it is asked for.
    pub(super) fn is_unknown_request(&self) -> bool {
        self.status == 501 || self.code.as_deref() == Some("NotImplemented")
    }

    pub(super) fn action(&self) -> Action {
        match self.kind {
            RefusalKind::Passing | RefusalKind::NoObject => Action::NextTick,
            RefusalKind::Credentials
            | RefusalKind::Expired
            | RefusalKind::Clock
            | RefusalKind::Region
            | RefusalKind::NoBucket
            | RefusalKind::Permission
            | RefusalKind::Other => Action::Stop,
        }
    }

    /// `code: message`, as far as they are known.
    pub(super) fn brief(&self) -> String {
        match &self.code {
            Some(code) if self.message.is_empty() => code.clone(),
            Some(code) => format!("{code}: {}", self.message),
            None => self.message.clone(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)?;
        if let Some(code) = &self.code {
            write!(f, ": `{code}`")?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

/// One reply among those to several deletes, as Azure sends them.
fn of_part(part: &str) -> Option<Refusal> {
    let status: u16 = part.get(..3)?.parse().ok()?;
    if (200..300).contains(&status) {
        return None;
    }
    let (head, body) = part.split_once("\r\n\r\n").unwrap_or((part, ""));
    let code = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("x-ms-error-code").then(|| value.trim())
    });
    let body = body.split("\r\n--").next().unwrap_or_default();
    Some(Refusal::read(Reply {
        status,
        code,
        body: body.as_bytes(),
        ..Reply::default()
    }))
}

fn by_code(code: &str, detail: &str, region: &Option<String>) -> Option<RefusalKind> {
    Some(match code {
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => RefusalKind::Expired,
        "RequestTimeTooSkewed" => RefusalKind::Clock,
        "AuthenticationFailed" | "InvalidAuthenticationInfo" if detail.contains("date header") => {
            RefusalKind::Clock
        }
        "AuthenticationFailed" | "InvalidAuthenticationInfo"
            if detail.contains("expired") || detail.contains("not valid in the specified time frame") =>
        {
            RefusalKind::Expired
        }
        "AuthorizationHeaderMalformed" if region.is_some() => RefusalKind::Region,
        // Its emulator's word for a wrong key. A firewall of the account says it in other words.
        "AuthorizationFailure" if detail.contains("failed to authenticate") => RefusalKind::Credentials,
        "AuthenticationFailed"
        | "InvalidAuthenticationInfo"
        | "NoAuthenticationInformation"
        | "AuthorizationHeaderMalformed"
        | "AuthenticationRequired"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidSecurity"
        | "InvalidToken"
        | "MissingSecurityHeader"
        | "SignatureDoesNotMatch" => RefusalKind::Credentials,
        "PermanentRedirect" | "TemporaryRedirect" | "IllegalLocationConstraintException" => {
            RefusalKind::Region
        }
        "NoSuchBucket" | "InvalidBucketName" | "ContainerNotFound" | "FilesystemNotFound"
        | "ResourceNotFound" => RefusalKind::NoBucket,
        "NoSuchKey" | "NoSuchVersion" | "BlobNotFound" => RefusalKind::NoObject,
        "BlobImmutableDueToPolicy" => RefusalKind::Permission,
        "BadDigest" | "IncompleteBody" | "Md5Mismatch" | "RequestTimeout" | "XAmzContentSHA256Mismatch" => {
            RefusalKind::Passing
        }
        // STS and KMS say with status 400 that they are busy.
        "IDPCommunicationError" | "KMS.ThrottlingException" | "Throttling" | "ThrottlingException" => {
            RefusalKind::Passing
        }
        // In a class that must be restored first: no right is missing.
        "InvalidObjectState" => RefusalKind::Other,
        _ => return None,
    })
}

/// `worded`: somebody said more than the status.
fn by_status(status: u16, worded: bool, region: bool) -> RefusalKind {
    match status {
        300..=399 if region => RefusalKind::Region,
        401 => RefusalKind::Credentials,
        403 => RefusalKind::Permission,
        404 if !worded => RefusalKind::NoObject,
        408 | 429 | 500 | 502..600 => RefusalKind::Passing,
        _ => RefusalKind::Other,
    }
}

/// A code or a region: letters, digits and little else.
fn word(text: &str) -> String {
    let plain = |letter: &char| letter.is_ascii_alphanumeric() || ['-', '_', '.'].contains(letter);
    text.chars().filter(plain).take(64).collect()
}

/// One line that is safe to log.
pub(super) fn line(text: &str) -> String {
    // Azure puts numbers and the time below its message.
    let text = text.split("\nRequestId:").next().unwrap_or_default();
    let words = text.split_whitespace().map(|word| {
        let word = word.split('?').next().unwrap_or_default();
        if looks_secret(word) { "…" } else { word }
    });
    let text = words.collect::<Vec<_>>().join(" ");
    let text: String = text.chars().filter(|letter| !letter.is_control()).collect();
    let text = text.trim_end_matches('.');
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

/// A part of a query string, or a long run of what tokens, keys and signatures are made of.
fn looks_secret(word: &str) -> bool {
    let made_of = |letter: char| letter.is_ascii_alphanumeric() || ['+', '=', '_', '-'].contains(&letter);
    let long_run = |run: &str| {
        let any = |is: fn(&char) -> bool| run.chars().any(|letter| is(&letter));
        let mixed =
            any(char::is_ascii_uppercase) && any(char::is_ascii_lowercase) && any(char::is_ascii_digit);
        run.len() >= LONGEST_WORD && (mixed || run.chars().all(|letter| letter.is_ascii_hexdigit()))
    };
    ["sig=", "ignature=", "oken="]
        .iter()
        .any(|sign| word.contains(sign))
        || word.split(|letter| !made_of(letter)).any(long_run)
}

#[cfg(test)]
mod tests;
