//! Who asked whom, with what: a person is told what to do by it.

use std::{fmt, sync::Arc};

use url::Url;

use crate::settings::{ConnectionSettings, Platform};

/// What was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// The identity server, for a token.
    Token,
    /// `orgaudit_` or `tenantaudit_`.
    Unified,
    /// `audit_`.
    Classic,
    /// Something else.
    Other,
}

/// A request as a person sees it: of which connection, about which organization, to which service.
#[derive(Clone)]
pub struct Scene {
    pub(super) settings: Arc<ConnectionSettings>,
    pub(super) organization: Arc<str>,
    pub(super) asked: Asked,
}

impl Scene {
    /// A request to `url`. What it asks is told by the path: UiPath's services have names of their own in it.
    pub(in crate::source) fn of(
        settings: &Arc<ConnectionSettings>,
        organization: &str,
        url: &Url,
    ) -> Arc<Self> {
        let has = |service: &str| {
            let mut segments = url.path_segments().into_iter().flatten();
            segments.any(|segment| segment.eq_ignore_ascii_case(service))
        };
        let asked = if has("orgaudit_") || has("tenantaudit_") {
            Asked::Unified
        } else if has("audit_") {
            Asked::Classic
        } else {
            Asked::Other
        };
        Self::asking(settings, organization, asked)
    }

    /// A request for a token.
    pub(in crate::source) fn token(settings: &Arc<ConnectionSettings>, organization: &str) -> Arc<Self> {
        Self::asking(settings, organization, Asked::Token)
    }

    fn asking(settings: &Arc<ConnectionSettings>, organization: &str, asked: Asked) -> Arc<Self> {
        Arc::new(Self {
            settings: Arc::clone(settings),
            organization: organization.into(),
            asked,
        })
    }

    pub(super) fn platform(&self) -> Platform {
        self.settings.platform
    }

    /// The base URL without a path.
    pub(super) fn root(&self) -> Url {
        let mut url = self.settings.url.clone();
        url.set_path("/");
        url
    }

    /// What is wrong with the base URL at first sight: the guide's examples begin with other ones than ours.
    pub(super) fn mistake_in_url(&self) -> Option<String> {
        const SERVICES: [&str; 5] = ["identity_", "identity", "portal_", "orchestrator_", "audit_"];
        let url = &self.settings.url;
        let segments = || url.path_segments().into_iter().flatten();
        let root = self.root();
        if segments().any(|segment| segment.eq_ignore_ascii_case(&self.organization)) {
            return Some(format!(
                "`url` holds the organization, which belongs into the target alone: write `url = \"{root}\"`"
            ));
        }
        let service =
            segments().any(|segment| SERVICES.iter().any(|name| segment.eq_ignore_ascii_case(name)));
        if service || (self.platform().is_hosted() && url.path() != "/") {
            return Some(format!(
                "`url` goes on after the host, which is wrong on {}: write `url = \"{root}\"`",
                self.platform().title()
            ));
        }
        None
    }
}

impl fmt::Debug for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} of `{}`, {:?}",
            self.asked,
            self.settings.name,
            self.platform()
        )
    }
}
