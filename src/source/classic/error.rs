//! Why records could not be read, and what a person should look at.

use crate::{
    clock::{Time, spell},
    error::Action,
    source::http::HttpError,
    target,
};

/// What is wrong with what the server shows.
#[derive(Debug, thiserror::Error)]
pub enum ClassicError {
    /// Not the list, under this address.
    #[error("read classic records")]
    Address {
        /// What came instead.
        #[source]
        source: Box<HttpError>,
        /// What may be wrong with the address.
        hint: String,
    },
    /// Newer records stand before older ones.
    #[error("read classic records: they are not in ascending order of `createdOn`, as was asked for")]
    NotAscending,
    /// The list changes faster than it can be read.
    #[error("read classic records: in {tries} tries the list moved too much while it was read")]
    Moved {
        /// How often it was begun anew.
        tries: u32,
    },
    /// One second has more records than a page, in an order that changes all the time.
    #[error(
        "read classic records: there are more records in the second {} than on a page, and in an order that never stays", spell(*.second)
    )]
    Crowd {
        /// The second.
        second: Time,
    },
}

impl ClassicError {
    /// What the failure asks for.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Address { source, .. } => source.action(),
            Self::NotAscending | Self::Moved { .. } | Self::Crowd { .. } => Action::NextTick,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Address { hint, .. } => Some(hint.clone()),
            Self::NotAscending => Some(
                "the server does not heed `sortBy=createdOn` and `sortOrder=asc`, or a proxy drops them: nothing was archived of this span; a server that wants `api_version` may sort once it is set"
                    .to_owned(),
            ),
            Self::Moved { .. } | Self::Crowd { .. } => Some(
                "nothing was archived of this span, and the next pass tries again; if it stays so, the server is at fault: report it to UiPath"
                    .to_owned(),
            ),
        }
    }

    /// A failure that the form of the address may explain; others are given back.
    pub(super) fn of(source: HttpError, form: &target::Classic) -> Result<Self, Box<HttpError>> {
        let hint = match cause(&source) {
            HttpError::NotUnderstood { refusal, .. } => match refusal.status {
                415 => "something between us and the server drops the header `Content-Type: application/json`, or `url` is not the platform's access URL".to_owned(),
                400 => version(refusal.code.as_deref().unwrap_or_default(), form),
                _ => address(form),
            },
            HttpError::NotFound { .. } | HttpError::Redirected { .. } | HttpError::Unexpected { .. } => address(form),
            _ => return Err(Box::new(source)),
        };
        Ok(Self::Address {
            source: Box::new(source),
            hint,
        })
    }
}

/// The last try's failure.
fn cause(error: &HttpError) -> &HttpError {
    match error {
        HttpError::WaitTooLong { source, .. } | HttpError::GaveUp { source, .. } => cause(source),
        other => other,
    }
}

fn version(code: &str, form: &target::Classic) -> String {
    match (&form.api_version, code.contains("ApiVersion")) {
        (Some(_), true) => {
            "the server does not know this `api_version`: set another one, or leave it out".to_owned()
        }
        (None, true) => {
            "the server wants a version: set `api_version` of the target, such as `1.0`".to_owned()
        }
        _ => format!(
            "check `language` and `api_version` of the target; {}",
            address(form)
        ),
    }
}

fn address(form: &target::Classic) -> String {
    let organization = if form.organization_in_path {
        "`organization_in_path = false` (a standalone Orchestrator has no organization in its paths)"
    } else {
        "`organization_in_path = true` (Automation Cloud and Automation Suite have the organization in their paths)"
    };
    let partition = if form.partition_global_id.is_some() {
        "leave out `partition_global_id`, or check that it is the organization's GUID"
    } else {
        "set `partition_global_id` to the organization's GUID, which some versions want at the end of the path"
    };
    format!(
        "the address of the list differs by platform and version: try {organization}, or {partition}; check also `organization`, and that `url` is the platform's access URL"
    )
}
