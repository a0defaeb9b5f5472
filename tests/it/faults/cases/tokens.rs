//! Faults of the token service.

use uipath_audit_exporter::error::Action::{NextTick, Stop};
use uipath_audit_simulator::{ErrorBody, Fault, RetryAfter, When};

use super::{TRIES, case, fails, reply, status};
use crate::faults::{Case, Expected};

pub(in crate::faults) fn tokens() -> Vec<Case> {
    let mut cases = Vec::new();
    let refused = |error| Fault::token_refused(400, error);
    let stopped = [
        (refused("invalid_client"), "check `client_id`"),
        (Fault::token_refused(401, "invalid_client"), "check `client_id`"),
        (refused("invalid_scope"), "`PM.Audit.Read`"),
        (refused("unauthorized_client"), "may not use client credentials"),
        (
            refused("unsupported_grant_type"),
            "may not use client credentials",
        ),
        (refused("nonsense"), "check `client_id`"),
        (Fault::status(401), "check `client_id`"),
        (Fault::status(403), "check `client_id`"),
        (Fault::status(404), "set `token_url`"),
        (Fault::status(405), "set `token_url`"),
        (
            Fault::Redirect(302, "https://evil.example/".to_owned()),
            "set `token_url`",
        ),
        (
            reply(r#"{"access_token":"a b","expires_in":3600}"#),
            "no header may carry",
        ),
        (reply(r#"{"access_token":"a\r\nb: c"}"#), "no header may carry"),
    ];
    for (fault, word) in stopped {
        let expected = fails(Stop, &["get a token", word]);
        cases.push(case("always", When::token(), fault, expected, 1));
    }
    let none = RetryAfter::Absent;
    let retried = [
        (Fault::status(429), "status 429"),
        (Fault::status(500), "status 500"),
        (Fault::status(502), "status 502"),
        (Fault::status(503), "no healthy upstream"),
        (status(504, ErrorBody::Html, none), "a page titled `504`"),
        (Fault::SignInPage, "a page of HTML"),
        (Fault::Reset, "send the request"),
        (Fault::CutOff(10), "cut off"),
        (Fault::Truncated(500), "it is no JSON"),
        (Fault::EmptyObject, "no `access_token`"),
        (Fault::EmptyBody, "it is no JSON"),
        (reply(r#"{"access_token":null}"#), "no `access_token`"),
        (reply(r#"{"access_token":""}"#), "no `access_token`"),
        (reply("[]"), "no `access_token`"),
    ];
    for (fault, word) in retried {
        let expected = fails(NextTick, &["get a token", "get an answer in", word]);
        cases.push(case("always", When::token(), fault.clone(), expected, TRIES));
        cases.push(case("once", When::token().nth(1), fault, Expected::Passes, 1));
    }
    let expected = fails(NextTick, &["as the server asks"]);
    let fault = Fault::too_many(RetryAfter::Seconds(60));
    cases.push(case("a long wait", When::token(), fault, expected, 1));
    for (fault, word) in [
        (Fault::Endless, "over the limit"),
        (Fault::GzipBomb(10), "over the limit"),
    ] {
        let expected = fails(NextTick, &["get a token", word]);
        cases.push(case("too much", When::token(), fault, expected, 1));
    }
    cases
}
