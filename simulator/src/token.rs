//! The token endpoint: client credentials in, bearer tokens out, and what a token is worth later.

use std::collections::{HashMap, HashSet};

use crate::assertion;
use crate::dice::Dice;
use crate::instant::SECOND;
use crate::switches::{Access, ExpiresIn};

/// Scopes that may read audit events. [D]
const AUDIT: [&str; 2] = ["PM.Audit.Read", "PM.Audit"];

/// The external application and its tokens.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) client_id: String,
    pub(crate) secrets: Vec<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) fixed: Vec<String>,
    /// Assertions that stand for the application.
    pub(crate) assertions: Vec<String>,
    /// Those that were shown.
    shown: HashSet<String>,
    issued: HashMap<String, Issued>,
    count: u64,
}

#[derive(Debug)]
struct Issued {
    expires: i64,
    audit: bool,
}

/// What a bearer token is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worth {
    Good,
    Unknown,
    WrongScope,
}

/// What a request for a token says.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    pub(crate) grant_type: String,
    pub(crate) client_id: String,
    pub(crate) secret: String,
    /// Type and text of an assertion, in place of a secret.
    pub(crate) assertion_type: String,
    pub(crate) assertion: String,
    pub(crate) scope: String,
}

impl Tokens {
    pub(crate) fn new(client_id: &str, secret: &str, scopes: &[String], fixed: &[String]) -> Self {
        Self {
            client_id: client_id.to_owned(),
            secrets: vec![secret.to_owned()],
            scopes: scopes.to_vec(),
            fixed: fixed.to_vec(),
            assertions: Vec::new(),
            shown: HashSet::new(),
            issued: HashMap::new(),
            count: 0,
        }
    }

    /// Forgets every token that was issued.
    pub(crate) fn forget(&mut self) {
        self.issued.clear();
    }

