//! The places of the simulated cloud: organizations and their tenants, with names and GUIDs.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::dice::{Dice, guid_text};
use crate::platform::Platform;
use crate::switches::Switches;

/// One stream of audit events: an organization's own, that of one tenant, or the classic one of an organization. They
/// are disjoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamId {
    organization: String,
    tenant: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    classic: bool,
}

impl StreamId {
    /// The organization's own events.
    pub fn organization(organization: &str) -> Self {
        Self {
            organization: organization.to_owned(),
            tenant: None,
            classic: false,
        }
    }

    /// The records of an organization in the classic API.
    pub fn classic(organization: &str) -> Self {
        Self {
            classic: true,
            ..Self::organization(organization)
        }
    }

    /// The events of a tenant.
    pub fn tenant(organization: &str, tenant: &str) -> Self {
        Self {
            organization: organization.to_owned(),
            tenant: Some(tenant.to_owned()),
            classic: false,
        }
    }

    /// Name of the organization.
    pub fn organization_name(&self) -> &str {
        &self.organization
    }

    /// Whether it is of the classic API.
    pub fn is_classic(&self) -> bool {
        self.classic
    }

    /// Name of the tenant; none for the organization's own events.
    pub fn tenant_name(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tenant {
            Some(tenant) => write!(f, "{}/{tenant}", self.organization),
            None if self.classic => write!(f, "{} (classic)", self.organization),
            None => f.write_str(&self.organization),
        }
    }
}

/// What a simulator starts with.
#[derive(Debug, Clone)]
pub struct Cloud {
    pub(crate) streams: Vec<StreamId>,
    pub(crate) client_id: String,
    pub(crate) secret: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) static_tokens: Vec<String>,
    pub(crate) assertions: Vec<String>,
    pub(crate) platform: Platform,
    pub(crate) switches: Switches,
    pub(crate) clock: Clock,
}

impl Default for Cloud {
    fn default() -> Self {
        Self::new()
    }
}

impl Cloud {
    /// A cloud without any organization, and one external application that may read audit events.
    pub fn new() -> Self {
        Self {
            streams: Vec::new(),
            client_id: "4f5b9a5e-0c3e-4d61-9a38-6f1f2b1d7c10".to_owned(),
            secret: "sim-secret-1".to_owned(),
            scopes: vec!["PM.Audit.Read".to_owned()],
            static_tokens: Vec::new(),
            assertions: Vec::new(),
            platform: Platform::default(),
            switches: Switches::default(),
            clock: Clock::default(),
        }
    }

    /// Adds an organization.
    #[must_use]
    pub fn organization(self, name: &str) -> Self {
        self.stream(StreamId::organization(name))
    }

    /// Adds the classic audit log of an organization.
    #[must_use]
    pub fn classic(self, organization: &str) -> Self {
        self.stream(StreamId::classic(organization))
    }

    /// Adds a tenant, and its organization if it is not there yet.
    #[must_use]
    pub fn tenant(self, organization: &str, name: &str) -> Self {
        self.organization(organization)
            .stream(StreamId::tenant(organization, name))
    }

    /// Sets the id and secret of the external application.
    #[must_use]
    pub fn client(mut self, id: &str, secret: &str) -> Self {
        id.clone_into(&mut self.client_id);
        secret.clone_into(&mut self.secret);
        self
    }

    /// Sets the scopes registered for the external application. `PM.Audit.Read` alone by default.
    #[must_use]
    pub fn scopes(mut self, scopes: &[&str]) -> Self {
        self.scopes = scopes.iter().map(|&s| s.to_owned()).collect();
        self
    }

    /// Accepts a bearer token that never expires (a personal access token).
    #[must_use]
    pub fn static_token(mut self, token: &str) -> Self {
        self.static_tokens.push(token.to_owned());
        self
    }

    /// Accepts an assertion (a signed token of another identity provider) in place of a secret.
    #[must_use]
    pub fn assertion(mut self, assertion: &str) -> Self {
        self.assertions.push(assertion.to_owned());
        self
    }

    /// Says what it runs on: Automation Cloud, if nothing is said.
    #[must_use]
    pub fn platform(mut self, platform: Platform) -> Self {
        self.platform = platform;
        self
    }

    /// Sets the switches.
    #[must_use]
    pub fn switches(mut self, switches: Switches) -> Self {
        self.switches = switches;
        self
    }

    /// Shares a clock.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    fn stream(mut self, id: StreamId) -> Self {
        if !self.streams.contains(&id) {
            self.streams.push(id);
        }
        self
    }
}

/// A name and the GUID that stands for it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) id: String,
}

impl Place {
    fn new(name: &str, path: &str) -> Self {
        Self {
            name: name.to_owned(),
            id: guid_text(Dice::of_text(path).guid()),
        }
    }

    /// Whether a path segment means this place.
    pub(crate) fn is(&self, segment: &str) -> bool {
        self.name.eq_ignore_ascii_case(segment) || self.id.eq_ignore_ascii_case(segment)
    }
}

/// Where a stream lives.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    pub(crate) stream: StreamId,
    pub(crate) organization: Place,
    pub(crate) tenant: Option<Place>,
}

impl Home {
    pub(crate) fn of(stream: &StreamId) -> Self {
        let organization = Place::new(
            &stream.organization,
            &format!("organization {}", stream.organization),
        );
        let tenant = stream
            .tenant
            .as_ref()
            .map(|name| Place::new(name, &format!("tenant {stream}")));
        Self {
            stream: stream.clone(),
            organization,
            tenant,
        }
    }

    /// Whether the segments of a path mean this stream.
    pub(crate) fn is(&self, organization: &str, tenant: Option<&str>) -> bool {
        self.organization.is(organization)
            && match (&self.tenant, tenant) {
                (None, None) => !self.stream.is_classic(),
                (Some(place), Some(segment)) => place.is(segment),
                _ => false,
            }
    }

    /// The service's segment of the path.
    pub(crate) fn service(&self) -> &'static str {
        if self.stream.is_classic() {
            "audit_"
        } else if self.tenant.is_some() {
            "tenantaudit_"
        } else {
            "orgaudit_"
        }
    }
}
