//! Which kind of platform a connection leads to, and where things are on it. Pure.

use url::Url;

/// A kind of platform: it decides where tokens are asked for, which APIs there are, and what a person is told.
///
/// The access URLs are those of UiPath's API guide; the token URLs of Public Sector and Dedicated are inferred from that of
/// Automation Cloud. `docs/platforms.md` says of each fact how sure it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Platform {
    /// `https://cloud.uipath.com/`, and UiPath's own rings `alpha.` and `staging.uipath.com`. Unified and classic API.
    AutomationCloud,
    /// `https://govcloud.uipath.us/`. Unified and classic API.
    PublicSector,
    /// `https://{name}.dedicated.uipath.com/`. Unified and classic API.
    Dedicated,
    /// On a company's own host. Classic API; the unified one, by a preview of its documents, from 2.2610 on.
    AutomationSuite,
    /// On a company's own host, without the rest of the platform. Classic API alone.
    Orchestrator,
}

impl Platform {
    /// All of them, in the order of the documents.
    pub const ALL: [Self; 5] = [
        Self::AutomationCloud,
        Self::PublicSector,
        Self::Dedicated,
        Self::AutomationSuite,
        Self::Orchestrator,
    ];

    /// What the host of a base URL tells. A host that is not UiPath's own is taken for Automation Suite: nothing tells a
    /// standalone Orchestrator from it.
    #[must_use]
    pub fn of(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        match host.as_str() {
            "cloud.uipath.com" | "alpha.uipath.com" | "staging.uipath.com" => Self::AutomationCloud,
            "govcloud.uipath.us" => Self::PublicSector,
            host if host.ends_with(".dedicated.uipath.com") => Self::Dedicated,
            _ => Self::AutomationSuite,
        }
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AutomationCloud => "automation_cloud",
            Self::PublicSector => "public_sector",
            Self::Dedicated => "dedicated",
            Self::AutomationSuite => "automation_suite",
            Self::Orchestrator => "orchestrator",
        }
    }

    /// Its name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::AutomationCloud => "Automation Cloud",
            Self::PublicSector => "Automation Cloud Public Sector",
            Self::Dedicated => "Automation Cloud Dedicated",
            Self::AutomationSuite => "Automation Suite",
            Self::Orchestrator => "a standalone Orchestrator",
        }
    }

    /// Whether UiPath runs it: the host is then UiPath's, and the base URL has no path.
    #[must_use]
    pub fn is_hosted(self) -> bool {
        match self {
            Self::AutomationCloud | Self::PublicSector | Self::Dedicated => true,
            Self::AutomationSuite | Self::Orchestrator => false,
        }
    }

    /// Whether it can have the unified audit API, and what comes with it: its CSV downloads, the long-term store.
    #[must_use]
    pub fn has_unified(self) -> bool {
        self != Self::Orchestrator
    }

    /// Whether the classic API's path begins with the organization, where a target does not say otherwise.
    #[must_use]
    pub fn organization_in_path(self) -> bool {
        self != Self::Orchestrator
    }

    /// Its base URL as a user would write it, for messages.
    #[must_use]
    pub fn usual_url(self) -> &'static str {
        match self {
            Self::AutomationCloud => "https://cloud.uipath.com/",
            Self::PublicSector => "https://govcloud.uipath.us/",
            Self::Dedicated => "https://NAME.dedicated.uipath.com/",
            Self::AutomationSuite | Self::Orchestrator => "https://HOST/",
        }
    }

    /// Where tokens are asked for unless `token_url` says otherwise: `{base}/{organization}/identity_/connect/token`, on a
    /// standalone Orchestrator `{base}/identity/connect/token`.
    #[must_use]
    pub fn token_url(self, base: &Url, organization: &str) -> Url {
        let mut url = base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty();
            match self {
                Self::Orchestrator => path.push("identity"),
                _ => path.push(organization).push("identity_"),
            };
            path.push("connect").push("token");
        }
        url
    }

    /// Other places on the same host where platforms of that kind are known to give tokens, for messages: nothing is sent
    /// there.
    #[must_use]
    pub fn other_token_urls(self, base: &Url, organization: &str) -> Vec<Url> {
        let services: &[&str] = if self.is_hosted() {
            &["identity_"]
        } else {
            &["identity_", "identity"]
        };
        let derived = self.token_url(base, organization);
        let at = |service: &&str| {
            let mut url = base.clone();
            url.set_path(&format!("/{service}/connect/token"));
            url
        };
        services.iter().map(at).filter(|url| *url != derived).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn the_host_tells_the_platform() {
        for (text, platform) in [
            ("https://cloud.uipath.com/", Platform::AutomationCloud),
            ("https://CLOUD.uipath.com./", Platform::AutomationCloud),
            ("https://alpha.uipath.com/", Platform::AutomationCloud),
            ("https://staging.uipath.com/", Platform::AutomationCloud),
            ("https://govcloud.uipath.us/", Platform::PublicSector),
            ("https://acme.dedicated.uipath.com/", Platform::Dedicated),
            ("https://suite.acme.example/", Platform::AutomationSuite),
            (
                "https://cloud.uipath.com.acme.example/",
                Platform::AutomationSuite,
            ),
            ("https://notdedicated.uipath.com/", Platform::AutomationSuite),
            ("http://127.0.0.1:8080/", Platform::AutomationSuite),
        ] {
            assert_eq!(Platform::of(&url(text)), platform, "{text}");
        }
    }

    #[test]
    fn tokens_are_asked_for_where_each_platform_gives_them() {
        let at = |platform: Platform, base: &str| platform.token_url(&url(base), "ac me").to_string();
        for platform in Platform::ALL {
            let expected = match platform {
                Platform::Orchestrator => "https://h.example/identity/connect/token",
                _ => "https://h.example/ac%20me/identity_/connect/token",
            };
            assert_eq!(at(platform, "https://h.example/"), expected);
            let others = platform.other_token_urls(&url("https://h.example/"), "ac me");
            assert!(!others.is_empty() && others.iter().all(|other| other.as_str() != expected));
        }
        assert_eq!(
            at(Platform::Orchestrator, "https://h.example/uipath/"),
            "https://h.example/uipath/identity/connect/token"
        );
    }

    #[test]
    fn a_standalone_orchestrator_has_the_classic_api_alone() {
        let unified: Vec<_> = Platform::ALL
            .into_iter()
            .filter(|one| one.has_unified())
            .collect();
        assert_eq!(unified.len(), 4);
        assert!(!unified.contains(&Platform::Orchestrator));
        assert!(
            !Platform::Orchestrator.organization_in_path()
                && Platform::AutomationSuite.organization_in_path()
        );
    }
}
