//! `auditlogs`: the classic logs experience. Records without id, no time filter, pages by offset.

use url::Url;

use super::{Limits, Opening, Outcome, SourceError, http::Connection};
use crate::{checkpoint::Known, error::Action, target::Target, window::Window};

/// The classic audit log of an organization.
pub struct Classic {
    endpoint: Url,
}

/// What is wrong with what the server shows.
#[derive(Debug, thiserror::Error)]
pub enum ClassicError {
    /// Not in this version.
    #[error("read classic records: this version cannot")]
    NotYet,
}

impl ClassicError {
    /// What the failure asks for.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::NotYet => Action::Stop,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        None
    }
}

impl Classic {
    pub(super) fn new(_target: &Target, connection: Connection) -> Self {
        Self {
            endpoint: connection.url().clone(),
        }
    }

    pub(super) fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    pub(super) async fn open(&self) -> Result<Opening, SourceError> {
        Ok(Opening::at(None))
    }

    pub(super) async fn read(
        &self,
        _span: Window,
        _known: &Known,
        _limits: Limits,
        _told: &(impl Fn(usize) + Sync),
    ) -> Result<Outcome, SourceError> {
        Err(SourceError::Classic(ClassicError::NotYet))
    }
}
