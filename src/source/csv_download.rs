//! `query/downloadevents` and `auditlogs/download`: CSV files that the server makes, taken byte for byte.

use url::Url;

use super::{Limits, Opening, Outcome, SourceError, http::Connection};
use crate::{
    error::Action,
    target::{Api, Target},
    window::Window,
};

/// The downloads of an organization or tenant.
pub struct CsvDownload {
    api: Api,
    endpoint: Url,
}

/// What is wrong with what the server shows.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// Not in this version.
    #[error("read a server-made file: this version cannot")]
    NotYet,
}

impl CsvError {
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

impl CsvDownload {
    pub(super) fn new(target: &Target, connection: Connection) -> Self {
        Self {
            api: target.api,
            endpoint: connection.url().clone(),
        }
    }

    pub(super) fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    pub(super) fn api(&self) -> Api {
        self.api
    }

    pub(super) async fn prepare(&mut self) -> Result<(), SourceError> {
        Ok(())
    }

    pub(super) async fn open(&self) -> Result<Opening, SourceError> {
        Ok(Opening::at(None))
    }

    pub(super) async fn read(
        &self,
        _span: Window,
        _limits: Limits,
        _told: &(impl Fn(usize) + Sync),
    ) -> Result<Outcome, SourceError> {
        Err(SourceError::Csv(CsvError::NotYet))
    }
}
