//! The faults that every API has, at each of the others: those that pass by are not noticed, those that stay are given up
//! on, refusals say who must act, and nobody else ever sees a token.

use std::time::Duration;

use uipath_audit_exporter::error::Action::{self, NextTick, Stop};
use uipath_audit_simulator::{ErrorBody, Fault, Kind, RetryAfter};

use super::{Case, Expected, stranger, try_all};
use crate::kinds;

/// Tries of one request; so many requests may be under way at once.
const TRIES: u64 = 6;
const AT_ONCE: u64 = 3;

fn case(kind: Kind, name: &str, fault: Fault, nth: Option<u64>, expected: Expected, most: u64) -> Case {
    let when = (kinds::row(kind).when)();
    let when = match nth {
        Some(nth) => when.nth(nth),
        None => when,
    };
    let brief = matches!(expected, Expected::Passes);
    Case {
        name: format!("{kind:?}: {name}, {fault:?} at {when:?}"),
        kind,
        when,
        fault,
        expected,
        most,
        retry_for: Duration::from_millis(if brief { 15_000 } else { 1500 }),
    }
}

/// What may be over with the next try.
fn transient() -> Vec<Fault> {
    let envoy = Fault::Status {
        code: 503,
        body: ErrorBody::NoHealthyUpstream,
        retry_after: RetryAfter::Absent,
    };
    vec![
        Fault::too_many(RetryAfter::Absent),
        Fault::too_many(RetryAfter::Seconds(0)),
        Fault::status(408),
        Fault::status(500),
        Fault::status(504),
        envoy,
        Fault::SignInPage,
        Fault::Reset,
        Fault::CutOff(0),
        Fault::CutOff(200),
        Fault::CutOffChunked(200),
        Fault::EmptyObject,
        Fault::Reply(
            "application/json".to_owned(),
            br#"{"error":"later"}"#.as_slice().into(),
        ),
        Fault::Reply("text/plain".to_owned(), b"no healthy upstream".as_slice().into()),
    ]
}

fn refusals() -> Vec<(u16, Action)> {
    vec![
        (400, Stop),
        (401, Stop),
        (403, Stop),
        (404, Stop),
        (405, Stop),
        (415, Stop),
    ]
}

fn cases(kind: Kind) -> Vec<Case> {
    let mut cases = Vec::new();
    for fault in transient() {
        cases.push(case(kind, "once", fault.clone(), Some(1), Expected::Passes, 1));
        let fails = Expected::Fails(NextTick, vec![]);
        cases.push(case(kind, "for good", fault, None, fails, TRIES * AT_ONCE));
    }
    for (status, action) in refusals() {
        let word = match status {
            401 => "401",
            403 => "403",
            404 => "404",
            _ => "status",
        };
        let fails = Expected::Fails(action, vec![word, "hint"]);
        cases.push(case(
            kind,
            "refused",
            Fault::status(status),
            None,
            fails,
            2 * AT_ONCE,
        ));
    }
    cases
}

#[tokio::test]
async fn the_classic_api() {
    try_all(cases(Kind::Classic)).await;
}

#[tokio::test]
async fn the_long_term_store() {
    try_all(cases(Kind::LongTerm)).await;
}

#[tokio::test]
async fn the_unified_csv() {
    try_all(cases(Kind::UnifiedCsv)).await;
}

#[tokio::test]
async fn the_classic_csv() {
    try_all(cases(Kind::ClassicCsv)).await;
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let stranger = stranger().await;
    let mut cases = Vec::new();
    for row in kinds::KINDS.iter().filter(|row| row.kind != Kind::Unified) {
        for status in [301, 302, 307] {
            let fault = Fault::Redirect(status, stranger.url());
            let fails = Expected::Fails(NextTick, vec!["hint"]);
            cases.push(case(row.kind, "elsewhere", fault, None, fails, AT_ONCE));
        }
    }
    try_all(cases).await;
    assert_eq!(stranger.requests(), []);
}
