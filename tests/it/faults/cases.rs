//! The table: every fault, when it strikes, and what must come of it.

use std::time::Duration;

use uipath_audit_exporter::error::Action::{self, NextTick, Stop};
use uipath_audit_simulator::{DateFault, ErrorBody, Fault, Kind, LinkFault, RetryAfter, When};

use super::{Case, Expected};

mod tokens;

pub(super) use tokens::tokens;

/// Tries of one request. Two requests may be under way at once.
const TRIES: u64 = 6;

fn case(name: impl std::fmt::Display, when: When, fault: Fault, expected: Expected, most: u64) -> Case {
    let name = format!("{name}, {fault:?} at {when:?}");
    // What is to pass must not fail because this machine is busy; what is to fail need not take long.
    let brief = matches!(expected, Expected::Passes) && when != When::sources();
    let retry_for = Duration::from_millis(if brief { 15_000 } else { 1500 });
    Case {
        name,
        kind: Kind::Unified,
        when,
        fault,
        expected,
        most,
        retry_for,
    }
}

fn fails(action: Action, words: &[&'static str]) -> Expected {
    Expected::Fails(action, words.to_vec())
}

fn status(code: u16, body: ErrorBody, retry_after: RetryAfter) -> Fault {
    Fault::Status {
        code,
        body,
        retry_after,
    }
}

/// A 200 whose body is this.
fn reply(body: &str) -> Fault {
    Fault::Reply("application/json; charset=utf-8".to_owned(), body.into())
}

/// Every link onward leads to that base URL.
pub(super) fn link_to(base: &str) -> Fault {
    Fault::Link(LinkFault::Host(base.to_owned()))
}

/// What may be over with the next try, and a word of the message if it is not.
fn transient() -> Vec<(Fault, &'static str)> {
    let none = RetryAfter::Absent;
    let mut faults = vec![
        (Fault::too_many(none.clone()), "status 429: Too Many Requests"),
        (Fault::too_many(RetryAfter::Seconds(0)), "status 429"),
        (Fault::too_many(RetryAfter::Date(-5)), "status 429"),
        (Fault::too_many(RetryAfter::Raw("soon".to_owned())), "status 429"),
        (
            status(503, ErrorBody::Empty, RetryAfter::Seconds(0)),
            "status 503",
        ),
        (Fault::SignInPage, "a page of HTML"),
        (Fault::Reset, "send the request"),
        (Fault::CutOff(0), "read the body: it was cut off"),
        (Fault::CutOff(3000), "read the body: it was cut off"),
        (Fault::CutOffChunked(3000), "read the body: it was cut off"),
        (Fault::Truncated(0), "not the expected JSON: it is empty"),
        (Fault::Truncated(1), "not JSON at byte"),
        (Fault::Truncated(500), "not JSON at byte"),
        (Fault::Truncated(999), "not JSON at byte"),
        (Fault::EmptyObject, "no list `auditEvents`"),
        (Fault::EmptyBody, "it is empty"),
        (Fault::EventsMissing, "no list `auditEvents`"),
        (Fault::EventsNull, "no list `auditEvents`"),
        (Fault::Link(LinkFault::Number), "neither a string nor null"),
        (Fault::Link(LinkFault::Object), "neither a string nor null"),
        (reply("null"), "no list `auditEvents`"),
        (reply("[]"), "no list `auditEvents`"),
        (reply(r#"{"error":"later"}"#), "no list `auditEvents`"),
        (reply(r#"{"auditEvents":{}}"#), "no list `auditEvents`"),
        (
            reply(r#"{"auditEvents":[]} {"auditEvents":[]}"#),
            "something follows the value",
        ),
        (
            status(204, ErrorBody::Empty, none.clone()),
            "not the expected JSON: it is empty",
        ),
    ];
    for code in [408, 429, 500, 501, 502, 503, 504, 520, 599] {
        faults.push((Fault::status(code), "get an answer in"));
    }
    for (body, word) in [
        (ErrorBody::Empty, "status 500"),
        (ErrorBody::Text("busy".to_owned()), "status 500: busy"),
        (ErrorBody::NoHealthyUpstream, "no healthy upstream"),
        (ErrorBody::Html, "a page titled `500`"),
        (ErrorBody::Problem, "the request was refused"),
        (ErrorBody::Validation, "The value is not valid."),
        (ErrorBody::Orchestrator, "An error has occurred."),
        (ErrorBody::DataFabric, "an error has occurred"),
        (ErrorBody::Abp, "You are not authorized!"),
        (
            ErrorBody::OAuth("temporarily_unavailable".to_owned()),
            "temporarily_unavailable",
        ),
        (ErrorBody::Broken, "status 500"),
    ] {
        faults.push((status(500, body, none.clone()), word));
    }
    faults
}

pub(super) fn once() -> Vec<Case> {
    let mut cases = Vec::new();
    let brief = [
        (Fault::ForgetTokens, ""),
        (Fault::status(401), ""),
        (Fault::Late(Duration::from_millis(200)), ""),
        (Fault::Drip(5000, Duration::from_millis(1)), ""),
        (Fault::Date(DateFault::Missing), ""),
        (Fault::Date(DateFault::Raw("yesterday".to_owned())), ""),
        (Fault::Date(DateFault::Skewed(86_400)), ""),
        (Fault::Date(DateFault::Skewed(-600)), ""),
        // Links to pages that turn out to be as they should.
        (Fault::Link(LinkFault::RepeatingChain), ""),
        (Fault::Link(LinkFault::Pair), ""),
    ];
    let places = [
        ("the first page", When::events().first_page().nth(1)),
        ("a later page", When::events().later_page().nth(1)),
        (
            "the first page of a later slice",
            When::events().first_page().nth(2),
        ),
    ];
    for (index, (fault, _)) in transient().into_iter().chain(brief).enumerate() {
        // Each fault at two of the places.
        for place in [index, index + 1] {
            let (name, when) = places[place % places.len()].clone();
            cases.push(case(name, when, fault.clone(), Expected::Passes, 1));
        }
    }
    // Every fifth request, all the time.
    for fault in [
        Fault::status(500),
        Fault::ForgetTokens,
        Fault::Reset,
        Fault::EmptyBody,
    ] {
        let when = When::events().every(5);
        cases.push(case("every fifth", when, fault, Expected::Passes, 20));
    }
    cases
}

pub(super) fn lasting() -> Vec<Case> {
    let mut cases = Vec::new();
    for (fault, word) in transient() {
        for (name, when, most) in [
            ("always", When::events(), TRIES),
            ("always on later pages", When::events().later_page(), 2 * TRIES),
        ] {
            let expected = fails(NextTick, &["get an answer in", word]);
            cases.push(case(name, when, fault.clone(), expected, most));
        }
    }
    for after in [
        RetryAfter::Seconds(60),
        RetryAfter::Seconds(1 << 40),
        RetryAfter::Date(3600),
    ] {
        for code in [429, 503] {
            let fault = status(code, ErrorBody::Empty, after.clone());
            let words = ["as the server asks", "of `retry_for` are left", "status"];
            cases.push(case(
                "a long wait",
                When::events(),
                fault,
                fails(NextTick, &words),
                1,
            ));
        }
    }
    let skewed = Fault::Date(DateFault::Skewed(-5 * 86_400));
    cases.push(case(
        "the server's clock is behind",
        When::events(),
        skewed,
        fails(NextTick, &["read up to now: it is 2026-11-16", "set the clock"]),
        1,
    ));
    cases
}

pub(super) fn refusals() -> Vec<Case> {
    let refusals = [
        (400, Stop, "`filter`"),
        (401, Stop, "`PM.Audit.Read`"),
        (402, NextTick, "status 402"),
        (403, Stop, "permission"),
        (404, Stop, "spelling of `organization`"),
        (405, Stop, "another service answers at that path"),
        (406, NextTick, "status 406"),
        (409, NextTick, "status 409"),
        (410, NextTick, "status 410"),
        (413, NextTick, "status 413"),
        (414, NextTick, "status 414"),
        (415, Stop, "another service answers at that path"),
        (451, NextTick, "status 451"),
        (304, NextTick, "redirects are not followed"),
    ];
    let mut cases = Vec::new();
    for (code, action, word) in refusals {
        // 401: once more with a fresh token.
        let most = if code == 401 { 2 } else { 1 };
        for body in [ErrorBody::Empty, ErrorBody::Html, ErrorBody::Problem] {
            let fault = status(code, body, RetryAfter::Absent);
            let expected = fails(action, &[word]);
            cases.push(case(
                "always",
                When::events(),
                fault.clone(),
                expected.clone(),
                most,
            ));
            let later = When::events().later_page();
            cases.push(case("always on later pages", later, fault, expected, 2 * most));
        }
    }
    cases.push(case(
        "tokens are worth nothing",
        When::events(),
        Fault::ForgetTokens,
        fails(Stop, &["status 401", "`PM.Audit.Read`"]),
        2,
    ));
    for status in [301, 302, 303, 307, 308] {
        for (to, word) in [
            ("https://evil.example/x?y=z", "`https://evil.example`"),
            ("/portal_/sign-in", "another path of the same server"),
            ("http://[", "an address that cannot be read"),
        ] {
            let expected = fails(NextTick, &["redirects are not followed", word, "`url`"]);
            let fault = Fault::Redirect(status, to.to_owned());
            cases.push(case("sent on", When::events(), fault, expected, 1));
        }
    }
    for (fault, word) in [
        (Fault::Endless, "over the limit of 67108864 bytes"),
        (Fault::GzipBomb(300), "over the limit"),
        (Fault::HugeEvent(9 << 20), "over the limit of 8 MiB"),
        (Fault::DeepJson(5000), "nested too deeply"),
    ] {
        let expected = fails(NextTick, &[word]);
        cases.push(case(
            "too much",
            When::events(),
            fault.clone(),
            expected.clone(),
            1,
        ));
        let once = When::events().first_page().nth(1);
        cases.push(case("too much", once, fault, expected, 1));
    }
    cases
}

pub(super) fn links() -> Vec<Case> {
    let mut cases = Vec::new();
    let circles = [
        (LinkFault::Itself, "leads back to a page already read", 2),
        (LinkFault::Pair, "leads back to a page already read", 6),
        (LinkFault::EmptyChain, "still no end", 2 * 102),
        (LinkFault::RepeatingChain, "still no end", 2 * 102),
    ];
    for (fault, word, most) in circles {
        let expected = fails(NextTick, &[word, "report it to UiPath"]);
        let (when, fault) = (When::events(), Fault::Link(fault));
        cases.push(case("always", when, fault, expected, most));
    }
    let elsewhere = [
        (
            LinkFault::Host("https://evil.example/".to_owned()),
            "to another server, `https://evil.example`",
        ),
        (LinkFault::Scheme("https".to_owned()), "to another server"),
        (LinkFault::Scheme("ftp".to_owned()), "to another server"),
        (LinkFault::UserInfo, "credentials"),
        (LinkFault::Fragment, "a fragment"),
        (
            LinkFault::Path("/acme/identity_/connect/token".to_owned()),
            "to another endpoint",
        ),
        (
            LinkFault::Path("/acme/production/tenantaudit_/api/query/sources".to_owned()),
            "to another endpoint",
        ),
        (
            LinkFault::Path("/acme/production/tenantaudit_/api/../api/query/events/..".to_owned()),
            "to another endpoint",
        ),
        (LinkFault::Tenant("staging".to_owned()), "to another endpoint"),
        (LinkFault::MoreSegments, "to another endpoint"),
        (LinkFault::Long(9000), "over the limit of 8 KiB"),
        (LinkFault::Garbage, "no URL"),
    ];
    for (fault, word) in elsewhere {
        let fault = Fault::Link(fault);
        let expected = fails(NextTick, &[word, "nothing was archived of this span"]);
        for (when, most) in [
            (When::events().first_page(), 2),
            (When::events().first_page().nth(2), 1),
            (When::events().later_page(), 10),
        ] {
            cases.push(case("elsewhere", when, fault.clone(), expected.clone(), most));
        }
    }
    cases
}

pub(super) fn harmless() -> Vec<Case> {
    let faults = [
        Fault::status(401),
        Fault::status(403),
        Fault::status(404),
        Fault::status(503),
        Fault::too_many(RetryAfter::Seconds(60)),
        Fault::Reset,
        Fault::CutOff(10),
        Fault::SignInPage,
        Fault::EmptyObject,
        Fault::EmptyBody,
        Fault::Truncated(500),
        Fault::Endless,
        Fault::GzipBomb(300),
        Fault::DeepJson(5000),
        Fault::Redirect(302, "https://evil.example/".to_owned()),
        reply("null"),
    ];
    let mut cases: Vec<Case> = faults
        .into_iter()
        .map(|fault| case("the catalogue", When::sources(), fault, Expected::Passes, TRIES))
        .collect();
    let dates = [
        DateFault::Missing,
        DateFault::Raw("yesterday".to_owned()),
        DateFault::Skewed(365 * 86_400),
        DateFault::Skewed(-600),
    ];
    cases.extend(dates.map(|date| {
        let fault = Fault::Date(date);
        case("the date", When::any(), fault, Expected::Passes, 1000)
    }));
    cases
}
