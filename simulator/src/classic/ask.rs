//! What a request of the classic API asks. Parameters that the guide does not name have no effect. [C]

/// A request, read.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ask {
    pub(crate) language: String,
    pub(crate) top: Option<usize>,
    pub(crate) skip: usize,
    /// Rows of a download.
    pub(crate) size: Option<usize>,
    pub(crate) sort_by: Option<String>,
    pub(crate) descending: Option<bool>,
    pub(crate) api_version: Option<String>,
}

impl Ask {
    /// Reads a query, or gives the name and value of what cannot be read.
    pub(crate) fn read(query: &str) -> Result<Self, (&'static str, String)> {
        let mut ask = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if value.is_empty() {
                continue;
            }
            let value = value.into_owned();
            match name.to_ascii_lowercase().as_str() {
                "language" => ask.language = value,
                "top" => ask.top = Some(number("top", value)?),
                "skip" => ask.skip = number("skip", value)?,
                "size" => ask.size = Some(number("size", value)?),
                "sortby" => ask.sort_by = Some(value),
                "sortorder" if value.eq_ignore_ascii_case("asc") => ask.descending = Some(false),
                "sortorder" if value.eq_ignore_ascii_case("desc") => ask.descending = Some(true),
                "sortorder" => return Err(("sortOrder", value)),
                "api-version" => ask.api_version = Some(value),
                _ => {}
            }
        }
        Ok(ask)
    }
}

/// 0 to 2147483647 by contract. [D]
fn number(name: &'static str, text: String) -> Result<usize, (&'static str, String)> {
    let number = text.parse::<i32>().ok().and_then(|n| usize::try_from(n).ok());
    number.ok_or((name, text))
}
