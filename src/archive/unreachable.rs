//! Why a store, or whoever gives out its credentials, said nothing at all. Names the host alone: paths and query strings
//! may hold secrets.

use std::{error::Error, fmt};

use super::refusal::line;
use crate::error::Action;

/// There is no reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreachable {
    /// Who was asked: host and port.
    pub host: String,
    /// What happened.
    pub kind: UnreachableKind,
    /// What the system said; may be empty.
    pub(super) said: String,
}

/// Where an exchange ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnreachableKind {
    /// Its name has no address here.
    UnknownHost,
    /// No connection, or none in time.
    Connect,
    /// It shows no certificate that is trusted here, or does not trust ours.
    Certificate,
    /// It took too long.
    Timeout,
    /// The connection was lost before the end.
    Lost,
    /// It was not asked: the address is plain `http` and not on this machine.
    PlainHttp,
    /// The request cannot be spelled as HTTP.
    Unsendable,
}

impl Unreachable {
    /// `kind` as far as the HTTP client tells; its chain of causes tells more.
    pub(super) fn new(host: &str, kind: UnreachableKind, cause: &(dyn Error + 'static)) -> Self {
        let mut causes = vec![cause.to_string()];
        let mut next = cause.source();
        while let Some(error) = next {
            causes.push(error.to_string());
            next = error.source();
        }
        let tells = |word: &str| causes.iter().any(|cause| cause.contains(word));
        let kind = match kind {
            UnreachableKind::Connect if tells("dns error") => UnreachableKind::UnknownHost,
            UnreachableKind::Connect | UnreachableKind::Lost
                if tells("certificate") || tells("Certificate") =>
            {
                UnreachableKind::Certificate
            }
            kind => kind,
        };
        Self {
            host: host.to_owned(),
            kind,
            said: line(causes.last().map_or("", String::as_str)),
        }
    }

    pub(super) fn action(&self) -> Action {
        match self.kind {
            // Nobody gives out credentials on this machine, and none are configured.
            UnreachableKind::Connect | UnreachableKind::Timeout if self.is_metadata() => Action::Stop,
            UnreachableKind::UnknownHost
            | UnreachableKind::Connect
            | UnreachableKind::Certificate
            | UnreachableKind::Timeout
            | UnreachableKind::Lost => Action::NextTick,
            UnreachableKind::PlainHttp | UnreachableKind::Unsendable => Action::Stop,
        }
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        match self.kind {
            UnreachableKind::UnknownHost => write!(f, "`{host}` has no address here")?,
            UnreachableKind::Connect => write!(f, "`{host}` cannot be reached")?,
            UnreachableKind::Certificate => write!(f, "no secure connection to `{host}`")?,
            UnreachableKind::Timeout => return write!(f, "`{host}` took too long"),
            UnreachableKind::Lost => write!(f, "the connection to `{host}` was lost")?,
            UnreachableKind::PlainHttp => {
                return write!(
                    f,
                    "`{host}` is not on this machine, and plain `http` is for loopback hosts only"
                );
            }
            UnreachableKind::Unsendable => write!(f, "the request to `{host}` cannot be put together")?,
        }
        if self.said.is_empty() || self.kind == UnreachableKind::UnknownHost {
            Ok(())
        } else {
            write!(f, ": {}", self.said)
        }
    }
}

impl Error for Unreachable {}
