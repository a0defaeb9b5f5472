//! `auditlogs/download`: one file of the newest records, without any span; its address differs by platform and version.

use bytes::Bytes;
use url::Url;

use super::{CsvDownload, CsvError, TRIES, bare};
use crate::{
    error::Action,
    event::floor,
    source::{
        Effort, Limits, Outcome, SourceError,
        classic::{self, page::Page},
        http::{Connection, HttpError},
    },
    target::Target,
    window::{INSTANT, Window, later},
};

impl CsvDownload {
    /// Reads the file of the newest records, whatever the span.
    pub(super) async fn read_newest(&self, span: Window, limits: Limits) -> Result<Outcome, SourceError> {
        let mut effort = Effort::default();
        let url = self.question_for_newest(self.newest);
        let mut file = self.file(&url, limits.bytes_of_an_instant, &mut effort).await?;
        for tries in 1.. {
            // A file without a row proves nothing: the list beside it tells.
            if file.rows > 0 || !self.has_more(0, &mut effort).await? {
                break;
            }
            if tries == TRIES {
                return Err(SourceError::Csv(CsvError::Hollow));
            }
            file = self.file(&url, limits.bytes_of_an_instant, &mut effort).await?;
        }
        let mut slice = bare(span, None, effort);
        slice.pulled = file.rows;
        if file.rows == 0 {
            return Ok(Outcome::Complete(slice));
        }
        slice.oldest = file.oldest().map(|(time, _)| *time);
        let reaches_back = slice.oldest.is_some_and(|oldest| oldest < span.from);
        if !reaches_back && (file.rows >= self.newest || self.has_more(file.rows, &mut slice.effort).await?) {
            // There are more: what lies before its oldest row, or at the same time, was not seen.
            slice.complete_from = match slice.oldest {
                Some(oldest) => Some(later(floor(oldest), INSTANT).min(span.to)),
                None => Some(span.to),
            };
        }
        slice.file = Some(file.into_file());
        Ok(Outcome::Complete(slice))
    }

    /// Whether the server has more records than a file of so many shows, by its own count.
    async fn has_more(&self, rows: u64, effort: &mut Effort) -> Result<bool, SourceError> {
        let parameters = self.question.parameters();
        let asked = total(&self.connection, &self.organization, &self.endpoint, parameters).await;
        let (total, tries) = asked.map_err(SourceError::Http)?;
        effort.requests += u64::from(tries);
        Ok(total.is_some_and(|total| total > rows))
    }

    pub(super) fn question_for_newest(&self, size: u64) -> Url {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut()
            .extend_pairs(self.question.parameters())
            .append_pair("size", &size.to_string());
        url
    }
}

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
    let read = |body: Bytes| Page::parse(&body).map(|page| page.total);
    match connection.get(organization, &url, read).await {
        Ok(reply) => {
            let total = reply.body.and_then(|total| u64::try_from(total).ok());
            Ok((total, reply.tries))
        }
        Err(error) if error.action() == Action::Stop => Ok((None, 1)),
        Err(error) => Err(error),
    }
}
