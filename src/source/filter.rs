//! A target's filter as parameters of a request, and the catalogue that its names are looked up in.

use std::time::Duration;

use url::Url;

use super::{SourceError, http::Connection};
use crate::{
    catalog::{Catalog, Level},
    clock::Time,
    error::Chain,
    target::{Filter, Status},
    window::later,
};

/// Names are looked up again after this long: a source may be renamed, or come later.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// A filter, and the parameters that it comes to once its names are looked up.
pub(super) struct Question {
    filter: Option<Filter>,
    /// With when they were looked up.
    found: Option<(Vec<(&'static str, String)>, Time)>,
}

impl Question {
    /// Nothing is looked up yet.
    pub(super) fn new(filter: Option<Filter>) -> Self {
        Self { filter, found: None }
    }

    /// Parameters that no filter decides.
    pub(super) fn fixed(parameters: Vec<(&'static str, String)>) -> Self {
        Self {
            filter: None,
            found: Some((parameters, Time::MAX_UTC)),
        }
    }

    /// The parameters; none before they were looked up, and without a filter.
    pub(super) fn parameters(&self) -> &[(&'static str, String)] {
        self.found.as_ref().map_or(&[], |(parameters, _)| parameters)
    }

    /// Looks the names up in the catalogue beside an endpoint, where there are any, and again once a day. A catalogue that
    /// cannot be read again fails nothing: the GUIDs are still those.
    ///
    /// # Errors
    /// When the catalogue is needed and cannot be read, or does not have what the filter names.
    pub(super) async fn look_up(
        &mut self,
        connection: &Connection,
        organization: &str,
        endpoint: &Url,
    ) -> Result<(), SourceError> {
        let Some(filter) = &self.filter else { return Ok(()) };
        let named = needs_catalog(filter);
        let now = connection.now();
        if let Some((_, at)) = &self.found
            && (!named || now < later(*at, KEPT))
        {
            return Ok(());
        }
        let catalog = if named {
            match catalog(connection, organization, endpoint).await {
                Ok(catalog) => Some(catalog),
                Err(error) if self.found.is_some() => {
                    tracing::info!(error = %Chain(&error), "the catalogue cannot be read: the filter stays as it was looked up");
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        } else {
            None
        };
        self.found = Some((parameters(filter, catalog.as_ref())?, now));
        Ok(())
    }
}

/// Whether a filter names what only the catalogue knows by GUID.
fn needs_catalog(filter: &Filter) -> bool {
    let lists = [&filter.sources, &filter.targets, &filter.types];
    lists.iter().any(|names| !names.is_empty())
}

/// The parameters of a filter. Names become the GUIDs that the server wants: a name would silently match nothing.
///
/// # Errors
/// When the catalogue does not have what the filter names.
fn parameters(
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
