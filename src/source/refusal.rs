//! What a server said instead of an answer, in one short line that is safe to log. Pure.
//!
//! The shapes are those that UiPath's services are known to use: problem details, ASP.NET validation, Orchestrator,
//! Data Fabric, ABP, OAuth 2.0, plain text, and the HTML of gateways and sign-in pages, of which only the title is read.

use std::fmt;

use serde_json::{Map, Value};

use crate::echo::echoes;
use crate::secret::Secret;

/// The longest message, in characters.
const LONGEST: usize = 200;

/// A status that is no success, with what the body said about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// A machine's word for it, such as OAuth's `invalid_client`.
    pub code: Option<String>,
    /// At most 200 characters on one line, without secrets and e-mail addresses. May be empty.
    pub text: String,
    /// What the server's people ask for: `traceId`, or the header `x-request-id`.
    pub trace: Option<String>,
}

/// The parts of a reply that say why.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The header `x-request-id`.
    pub request_id: Option<&'a str>,
    /// The header `WWW-Authenticate`, for replies without a body.
    pub challenge: Option<&'a str>,
    /// The body, or its beginning.
    pub body: &'a [u8],
}

impl Refusal {
    /// Reads a reply. `secret` was sent with the request: a server that echoes it is not quoted.
    #[must_use]
    pub fn read(said: Said<'_>, secret: &Secret) -> Self {
        let body = String::from_utf8_lossy(said.body);
        let json = serde_json::from_str::<Value>(&body).ok();
        let object = json.as_ref().and_then(Value::as_object);
        let text = match object {
            Some(object) => from_json(object),
            None if looks_like_html(&body) => Some(title(&body)),
            None => Some(body.trim().to_owned()).filter(|text| !text.is_empty()),
        };
        let text = text
            .or_else(|| said.challenge.map(str::to_owned))
            .unwrap_or_default();
        let harmless = |text: &String| !echoes(text, secret);
        let trace = object.and_then(trace_of).or(said.request_id).map(str::to_owned);
        let trace = trace.filter(harmless).map(name);
        let code = object.and_then(code_of).filter(harmless).map(name);
        Self {
            status: said.status,
            code: code.filter(|code| !code.is_empty()),
            text: line(&text, secret),
            trace: trace.filter(|trace| !trace.is_empty()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)?;
        if let Some(code) = self.code.as_ref().filter(|code| !self.text.contains(*code)) {
            write!(f, ": `{code}`")?;
        }
        if !self.text.is_empty() {
            write!(f, ": {}", self.text)?;
        }
        if let Some(trace) = &self.trace {
            write!(f, " (trace id `{trace}`)")?;
        }
        Ok(())
    }
}

/// A member by its name in any case: services differ.
fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    member(object, name)?
        .as_str()
        .filter(|text| !text.trim().is_empty())
}

fn from_json(object: &Map<String, Value>) -> Option<String> {
    let inner = member(object, "error").and_then(Value::as_object);
    let plain = |name| text(object, name).map(str::to_owned);
    plain("detail")
        .or_else(|| member(object, "errors").and_then(first_of_errors))
        .or_else(|| inner.and_then(from_json))
        .or_else(|| plain("error_description"))
        .or_else(|| plain("message"))
        .or_else(|| plain("error"))
        .or_else(|| plain("title"))
}

/// `{"field": ["message", …]}`.
fn first_of_errors(errors: &Value) -> Option<String> {
    let (field, messages) = errors.as_object()?.iter().next()?;
    let message = messages.as_str().or_else(|| messages.get(0)?.as_str())?;
    Some(if field.is_empty() {
        message.to_owned()
    } else {
        format!("{field}: {message}")
    })
}

fn code_of(object: &Map<String, Value>) -> Option<String> {
    let spell = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.as_i64() != Some(0) => Some(number.to_string()),
        _ => None,
    };
    let code = ["code", "errorCode", "error"]
        .into_iter()
        .find_map(|name| member(object, name).and_then(spell));
    code.or_else(|| member(object, "error")?.as_object().and_then(code_of))
}

fn trace_of(object: &Map<String, Value>) -> Option<&str> {
    text(object, "traceId")
}

/// An identifier: graphic ASCII, 64 at most.
fn name(text: impl AsRef<str>) -> String {
    let graphic = |c: &char| c.is_ascii_graphic() && *c != '`' && *c != '@';
    text.as_ref().chars().filter(graphic).take(64).collect()
}

/// Whether a body is a page for people, or XML.
#[must_use]
pub fn looks_like_html(body: &str) -> bool {
    body.trim_start_matches('\u{feff}').trim_start().starts_with('<')
}

