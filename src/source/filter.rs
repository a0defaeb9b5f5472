//! A target's filter as parameters of a request, and the catalogue that its names are looked up in.

use url::Url;

use super::{SourceError, http::Connection};
use crate::{
    catalog::{Catalog, Level},
    target::{Filter, Status},
};

/// Whether a filter names what only the catalogue knows by GUID.
pub(super) fn needs_catalog(filter: &Filter) -> bool {
    let lists = [&filter.sources, &filter.targets, &filter.types];
    lists.iter().any(|names| !names.is_empty())
}

/// The parameters of a filter. Names become the GUIDs that the server wants: a name would silently match nothing.
///
/// # Errors
/// When the catalogue does not have what the filter names.
pub(super) fn parameters(
    filter: &Filter,
    catalog: Option<&Catalog>,
) -> Result<Vec<(&'static str, String)>, SourceError> {
    let mut parameters = Vec::new();
    let lists = [
        ("source", Level::Source, &filter.sources),
        ("target", Level::Target, &filter.targets),
        ("type", Level::Type, &filter.types),
    ];
    if let Some(catalog) = catalog {
        for (parameter, level, names) in lists {
            for name in names {
                for id in catalog.resolve(level, name)? {
                    parameters.push((parameter, id));
                }
            }
        }
    }
    parameters.extend(filter.users.iter().map(|user| ("userIds", user.clone())));
    match filter.status {
        Some(Status::Succeeded) => parameters.push(("status", "0".to_owned())),
        Some(Status::Failed) => parameters.push(("status", "1".to_owned())),
        None => {}
    }
    parameters.extend(filter.search.iter().map(|text| ("searchTerm", text.clone())));
    Ok(parameters)
}

/// Reads the catalogue that stands beside an endpoint (`query/…`).
pub(super) async fn catalog(
    connection: &Connection,
    organization: &str,
    endpoint: &Url,
) -> Result<Catalog, SourceError> {
    let mut url = endpoint.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop().push("sources");
    }
    let reply = connection.get(organization, &url, Catalog::parse).await;
    Ok(reply.map_err(SourceError::Http)?.body)
}