    /// Issues a token, or says why not: status and OAuth error.
    pub(crate) fn issue(
        &mut self,
        asked: &Credentials,
        access: &Access,
        now: i64,
    ) -> Result<String, (u16, &str)> {
        if asked.grant_type != "client_credentials" {
            return Err((400, "unsupported_grant_type"));
        }
        if !self.knows(asked, access) {
            return Err((access.invalid_client, "invalid_client"));
        }
        let mut scopes: Vec<&str> = asked.scope.split_whitespace().collect();
        if scopes.is_empty() {
            scopes = self.scopes.iter().map(String::as_str).collect();
        }
        if !scopes
            .iter()
            .all(|scope| self.scopes.iter().any(|known| known == scope))
        {
            return Err((400, "invalid_scope"));
        }
        self.shown.insert(asked.assertion.clone());
        if access.one_token_at_a_time {
            self.issued.clear();
        }
        self.count += 1;
        let mut dice = Dice::of(0x7011, self.count);
        let token = format!("sim.{:032x}{:032x}.{}", dice.guid(), dice.guid(), self.count);
        let audit = scopes.iter().any(|scope| AUDIT.contains(scope));
        let expires = now + i64::from(access.token_life) * SECOND;
        let expires_in = match access.expires_in {
            ExpiresIn::Integer => format!(r#""expires_in":{},"#, access.token_life),
            ExpiresIn::Text => format!(r#""expires_in":"{}","#, access.token_life),
            ExpiresIn::Float => format!(r#""expires_in":{}.0,"#, access.token_life),
            ExpiresIn::Null => r#""expires_in":null,"#.to_owned(),
            ExpiresIn::Missing => String::new(),
        };
        let scope = scopes.join(" ");
        let body =
            format!(r#"{{"access_token":"{token}",{expires_in}"token_type":"Bearer","scope":"{scope}"}}"#);
        self.issued.insert(token, Issued { expires, audit });
        Ok(body)
    }

    /// Whether the application is who it says it is: by a secret or by an assertion, not by both.
    fn knows(&self, asked: &Credentials, access: &Access) -> bool {
        if asked.assertion_type.is_empty() && asked.assertion.is_empty() {
            return asked.client_id == self.client_id && self.secrets.contains(&asked.secret);
        }
        let named = asked.client_id.is_empty() || asked.client_id == self.client_id;
        let fresh = !access.assertions_once || !self.shown.contains(&asked.assertion);
        named
            && fresh
            && asked.secret.is_empty()
            && asked.assertion_type == assertion::TYPE
            && assertion::is_well_formed(&asked.assertion)
            && self.assertions.contains(&asked.assertion)
    }

    /// What the `Authorization` header is worth.
    pub(crate) fn worth(&self, authorization: Option<&str>, now: i64) -> Worth {
        let Some(token) = authorization.and_then(bearer) else {
            return Worth::Unknown;
        };
        if self.fixed.iter().any(|fixed| fixed == token) {
            return Worth::Good;
        }
        match self.issued.get(token) {
            Some(issued) if issued.expires <= now => Worth::Unknown,
            Some(issued) if !issued.audit => Worth::WrongScope,
            Some(_) => Worth::Good,
            None => Worth::Unknown,
        }
    }
}

/// The token of an `Authorization` header.
pub(crate) fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl Credentials {
    /// Reads a form; `client_id` and `client_secret` may also come by basic authentication.
    pub(crate) fn read(form: &[u8], authorization: Option<&str>) -> Self {
        let mut credentials = Self::default();
        for (name, value) in url::form_urlencoded::parse(form) {
            let field = match name.as_ref() {
                "grant_type" => &mut credentials.grant_type,
                "client_id" => &mut credentials.client_id,
                "client_secret" => &mut credentials.secret,
                "client_assertion_type" => &mut credentials.assertion_type,
                "client_assertion" => &mut credentials.assertion,
                "scope" => &mut credentials.scope,
                _ => continue,
            };
            *field = value.into_owned();
        }
        if let Some((id, secret)) = authorization.and_then(basic) {
            credentials.client_id = id;
            credentials.secret = secret;
        }
        credentials
    }
}

fn basic(authorization: &str) -> Option<(String, String)> {
    let text = authorization.strip_prefix("Basic ")?;
    let plain = String::from_utf8(base64(text.trim())?).ok()?;
    let (id, secret) = plain.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut have) = (Vec::new(), 0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push(u8::try_from((bits >> have) & 0xff).unwrap_or(0));
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        Tokens::new("me", "s3cret", &["PM.Audit.Read".to_owned()], &["pat".to_owned()])
    }

    fn asked(secret: &str, scope: &str) -> Credentials {
        let form = format!("grant_type=client_credentials&client_id=me&client_secret={secret}&scope={scope}");
        Credentials::read(form.as_bytes(), None)
    }

    #[test]
    fn only_the_registered_application_and_scope_get_a_token() {
        let (mut tokens, access) = (tokens(), Access::default());
        assert!(
            tokens
                .issue(&asked("s3cret", "PM.Audit.Read"), &access, 0)
                .is_ok()
        );
        assert_eq!(
            tokens.issue(&asked("wrong", "PM.Audit.Read"), &access, 0),
            Err((400, "invalid_client"))
        );
        assert_eq!(
            tokens.issue(&asked("s3cret", "PM.Audit"), &access, 0),
            Err((400, "invalid_scope"))
        );
    }

    #[test]
    fn basic_authentication_is_read() {
        let credentials = Credentials::read(b"grant_type=client_credentials", Some("Basic bWU6czNjcmV0"));
        assert_eq!(
            (credentials.client_id.as_str(), credentials.secret.as_str()),
            ("me", "s3cret")
        );
    }

    #[test]
    fn a_personal_access_token_is_always_good() {
        assert_eq!(tokens().worth(Some("Bearer pat"), i64::MAX), Worth::Good);
        assert_eq!(tokens().worth(Some("Bearer other"), 0), Worth::Unknown);
        assert_eq!(tokens().worth(None, 0), Worth::Unknown);
    }
}