/// What a page is, in the words of a message: with its title, if it has one.
pub(super) fn titled(page: &str) -> String {
    match title_of(page) {
        Some(title) => format!("a page of HTML or XML, titled `{title}`"),
        None => "a page of HTML or XML".to_owned(),
    }
}

fn title(page: &str) -> String {
    match title_of(page) {
        Some(title) => format!("a page titled `{title}`"),
        None => "a page of HTML or XML without a title".to_owned(),
    }
}

fn title_of(page: &str) -> Option<&str> {
    let lower = page.to_ascii_lowercase();
    let found = lower.find("<title").and_then(|start| {
        let open = start + lower.get(start..)?.find('>')? + 1;
        let close = open + lower.get(open..)?.find('<')?;
        page.get(open..close)
    });
    found.map(str::trim).filter(|title| !title.is_empty())
}

/// One line without control characters, secrets, tokens, e-mail addresses and query strings.
pub(super) fn line(text: &str, secret: &Secret) -> String {
    let text = text.replace(secret.expose(), "***");
    if echoes(&text, secret) {
        return "***".to_owned();
    }
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let text = text.replace(unseen, " ");
    let words: Vec<&str> = text.split_whitespace().map(harmless).collect();
    let line = words.join(" ");
    match line.char_indices().nth(LONGEST - 1) {
        Some((end, _)) if line.chars().count() > LONGEST => {
            format!("{}…", line.get(..end).unwrap_or_default())
        }
        _ => line,
    }
}

fn harmless(word: &str) -> &str {
    if word.contains('@') || word.contains("eyJ") {
        return "***";
    }
    match word.split_once('?') {
        Some((address, _)) if address.contains('/') => address,
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> String {
        let said = Said {
            status,
            request_id: Some("req-1"),
            challenge: None,
            body: body.as_bytes(),
        };
        Refusal::read(said, &Secret::new("s3cret".to_owned())).to_string()
    }

    #[test]
    fn every_known_shape_gives_its_message() {
        let cases = [
            (
                r#"{"type":"t","title":"Bad","detail":"from is after to","code":"BadWindow"}"#,
                "`BadWindow`: from is after to (trace id `req-1`)",
            ),
            (
                r#"{"title":"One or more","errors":{"from":["not a date"]},"traceId":"00-ab-01"}"#,
                "from: not a date (trace id `00-ab-01`)",
            ),
            (
                r#"{"errors":{"partitionGlobalId":["invalid"]}}"#,
                "partitionGlobalId: invalid (trace id `req-1`)",
            ),
            (
                r#"{"message":"You are not authorized!","errorCode":0,"traceId":"T"}"#,
                "You are not authorized! (trace id `T`)",
            ),
            (
                r#"{"Message":"No","ErrorCode":1623}"#,
                "`1623`: No (trace id `req-1`)",
            ),
            (
                r#"{"__abp":true,"error":{"code":7,"message":"Gone","details":null}}"#,
                "`7`: Gone (trace id `req-1`)",
            ),
            (r#"{"error":"Denied","traceId":"T"}"#, "Denied (trace id `T`)"),
            (
                r#"{"error":"invalid_client","error_description":"wrong secret"}"#,
                "`invalid_client`: wrong secret (trace id `req-1`)",
            ),
            ("no healthy upstream\n", "no healthy upstream (trace id `req-1`)"),
            (
                "<!doctype html><HEAD><Title lang=en>\n Sign in </title>…",
                "a page titled `Sign in` (trace id `req-1`)",
            ),
            ("<x/>", "a page of HTML or XML without a title (trace id `req-1`)"),
        ];
        for (body, expected) in cases {
            assert_eq!(read(500, body), format!("status 500: {expected}"));
        }
        assert_eq!(read(500, ""), "status 500 (trace id `req-1`)");
    }

    #[test]
    fn a_reply_without_a_body_is_explained_by_its_challenge() {
        let said = Said {
            status: 401,
            request_id: None,
            challenge: Some(r#"Bearer error="invalid_token""#),
            body: b"",
        };
        assert_eq!(
            Refusal::read(said, &Secret::new("s3cret".to_owned())).to_string(),
            r#"status 401: Bearer error="invalid_token""#
        );
    }

    #[test]
    fn messages_are_short_lines_without_secrets_and_people() {
        let said = read(
            400,
            "bad\r\n\u{1b}[31mtoken s3cret of <ann@acme.example> or eyJhbGci.x.y at https://h/p?user=7\u{202e}",
        );
        assert_eq!(
            said,
            "status 400: bad [31mtoken *** of *** or *** at https://h/p (trace id `req-1`)"
        );
        let long = read(400, &"ä".repeat(5000));
        assert_eq!(
            long,
            format!("status 400: {}… (trace id `req-1`)", "ä".repeat(199))
        );
    }
}
