//! `query/downloadeventsfromlongtermstore`: days that are over, as ZIP archives of JSON lists.

use url::Url;

use super::{Limits, Opening, Outcome, SourceError, http::Connection};
use crate::{checkpoint::Known, error::Action, target::Target, window::Window};

/// The long-term store of an organization or tenant.
pub struct LongTerm {
    endpoint: Url,
}

/// What is wrong with what the server shows.
#[derive(Debug, thiserror::Error)]
pub enum LongTermError {
    /// Not in this version.
    #[error("read the long-term store: this version cannot")]
    NotYet,
}

impl LongTermError {
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

impl LongTerm {
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
        Err(SourceError::LongTerm(LongTermError::NotYet))
    }
}
