//! The unified logs API: `query/events`, walked both ways over its links, `query/sources` and `EventConfig/rules`.
//!
//! Facts about it are in UiPath's API guide ("Get audit logs"); what the guide leaves open is read so that it is right
//! either way.

use std::time::Duration;

use bytes::Bytes;
use url::Url;

use super::{
    Blocks, Outcome, SourceError,
    filter::{self, Question},
    http::{Connection, HttpError, NotExpected},
    link,
    page::{Page, PageError},
    walk::{Crowded, Direction, Walk},
};
use crate::{
    catalog::Catalog,
    clock::{Time, spell},
    target::Target,
    window::{Window, earlier, later},
};

/// The server's own limit for a page; it clamps anything above.
const PAGE: &str = "200";
/// The bounds that the server is asked for reach this much further, as its precision is not documented.
pub(super) const MARGIN: Duration = Duration::from_secs(1);

/// The `orgaudit_` or `tenantaudit_` endpoint of one target.
pub struct Unified {
    connection: Connection,
    organization: String,
    endpoint: Url,
    question: Question,
}

/// The first page of a walk.
pub struct First {
    request: Url,
    page: Page,
    tries: u32,
    pub(super) date: Option<Time>,
}

impl Unified {
    pub(super) fn new(target: &Target, connection: Connection) -> Self {
        let endpoint = endpoint(&connection, target, "events");
        let organization = target.organization.clone();
        Self {
            connection,
            organization,
            endpoint,
            question: Question::new(target.filter.clone()),
        }
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Looks up the names in the filter.
    pub(super) async fn prepare(&mut self) -> Result<(), SourceError> {
        let question = &mut self.question;
        question
            .look_up(&self.connection, &self.organization, &self.endpoint)
            .await
    }

    pub(super) async fn first(&self, span: Window, blocks: Option<&Blocks>) -> Result<First, SourceError> {
        let mut request = self.endpoint.clone();
        request
            .query_pairs_mut()
            .append_pair("from", &spell(earlier(span.from, MARGIN)))
            .append_pair("to", &spell(later(span.to, MARGIN)))
            .append_pair("maxCount", PAGE)
            .extend_pairs(self.question.parameters());
        let (page, tries, date) = self.page(&request, blocks).await?;
        Ok(First {
            request,
            page,
            tries,
            date,
        })
    }

    async fn page(
        &self,
        request: &Url,
        blocks: Option<&Blocks>,
    ) -> Result<(Page, u32, Option<Time>), SourceError> {
        let reply = self
            .connection
            .get_large(&self.organization, request, blocks, |body| Page::parse(&body))
            .await
            .map_err(SourceError::Http)?;
        Ok((reply.body, reply.tries, reply.date))
    }

    pub(super) async fn read(
        &self,
        mut walk: Walk<'_>,
        opening: Option<First>,
        told: &(impl Fn(usize) + Sync),
    ) -> Result<Outcome, SourceError> {
        let first = match opening {
            Some(first) => first,
            None => self.first(walk.span(), walk.blocks()).await?,
        };
        let links = [
            (Direction::Previous, first.page.previous.clone()),
            (Direction::Next, first.page.next.clone()),
        ];
        told(first.page.events.len());
        let ends = walk.take(first.page, first.tries);
        if let Some(Crowded::Narrower(width)) = walk.crowded()? {
            return Ok(walk.too_big(width));
        }
        for (direction, link) in links {
            if ends.contains(&direction) {
                continue;
            }
            walk.turn(direction, &first.request);
            let (mut request, mut link) = (first.request.clone(), link);
            while let Some(found) = link {
                request = link::resolve(&request, &self.endpoint, &found).map_err(SourceError::Link)?;
                walk.step(&request)?;
                let (page, tries, _) = self.page(&request, walk.blocks()).await?;
                link = match direction {
                    Direction::Previous => page.previous.clone(),
                    Direction::Next => page.next.clone(),
                };
                told(page.events.len());
                let ends = walk.take(page, tries);
                match walk.crowded()? {
                    Some(Crowded::Narrower(width)) => return Ok(walk.too_big(width)),
                    Some(Crowded::Keep(part)) => {
                        walk.keep(part)?;
                        break;
                    }
                    None if ends.contains(&direction) => break,
                    None => {}
                }
            }
        }
        Ok(Outcome::Complete(walk.finish()?))
    }

    /// The organization's exclusion rules, as the server spells them: a tenant's events are subject to them too.
    pub(super) async fn rules(&self) -> Result<Option<Bytes>, SourceError> {
        let mut url = self.connection.url().clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty()
                .extend([&self.organization, "orgaudit_", "api", "EventConfig", "rules"]);
        }
        let read =
            |body: Bytes| serde_json::from_slice::<serde::de::IgnoredAny>(strip_bom(&body)).map(|_| body);
        match self.connection.get(&self.organization, &url, read).await {
            Ok(reply) => Ok(Some(reply.body)),
            // Not rolled out everywhere.
            Err(HttpError::NotFound { .. }) => Ok(None),
            Err(error) => Err(SourceError::Http(error)),
        }
    }

    pub(super) async fn catalog(&self) -> Result<Catalog, SourceError> {
        filter::catalog(&self.connection, &self.organization, &self.endpoint).await
    }
}

fn strip_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// The address of `query/…` of an organization or tenant.
pub(super) fn endpoint(connection: &Connection, target: &Target, what: &str) -> Url {
    let mut endpoint = connection.url().clone();
    if let Ok(mut path) = endpoint.path_segments_mut() {
        path.pop_if_empty().push(&target.organization);
        match &target.tenant {
            Some(tenant) => path.push(tenant).push("tenantaudit_"),
            None => path.push("orgaudit_"),
        };
        path.extend(["api", "query", what]);
    }
    endpoint
}

impl NotExpected for PageError {
    fn is_limit(&self) -> bool {
        match self {
            Self::LargeEvent(_) => true,
            Self::Json(error) => error.problem == "nested too deeply",
            Self::NoEvents | Self::Link(_) => false,
        }
    }
}
