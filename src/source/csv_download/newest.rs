//! How `auditlogs/download` is asked: its address differs by platform and version.

use url::Url;

use crate::{source::http::Connection, target::Target};

/// The forms that the API guide shows: organization in the path or not, the organization's GUID at the end or not.
pub(super) fn endpoint(connection: &Connection, target: &Target) -> Url {
    let mut endpoint = connection.url().clone();
    if let Ok(mut path) = endpoint.path_segments_mut() {
        path.pop_if_empty();
        if target.classic.organization_in_path {
            path.push(&target.organization);
        }
        path.extend(["audit_", "api", "auditlogs"]);
        path.extend(&target.classic.partition_global_id);
        path.push("download");
    }
    endpoint
}

pub(super) fn parameters(target: &Target) -> Vec<(&'static str, String)> {
    let named = [
        ("language", &target.classic.language),
        ("api-version", &target.classic.api_version),
    ];
    named
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.clone()?)))
        .collect()
}
