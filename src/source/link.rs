//! `next` and `previous` links: data from outside, resolved and checked before anything is sent there; pure.

use url::Url;

/// The longest link followed, in bytes.
const LONGEST: usize = 8 * 1024;

/// Why a link is not followed. Never quotes its parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Longer than 8 KiB.
    #[error("follow a link of {0} bytes: over the limit of 8 KiB")]
    TooLong(usize),
    /// No URL.
    #[error("follow a link that is no URL")]
    Malformed,
    /// Another scheme, host or port.
    #[error("follow a link to another server, `{0}`: the token is for the configured one alone")]
    Foreign(String),
    /// User name or password in it.
    #[error("follow a link that carries credentials")]
    Credentials,
    /// A fragment in it.
    #[error("follow a link with a fragment")]
    Fragment,
    /// Another endpoint, organization or tenant.
    #[error("follow a link to another endpoint, `{0}`")]
    OtherEndpoint(String),
}

/// Resolves a link against the request that brought it, and checks that it leads to the same endpoint of the same server.
///
/// # Errors
/// If it leads anywhere else.
pub fn resolve(request: &Url, endpoint: &Url, link: &str) -> Result<Url, LinkError> {
    if link.len() > LONGEST {
        return Err(LinkError::TooLong(link.len()));
    }
    let url = request.join(link).map_err(|_| LinkError::Malformed)?;
    if url.scheme() != endpoint.scheme()
        || url.host_str() != endpoint.host_str()
        || url.port_or_known_default() != endpoint.port_or_known_default()
    {
        return Err(LinkError::Foreign(url.origin().ascii_serialization()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(LinkError::Credentials);
    }
    if url.fragment().is_some() {
        return Err(LinkError::Fragment);
    }
    if same_endpoint(url.path(), endpoint.path()) {
        Ok(url)
    } else {
        Err(LinkError::OtherEndpoint(shorten(url.path())))
    }
}

/// Alike but for case; organization and tenant may be a name in one and a GUID in the other.
fn same_endpoint(path: &str, endpoint: &str) -> bool {
    let (theirs, ours): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), endpoint.split('/').collect());
    let named = ours.iter().position(|part| is_service(part)).unwrap_or(0);
    theirs.len() == ours.len()
        && theirs
            .iter()
            .zip(&ours)
            .enumerate()
            .all(|(index, (theirs, ours))| {
                theirs.eq_ignore_ascii_case(ours)
                    || (index < named && is_guid(theirs) != is_guid(ours) && !theirs.is_empty())
            })
}

fn is_service(part: &str) -> bool {
    let part = part.to_ascii_lowercase();
    part == "orgaudit_" || part == "tenantaudit_"
}

fn is_guid(part: &str) -> bool {
    let groups: Vec<&str> = part.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups
            .iter()
            .all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn shorten(path: &str) -> String {
    path.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(link: &str) -> Result<String, LinkError> {
        let endpoint: Url = "https://cloud.uipath.com/acme/production/tenantaudit_/api/query/events"
            .parse()
            .unwrap();
        let mut request = endpoint.clone();
        request.set_query(Some("maxCount=200"));
        resolve(&request, &endpoint, link).map(String::from)
    }

    #[test]
    fn links_to_the_same_endpoint_are_followed() {
        for link in [
            "/acme/production/tenantaudit_/api/query/events?before=1",
            "https://cloud.uipath.com/acme/production/tenantaudit_/api/Query/events?before=1",
            "https://CLOUD.uipath.com:443/ACME/production/tenantaudit_/api/query/events?before=1",
            "/acme/692a7634-bdfc-4c77-a7ee-a8c7eef10457/tenantaudit_/api/query/events?before=1",
            "events?before=1",
            "?before=1",
        ] {
            assert!(follow(link).is_ok_and(|url| url.ends_with("?before=1")), "{link}");
        }
    }

    #[test]
    fn links_to_anywhere_else_are_refused() {
        for link in [
            "https://evil.example/acme/production/tenantaudit_/api/query/events",
            "//evil.example/acme/production/tenantaudit_/api/query/events",
            "http://cloud.uipath.com/acme/production/tenantaudit_/api/query/events",
            "https://cloud.uipath.com:8443/acme/production/tenantaudit_/api/query/events",
            "https://me:you@cloud.uipath.com/acme/production/tenantaudit_/api/query/events",
            "/acme/production/tenantaudit_/api/query/events#x",
            "/acme/test/tenantaudit_/api/query/events",
            "/acme/tenantaudit_/api/query/events",
            "/acme/production/x/tenantaudit_/api/query/events",
            "/acme/production/tenantaudit_/api/query/sources",
            "/acme/production/orgaudit_/api/query/events",
            "/acme//tenantaudit_/api/query/events",
            "../../../../../identity_/connect/token",
            "https://",
        ] {
            assert!(follow(link).is_err(), "{link}");
        }
        assert_eq!(follow(&"x".repeat(9000)), Err(LinkError::TooLong(9000)));
    }
}
