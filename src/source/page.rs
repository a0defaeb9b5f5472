//! One reply of `query/events`: its events, cut out byte for byte, and its two links; pure.

use bytes::Bytes;

use crate::{
    event::{Event, Parser, Schema},
    json::{JsonError, Named, Reader, Value},
};

/// The largest event accepted, in bytes: readers of JSONL seldom take longer lines.
pub const LARGEST_EVENT: usize = 8 << 20;

/// One page of events.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its events, in its order.
    pub events: Vec<Event>,
    /// Link to newer events.
    pub next: Option<String>,
    /// Link to older events.
    pub previous: Option<String>,
}

/// Why a body is not a page. Never quotes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Not JSON at all.
    #[error(transparent)]
    Json(JsonError),
    /// Not an object with a list `auditEvents`. Never taken for "no events".
    #[error("no list `auditEvents` in the reply")]
    NoEvents,
    /// A link that is no string.
    #[error("`{0}` is neither a string nor null")]
    Link(&'static str),
    /// One event is over the limit.
    #[error("an event of {0} bytes: over the limit of 8 MiB")]
    LargeEvent(usize),
}

impl Page {
    /// Reads a body.
    ///
    /// # Errors
    /// If it is not a page: anything but an object with a list of events and two links.
    pub fn parse(body: &Bytes) -> Result<Self, PageError> {
        let mut list = Named::new("auditEvents");
        let (mut next, mut previous) = (Named::new("next"), Named::new("previous"));
        Reader::whole(body, |reader| {
            if !reader.is_object() {
                return reader.value().map(drop);
            }
            reader.object(|reader, key| {
                if list.is(key) && reader.is_array() {
                    let events = events(reader, body)?;
                    list.offer(key, || Some(events));
                    return Ok(());
                }
                let value = reader.value()?;
                list.offer(key, || None);
                next.offer(key, || value);
                previous.offer(key, || value);
                Ok(())
            })
        })
        .map_err(PageError::Json)?;
        Ok(Self {
            events: list.take().flatten().ok_or(PageError::NoEvents)??,
            next: link("next", next.take())?,
            previous: link("previous", previous.take())?,
        })
    }
}

/// Reads the list that begins here. Every event is checked, also where one is over the limit.
fn events(reader: &mut Reader<'_>, body: &Bytes) -> Result<Result<Vec<Event>, PageError>, JsonError> {
    let mut parser = Parser::new(Schema::Unified);
    let mut events = Ok(Vec::new());
    reader.array(|reader| {
        let (event, length) = parser.next(reader, body)?;
        match &mut events {
            Ok(_) if length > LARGEST_EVENT => events = Err(PageError::LargeEvent(length)),
            Ok(events) => events.push(event),
            Err(_) => {}
        }
        Ok(())
    })?;
    Ok(events)
}

fn link(name: &'static str, value: Option<Value<'_>>) -> Result<Option<String>, PageError> {
    match value {
        None => Ok(None),
        Some(value) if value.is_null() => Ok(None),
        Some(value) => match value.text() {
            Some(text) => Ok(Some(text.into_owned()).filter(|text| !text.is_empty())),
            None => Err(PageError::Link(name)),
        },
    }
}

#[cfg(test)]
mod random;

#[cfg(test)]
mod tests {
    use super::*;

    fn page(body: &'static str) -> Result<Page, PageError> {
        Page::parse(&Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn the_end_is_a_null_absent_or_empty_link() {
        for body in [
            r#"{"auditEvents":[],"next":null,"previous":null}"#,
            r#"{"previous":"","auditEvents":[]}"#,
            r#"{"AuditEvents":[],"Next":""}"#,
        ] {
            let page = page(body).unwrap();
            assert_eq!((page.next, page.previous), (None, None));
        }
        assert_eq!(
            page(r#"{"auditEvents":[{}],"previous":"\/a?b=1"}"#)
                .unwrap()
                .previous
                .as_deref(),
            Some("/a?b=1")
        );
    }

    #[test]
    fn what_is_no_page_is_an_error_never_an_empty_page() {
        for body in [
            "",
            "{}",
            "null",
            "[]",
            r#"{"auditEvents":null}"#,
            r#"{"auditEvents":{}}"#,
            "<html></html>",
        ] {
            assert!(page(body).is_err(), "{body}");
        }
        assert_eq!(
            page(r#"{"auditEvents":[],"next":7}"#).unwrap_err(),
            PageError::Link("next")
        );
    }
}
