//! Takes the body of a refusal apart: XML as S3, Google and Azure send it, JSON of those who give out credentials, pages for
//! people. Pure. What it finds is not yet safe to log.

use serde_json::Value;

/// A body, taken apart.
#[derive(Default)]
pub(super) struct Said {
    pub(super) code: Option<String>,
    pub(super) message: String,
    pub(super) region: Option<String>,
    /// More about it, in small letters. Only looked at: it may hold what was signed.
    pub(super) detail: String,
    /// It is from who gives out credentials, not from the store.
    pub(super) identity: bool,
    /// It is a page for people: nobody who speaks a store's language.
    pub(super) page: bool,
}

impl Said {
    pub(super) fn of(body: &str) -> Self {
        let begins = |text: &str| {
            body.get(..text.len())
                .is_some_and(|begin| begin.eq_ignore_ascii_case(text))
        };
        if let Ok(Value::Object(object)) = serde_json::from_str(body) {
            return Self::of_json(&Value::Object(object));
        }
        if begins("<!doctype html") || begins("<html") || body.contains("<!DOCTYPE html") {
            return Self {
                message: tag(body, "title").unwrap_or("a web page").to_owned(),
                page: true,
                ..Self::default()
            };
        }
        if !body.starts_with('<') && !body.starts_with('\u{feff}') {
            return Self {
                message: body.lines().next().unwrap_or_default().to_owned(),
                ..Self::default()
            };
        }
        let plain = |name| tag(body, name).map(unescape);
        let message = plain("Message").unwrap_or_default();
        // Google Cloud Storage says there which permission is missing.
        let details = plain("Details").map(|details| format!(" {details}"));
        let detail = plain("AuthenticationErrorDetail").unwrap_or_default();
        Self {
            code: plain("Code"),
            region: plain("Region")
                .or_else(|| region_of(tag(body, "Endpoint")?))
                .or_else(|| expected(&message)),
            detail: format!("{message} {detail}").to_lowercase(),
            message: format!("{message}{}", details.unwrap_or_default()),
            identity: body.contains("<ErrorResponse"),
            page: false,
        }
    }

    fn of_json(object: &Value) -> Self {
        let inner = object.get("error").filter(|inner| inner.is_object());
        let from = inner.unwrap_or(object);
        let text = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| from.get(name)?.as_str())
                .map(str::to_owned)
        };
        Self {
            code: text(&["error", "status", "code", "Code"]),
            message: text(&["error_description", "message", "Message"]).unwrap_or_default(),
            // OAuth 2.0: `{"error": "…"}`. Stores speak XML.
            identity: inner.is_none(),
            ..Self::default()
        }
    }
}

/// The region that a store names in its message alone: "the region 'x' is wrong; expecting 'y'".
fn expected(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("expecting '")?;
    let (region, _) = rest.split_once('\'')?;
    Some(region.to_owned())
}

/// What stands in the first element of that name.
pub(super) fn tag<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.trim())
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

/// `s3.eu-west-1.amazonaws.com`, `bucket.s3-eu-west-1.amazonaws.com`: the region.
fn region_of(endpoint: &str) -> Option<String> {
    let (_, rest) = endpoint
        .split_once("s3.")
        .or_else(|| endpoint.split_once("s3-"))?;
    let (region, _) = rest.split_once(".amazonaws.com")?;
    Some(region.to_owned())
}
