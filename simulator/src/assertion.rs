//! Federated credentials: a token of another identity provider in place of a secret.

use serde::Deserialize;

use crate::token::base64;

/// How a request says that it shows an assertion. [I]
pub(crate) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Longest assertion that is accepted. [D]
const LONGEST: usize = 8 * 1024;

#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// Whether it has the shape of a token signed by RS256 [D]. Its signature is not looked at.
pub(crate) fn is_well_formed(assertion: &str) -> bool {
    let parts: Vec<&str> = assertion.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else {
        return false;
    };
    let readable = |part: &str| base64url(part).is_some_and(|bytes| !bytes.is_empty());
    let signed = base64url(header)
        .and_then(|bytes| serde_json::from_slice::<Header>(&bytes).ok())
        .is_some_and(|header| header.alg == "RS256");
    assertion.len() <= LONGEST && signed && readable(claims) && readable(signature)
}

fn base64url(text: &str) -> Option<Vec<u8>> {
    if text.contains(['+', '/', '=']) || text.len() % 4 == 1 {
        return None;
    }
    base64(&text.replace('-', "+").replace('_', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_token_signed_by_rs256_is_well_formed() {
        // {"alg":"RS256","typ":"JWT"}, {"alg":"HS256"}
        let (header, other) = ("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9", "eyJhbGciOiJIUzI1NiJ9");
        for (assertion, good) in [
            (format!("{header}.e30.c2ln"), true),
            (format!("{other}.e30.c2ln"), false),
            (format!("{header}.e30"), false),
            (format!("{header}.e30."), false),
            (format!("{header}.e30.c2ln.x"), false),
            (format!("{header}.e30.c2l+"), false),
            (format!("{header}.{}.c2ln", "e30x".repeat(2048)), false),
            ("nonsense".to_owned(), false),
        ] {
            assert_eq!(is_well_formed(&assertion), good, "{assertion:.80}");
        }
    }
}
