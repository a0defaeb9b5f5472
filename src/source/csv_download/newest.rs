//! How `auditlogs/download` is asked: its address differs by platform and version.

use bytes::Bytes;
use serde_json::Value;
use url::Url;

use crate::{
    error::Action,
    source::{
        classic,
        http::{Connection, HttpError},
    },
    target::Target,
};

/// Beside the list.
pub(super) fn endpoint(connection: &Connection, target: &Target) -> Url {
    let mut endpoint = classic::endpoint(connection, target);
    if let Ok(mut path) = endpoint.path_segments_mut() {
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

/// How many records there are, as the list beside the download tells it; None where there is no list, or it does not
/// tell. With the requests that it took.
pub(super) async fn total(
    connection: &Connection,
    organization: &str,
    download: &Url,
    parameters: &[(&'static str, String)],
) -> Result<(Option<u64>, u32), HttpError> {
    let mut url = download.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop();
    }
    url.query_pairs_mut()
        .extend_pairs(parameters)
        .append_pair("top", "1");
    let read = |body: Bytes| {
        let bare = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&body);
        serde_json::from_slice::<Value>(bare).map(|list| {
            let members = list.as_object().into_iter().flatten();
            let mut totals = members.filter(|(name, _)| name.eq_ignore_ascii_case("totalCount"));
            totals.next().and_then(|(_, total)| total.as_u64())
        })
    };
    match connection.get(organization, &url, read).await {
        Ok(reply) => Ok((reply.body, reply.tries)),
        Err(error) if error.action() == Action::Stop => Ok((None, 1)),
        Err(error) => Err(error),
    }
}
