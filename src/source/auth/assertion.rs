//! What can be seen of a federated credential's token without verifying it: whether it is a JWT of the size that UiPath
//! takes, and whether it looks usable. Pure.
//!
//! RS256 and 8 KB are UiPath's documented limits for federated credentials.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::{
    clock::{Time, spell},
    secret::Secret,
};

/// The longest assertion, in bytes: UiPath's 8 KB.
const LONGEST: usize = 8 * 1024;
/// The only signature that UiPath documents.
const SIGNATURE: &str = "RS256";

/// Why an assertion is not sent. Its Display never quotes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadAssertion {
    /// Longer than the server takes.
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// Not a header, claims and signature.
    NoJwt,
}

impl std::fmt::Display for BadAssertion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLong { bytes } => {
                write!(f, "it has {bytes} bytes, and UiPath takes {LONGEST} at most")
            }
            Self::NoJwt => f.write_str("it is no JWT, which has three parts in base64 with dots between"),
        }
    }
}

/// Looks into an assertion. What it returns is worth a warning: the server may see it otherwise.
///
/// # Errors
/// When the server cannot take it.
pub(super) fn look(assertion: &Secret, now: Time) -> Result<Option<String>, BadAssertion> {
    let text = assertion.expose();
    if text.len() > LONGEST {
        return Err(BadAssertion::TooLong { bytes: text.len() });
    }
    let parts: Vec<&str> = text.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        return Err(BadAssertion::NoJwt);
    };
    let (Some(header), Some(claims), Some(_)) = (object(header), object(claims), signed(signature)) else {
        return Err(BadAssertion::NoJwt);
    };
    Ok(expired(&claims, now).or_else(|| signed_otherwise(&header)))
}

fn signed(signature: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD
        .decode(signature)
        .ok()
        .filter(|bytes| !bytes.is_empty())
}

/// Until when a token is good by its own words. None: it is no JWT, or does not say.
#[must_use]
pub fn expiry(token: &Secret) -> Option<Time> {
    let claims = token.expose().split('.').nth(1)?;
    end(&object(claims)?)
}

fn end(claims: &Map<String, Value>) -> Option<Time> {
    // Whole seconds, as a fraction in some issuers' tokens.
    let seconds = claims.get("exp")?.as_f64()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a time that no calendar has is none below"
    )]
    Time::from_timestamp(seconds as i64, 0)
}

fn expired(claims: &Map<String, Value>, now: Time) -> Option<String> {
    let at = end(claims)?;
    (at <= now).then(|| format!("it expired at {}", spell(at)))
}

fn signed_otherwise(header: &Map<String, Value>) -> Option<String> {
    let alg = header.get("alg").and_then(Value::as_str).unwrap_or("nothing");
    let plain: String = alg.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    (alg != SIGNATURE).then(|| format!("it is signed with {plain}, and UiPath takes {SIGNATURE} alone"))
}

fn object(part: &str) -> Option<Map<String, Value>> {
    match serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()? {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A token of another provider, as far as can be seen.
    pub(in crate::source) fn jwt(alg: &str, claims: &str) -> String {
        let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let header = format!(r#"{{"alg":"{alg}","kid":"k?>1"}}"#);
        format!("{}.{}.{}", part(&header), part(claims), part("signature"))
    }

    fn told(text: &str) -> Result<Option<String>, BadAssertion> {
        look(
            &Secret::new(text.to_owned()),
            "2026-11-20T12:00:00Z".parse().unwrap(),
        )
    }

    #[test]
    fn a_token_that_looks_usable_is_sent_without_a_word() {
        for claims in [
            r#"{"exp":1795176001,"sub":"ä?>"}"#,
            r#"{"exp":1795176000.5e0,"exp":1895176000.5}"#,
            r#"{"exp":"soon"}"#,
            "{}",
        ] {
            assert_eq!(told(&jwt("RS256", claims)), Ok(None), "{claims}");
        }
    }

    #[test]
    fn the_end_of_a_token_is_seen_where_it_says() {
        let end = |text: &str| expiry(&Secret::new(text.to_owned()));
        let expected = "2026-11-20T12:00:01Z".parse().unwrap();
        assert_eq!(end(&jwt("RS256", r#"{"exp":1795176001}"#)), Some(expected));
        for text in [
            jwt("RS256", "{}"),
            jwt("RS256", r#"{"exp":1e300}"#),
            "rt_pat".to_owned(),
        ] {
            assert_eq!(end(&text), None, "{text}");
        }
    }

    #[test]
    fn what_looks_wrong_is_said_and_sent() {
        assert_eq!(
            told(&jwt("RS256", r#"{"exp":1795175999}"#)),
            Ok(Some("it expired at 2026-11-20T11:59:59.000Z".to_owned()))
        );
        let other = told(&jwt("ES256", "{}")).unwrap().unwrap();
        assert_eq!(other, "it is signed with ES256, and UiPath takes RS256 alone");
        let none = told(&jwt("none\\u001b[31m", r#"{"exp":1e300}"#))
            .unwrap()
            .unwrap();
        assert!(none.starts_with("it is signed with none31m,"), "{none}");
    }

    #[test]
    fn what_is_no_jwt_or_too_long_is_not_sent() {
        let good = jwt("RS256", "{}");
        for text in [
            "secret",
            "a.b",
            "..",
            "a.b.c",
            &format!("Bearer {good}"),
            &format!("{good}\n{good}"),
            &format!("{good}.x"),
            &format!("\"{good}\""),
            r#"{"value":"a.b.c"}"#,
            good.rsplit_once('.').map(|(rest, _)| rest).unwrap(),
            &jwt("RS256", "[]"),
        ] {
            assert_eq!(told(text), Err(BadAssertion::NoJwt), "{text}");
        }
        let long = |bytes: usize| {
            let base = format!("{good}{}", "A".repeat(bytes));
            base[..bytes].to_owned()
        };
        assert!(!matches!(told(&long(8192)), Err(BadAssertion::TooLong { .. })));
        let error = told(&long(8193)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "it has 8193 bytes, and UiPath takes 8192 at most"
        );
    }
}
