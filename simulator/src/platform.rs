//! The platforms: which paths each of them has, and what the others get.

use crate::fault::ErrorBody;
use crate::reply::Reply;
use crate::spoil::SIGN_IN;
use crate::switches::{Paths, WrongPath};
use crate::world::{Incoming, World};

/// What the cloud runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Platform {
    /// Automation Cloud, Public Sector, Dedicated, and Automation Suite from 2.2610 on: all APIs. [D]
    #[default]
    AutomationCloud,
    /// Automation Suite up to 2.2510: the classic API alone. [D]
    AutomationSuite,
    /// A standalone Orchestrator: the classic API alone, without an organization in the path [I]; tokens at
    /// `/identity/connect/token`. [D]
    Orchestrator,
}

/// The ways to an endpoint that a platform may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    OrganizationToken,
    Token,
    StandaloneToken,
    Unified,
    OrganizationClassic,
    Classic,
}

impl Way {
    fn of(path: &str) -> Option<Self> {
        let path = path.to_ascii_lowercase();
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        Some(match segments.as_slice() {
            ["identity_", "connect", "token"] => Self::Token,
            ["identity", "connect", "token"] => Self::StandaloneToken,
            [_, "identity_", "connect", "token"] => Self::OrganizationToken,
            ["audit_", ..] => Self::Classic,
            [_, "orgaudit_", ..] | [_, _, "tenantaudit_", ..] => Self::Unified,
            [_, "audit_", ..] | [_, _, "audit_", ..] => Self::OrganizationClassic,
            _ => return None,
        })
    }

    fn is_on(self, paths: Paths) -> bool {
        match self {
            Self::OrganizationToken => paths.organization_token,
            Self::Token => paths.token,
            Self::StandaloneToken => paths.standalone_token,
            Self::Unified => paths.unified,
            Self::OrganizationClassic => paths.organization_classic,
            Self::Classic => paths.classic,
        }
    }
}

impl Platform {
    fn has(self, way: Way) -> bool {
        match self {
            Self::AutomationCloud => way != Way::StandaloneToken,
            Self::AutomationSuite => !matches!(way, Way::StandaloneToken | Way::Unified),
            Self::Orchestrator => matches!(way, Way::StandaloneToken | Way::Classic),
        }
    }
}

impl World {
    /// Whether the path is one that the platform has and the switches leave.
    pub(crate) fn has_path(&self, path: &str, paths: Paths) -> bool {
        Way::of(path).is_none_or(|way| self.platform.has(way) && way.is_on(paths))
    }

    /// What a path gets that is not there.
    pub(crate) fn wrong_path(&self, request: &Incoming, wrong: WrongPath) -> Reply {
        match wrong {
            WrongPath::Html => self.refuse(404, &ErrorBody::Html),
            WrongPath::Json => self.refuse(404, &ErrorBody::Orchestrator),
            WrongPath::SignIn => Reply::new(200, "text/html; charset=utf-8", SIGN_IN),
            WrongPath::Redirect => {
                let back: String = url::form_urlencoded::byte_serialize(request.path.as_bytes()).collect();
                let to = format!("/identity_/Account/Login?ReturnUrl={back}");
                Reply::new(302, "", "").header("location", to)
            }
            WrongPath::UnsupportedVersion => self.unsupported(405, "UnsupportedApiVersion", request),
        }
    }
}
