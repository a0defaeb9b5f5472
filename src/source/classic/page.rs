//! One reply of `auditlogs`: its records, cut out byte for byte; pure.

use bytes::Bytes;

use crate::{
    event::{Event, Schema},
    json::{JsonError, Value},
    source::{http::NotExpected, page::LARGEST_EVENT},
};

/// One page of the list.
#[derive(Clone, Debug, Default)]
pub(in crate::source) struct Page {
    /// Its records, in its order.
    pub rows: Vec<Event>,
    /// How many records the list has, if the server says so: a guess, never trusted.
    pub total: Option<usize>,
}

/// Why a body is not a page. Never quotes it.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// Not JSON at all.
    #[error(transparent)]
    Json(JsonError),
    /// Not an object with `results`. Never taken for "no records".
    #[error("no list `results` in the reply")]
    NoResults,
    /// One record is over the limit.
    #[error("a record of {0} bytes: over the limit of 8 MiB")]
    LargeRecord(usize),
    /// The beginning of the list holds nothing, though the list does. Never taken for "no records".
    #[error("the list has {0} records by its own count, and none at its beginning")]
    Hollow(usize),
}

impl Page {
    /// What stands at the beginning of the list: nothing, only if the list has nothing.
    ///
    /// # Errors
    /// As [`Page::parse`]; and if the page contradicts itself.
    pub(super) fn first(body: &Bytes) -> Result<Self, PageError> {
        let page = Self::parse(body)?;
        match page.total {
            Some(total) if total > 0 && page.rows.is_empty() => Err(PageError::Hollow(total)),
            _ => Ok(page),
        }
    }

    /// Reads a body.
    ///
    /// # Errors
    /// If it is anything but an object whose `results` are a list, or null where there are none.
    pub(in crate::source) fn parse(body: &Bytes) -> Result<Self, PageError> {
        let whole = Value::parse(body).map_err(PageError::Json)?;
        let list = whole
            .member("results")
            .filter(|list| list.is_array() || list.is_null())
            .ok_or(PageError::NoResults)?;
        let mut rows = Vec::new();
        for value in list.elements() {
            if value.raw().len() > LARGEST_EVENT {
                return Err(PageError::LargeRecord(value.raw().len()));
            }
            rows.push(Event::parse(body.slice_ref(value.raw()), Schema::Classic).map_err(PageError::Json)?);
        }
        let total = whole.member("totalCount").map(Value::raw);
        Ok(Self {
            rows,
            total: total
                .and_then(|total| std::str::from_utf8(total).ok())
                .and_then(|total| total.parse().ok()),
        })
    }
}

impl NotExpected for PageError {
    fn is_limit(&self) -> bool {
        match self {
            Self::LargeRecord(_) => true,
            Self::Json(error) => error.problem == "nested too deeply",
            Self::NoResults | Self::Hollow(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(body: &'static str) -> Result<Page, PageError> {
        Page::parse(&Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn a_list_that_contradicts_itself_is_never_empty() {
        let first = |body: &'static str| Page::first(&Bytes::from_static(body.as_bytes()));
        assert!(first(r#"{"totalCount":7,"results":[]}"#).is_err());
        assert!(first(r#"{"totalCount":7,"results":null}"#).is_err());
        assert!(first(r#"{"totalCount":0,"results":null}"#).is_ok());
        assert!(first(r#"{"results":[]}"#).is_ok());
        assert!(page(r#"{"totalCount":7,"results":[]}"#).is_ok());
    }

    #[test]
    fn records_are_kept_byte_for_byte_whatever_they_are() {
        let body = "\u{feff}{\"TotalCount\":29, \"Results\":[ {\"CREATEDON\" :\"2021-10-14T13:10:15.1964174+00:00\"} , 7]}";
        let page = page(body).unwrap();
        assert_eq!(page.total, Some(29));
        assert_eq!(
            &page.rows[0].raw[..],
            br#"{"CREATEDON" :"2021-10-14T13:10:15.1964174+00:00"}"#
        );
        assert!(page.rows[0].time.is_some());
        assert_eq!((&page.rows[1].raw[..], page.rows[1].time), (&b"7"[..], None));
    }

    #[test]
    fn no_records_may_be_null_and_the_total_anything() {
        for (body, total) in [
            (r#"{"totalCount":0,"results":null}"#, Some(0)),
            (r#"{"totalCount":null,"results":[]}"#, None),
            (r#"{"totalCount":-1,"results":[]}"#, None),
            (r#"{"results":[]}"#, None),
        ] {
            let page = page(body).unwrap();
            assert_eq!((page.rows.len(), page.total), (0, total), "{body}");
        }
    }

    #[test]
    fn what_is_no_page_is_an_error_never_an_empty_page() {
        for body in [
            "",
            "{}",
            "null",
            "[]",
            r#"{"totalCount":3}"#,
            r#"{"results":{}}"#,
            "<html></html>",
        ] {
            assert!(page(body).is_err(), "{body}");
        }
    }
}
