//! The classic list, as a client sees it.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::client::{elements, get, send};
use super::{LIST, acme_classic, classic, noon};
use crate::json::{member, text};
use crate::*;

/// A page: `totalCount` as it is spelled, and the rows.
pub(super) async fn list(simulator: &Simulator, query: &str) -> (Option<String>, Vec<Vec<u8>>) {
    let got = get(simulator, &format!("{LIST}?{query}")).await.unwrap();
    assert_eq!(got.status, 200, "{query}: {}", String::from_utf8_lossy(&got.body));
    let body = got.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&got.body);
    let total = member(body, "totalCount").map(|total| String::from_utf8(total.to_vec()).unwrap());
    let results = member(body, "results").unwrap();
    let rows = if results == b"null" {
        Vec::new()
    } else {
        elements(results)
    };
    (total, rows)
}

pub(super) async fn rows(simulator: &Simulator, query: &str) -> Vec<Vec<u8>> {
    list(simulator, query).await.1
}

/// Pages until a page is empty, or would tell again what was told.
async fn walk(simulator: &Simulator, query: &str) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let visible = |event: &TruthEvent| event.visible && event.instant <= simulator.clock().now();
    let count = simulator.truth(&classic()).into_iter().filter(visible).count();
    for _ in 0..10_000 {
        let skip = all.len();
        let page = rows(simulator, &format!("{query}&skip={skip}")).await;
        let again = simulator.switches().classic.beyond == Beyond::LastPage && skip >= count;
        if page.is_empty() || again {
            return all;
        }
        all.extend(page);
    }
    panic!("the walk does not end");
}

pub(super) fn told(row: &[u8], name: &str) -> Option<String> {
    member(row, name).and_then(text)
}

fn raws(simulator: &Simulator) -> Vec<Vec<u8>> {
    let truth = simulator.truth(&classic());
    truth.into_iter().map(|event| event.raw).collect()
}

/// The rows and the truth are the same, n identical ones being n.
pub(super) fn assert_all(name: &str, simulator: &Simulator, rows: &[Vec<u8>]) {
    let mut balance: BTreeMap<u32, i64> = BTreeMap::new();
    let truth = simulator.truth(&classic());
    // Identical records are one and the same here: the first that accepts the row.
    let first = |row: &[u8]| {
        truth
            .iter()
            .find(|event| event.accepts(row))
            .map(|event| event.index)
    };
    for row in rows {
        let index = first(row).unwrap_or_else(|| panic!("{name}: unknown {}", String::from_utf8_lossy(row)));
        *balance.entry(index).or_default() += 1;
    }
    let now = simulator.clock().now();
    for event in truth.iter().filter(|event| event.visible && event.instant <= now) {
        *balance.entry(first(&event.versions[0]).unwrap()).or_default() -= 1;
    }
    let wrong = balance.iter().filter(|(_, count)| **count != 0).count();
    assert_eq!(wrong, 0, "{name}: lost or doubled");
}

#[tokio::test]
async fn history_is_told_once_and_byte_for_byte() {
    let simulator = acme_classic(Switches::default(), 1000).await;
    let mut newest_first = walk(&simulator, "top=130").await;
    assert_eq!(
        walk(&simulator, "sortBy=createdOn&sortOrder=asc&top=1000").await,
        raws(&simulator)
    );
    newest_first.reverse();
    assert_eq!(newest_first, raws(&simulator));
    assert_eq!(list(&simulator, "top=1").await.0.as_deref(), Some("1000"));
    assert_eq!(rows(&simulator, "").await.len(), 100);
}

#[tokio::test]
async fn a_record_looks_as_the_guide_shows_it() {
    let simulator = acme_classic(Switches::default(), 0).await;
    let at = "2025-03-24T11:10:15.1964174Z".parse().unwrap();
    let login = NewEvent::at(at)
        .what("Cis", "User", "Login")
        .details(r#"{"userName":"Ada","email":""}"#);
    simulator.push(&classic(), login.summary("User 'Ada' logged in"));
    let expected = "{\"createdOn\":\"2025-03-24T11:10:15.1964174+00:00\",\"category\":\"User\",\"action\":\"Login\",\
        \"auditLogDetails\":\"{\\r\\n  \\\"userName\\\": \\\"Ada\\\",\\r\\n  \\\"email\\\": \\\"\\\"\\r\\n}\",\
        \"userName\":\"Ada Lovelace\",\"email\":\"ada@example.com\",\"message\":\"User 'Ada' logged in\",\
        \"detailsVersion\":\"1.0\",\"source\":\"Cis\"}";
    let got = get(
        &simulator,
        &format!("{LIST}?language=en&startTime=2030-01-01&$filter=x"),
    )
    .await
    .unwrap();
    let body = String::from_utf8(got.body).unwrap();
    assert_eq!(body, format!("{{\"totalCount\":1,\"results\":[{expected}]}}"));
    assert_eq!(raws(&simulator), [expected.as_bytes()]);
}

#[tokio::test]
async fn some_records_are_identical_and_some_share_an_instant() {
    let simulator = acme_classic(Switches::default(), 1000).await;
    let (mut counts, mut instants) = (BTreeMap::new(), BTreeMap::new());
    for event in simulator.truth(&classic()) {
        *counts.entry(event.raw).or_insert(0) += 1;
        *instants.entry(event.created_on).or_insert(0) += 1;
    }
    let many = |n| counts.values().filter(|count| **count == n).count();
    assert!(
        many(2) > 5 && many(3) > 5 && many(4) == 0,
        "{} {}",
        many(2),
        many(3)
    );
    assert!(instants.values().any(|count| *count == 4));
    let mut switches = Switches::default();
    switches.classic.twins = Twins::Never;
    let simulator = acme_classic(switches, 1000).await;
    let all = raws(&simulator);
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(different.len(), all.len());
}

#[tokio::test]
async fn every_form_of_the_path_leads_to_the_list() {
    let cloud = Cloud::new()
        .tenant("acme", "production")
        .classic("acme")
        .static_token("pat");
    let simulator = Simulator::local(cloud.clone()).await.unwrap();
    let id = simulator.organization_id("acme");
    simulator.push(&classic(), NewEvent::at(noon()));
    let is_there = async |path: String, status: u16| {
        let got = get(&simulator, &path).await.unwrap();
        assert_eq!(got.status, status, "{path}");
        assert_eq!(
            status == 200,
            simulator.requests().last().unwrap().stream == Some(classic())
        );
        assert!(status != 200 || path.ends_with("download") || got.body.starts_with(b"{\"totalCount\":1,"));
    };
    for place in ["", "/acme", "/ACME/Production", &format!("/{id}")] {
        for end in [
            "",
            "/",
            &format!("/{id}"),
            "/download",
            &format!("/{id}/download"),
        ] {
            is_there(format!("{place}/audit_/api/AuditLogs{end}"), 200).await;
        }
        is_there(
            format!("{place}/audit_/api/auditlogs/5b1d3f3e-6d7f-4c7b-8a53-1c1a8f2d9e01"),
            404,
        )
        .await;
    }
    is_there("/nobody/audit_/api/auditlogs".to_owned(), 404).await;
    is_there("/acme/nowhere/audit_/api/auditlogs".to_owned(), 404).await;
    is_there("/acme/audit_/api/auditlogs/acme".to_owned(), 404).await;

    let simulator = Simulator::local(cloud.classic("other")).await.unwrap();
    for (path, status) in [
        ("/audit_/api/auditlogs".to_owned(), 404),
        (format!("/audit_/api/auditlogs/{id}"), 200),
    ] {
        assert_eq!(get(&simulator, &path).await.unwrap().status, status, "{path}");
    }
}

#[tokio::test]
async fn old_rows_vanish_with_time_at_a_call_and_while_somebody_pages() {
    let simulator = acme_classic(Switches::default(), 200).await;
    let all = raws(&simulator);
    let ascending = "sortOrder=asc&sortBy=createdOn&top=500";
    simulator.expire(&classic(), 30);
    assert_eq!(rows(&simulator, ascending).await, all[30..]);
    assert_eq!(simulator.expired(&classic()).len(), 30);

    let expire = simulator.fault(When::classic().later_page().nth(2), Fault::Expire(5));
    assert_eq!(rows(&simulator, &format!("{ascending}&skip=0")).await, all[30..]);
    assert_eq!(rows(&simulator, &format!("{ascending}&skip=10")).await, all[40..]);
    assert_eq!(rows(&simulator, &format!("{ascending}&skip=10")).await, all[45..]);
    assert_eq!(simulator.struck(expire), 1);

    simulator.turn(|switches| switches.classic.retention_days = Some(2));
    let left = rows(&simulator, ascending).await;
    assert!(!left.is_empty() && left.len() < 165 && all.ends_with(&left));
    simulator.clock().advance(TimeDelta::days(2));
    assert!(rows(&simulator, ascending).await.is_empty());
    assert!(simulator.truth(&classic()).iter().all(|event| !event.visible));
}

#[tokio::test]
async fn rows_slip_in_while_somebody_pages() {
    let simulator = acme_classic(Switches::default(), 10).await;
    simulator.hold_back(&classic());
    for n in 0..3 {
        let early = NewEvent::at(noon() - TimeDelta::days(30 - n)).summary(&n.to_string());
        simulator.push(&classic(), early);
    }
    simulator.fault(When::classic().nth(2), Fault::Release(2));
    let ascending = "sortOrder=asc&sortBy=createdOn";
    assert_eq!(rows(&simulator, ascending).await.len(), 10);
    let told_then: Vec<_> = rows(&simulator, ascending)
        .await
        .iter()
        .map(|row| told(row, "message").unwrap())
        .collect();
    assert_eq!(
        (told_then.len(), &told_then[..2]),
        (12, &["0".to_owned(), "1".to_owned()][..])
    );
    simulator.release(&classic());
    assert_eq!(rows(&simulator, ascending).await.len(), 13);
    simulator.push_when(&classic(), NewEvent::at(noon()), Appears::AfterRequests(1));
    assert_eq!(rows(&simulator, ascending).await.len(), 13);
    assert_eq!(rows(&simulator, ascending).await.len(), 14);
}

#[tokio::test]
async fn the_language_changes_the_message_alone_and_the_truth_stays_english() {
    let simulator = acme_classic(Switches::default(), 100).await;
    let (english, german) = (
        rows(&simulator, "language=en").await,
        rows(&simulator, "language=de").await,
    );
    for (english, german) in english.iter().zip(&german) {
        assert_ne!(told(english, "message"), told(german, "message"));
        assert_eq!(told(english, "auditLogDetails"), told(german, "auditLogDetails"));
    }
    assert_all("en", &simulator, &english);
    assert!(
        simulator
            .truth(&classic())
            .iter()
            .all(|event| event.versions.len() == 1)
    );
}

#[tokio::test]
async fn versions_and_headers_are_wanted_or_not() {
    let simulator = acme_classic(Switches::default(), 1).await;
    for (version, query, expected) in [
        (ApiVersion::Ignored, "api-version=9", None),
        (ApiVersion::Required, "", Some("ApiVersionUnspecified")),
        (ApiVersion::Required, "api-version=1", None),
        (ApiVersion::Refused, "", None),
        (
            ApiVersion::Refused,
            "api-version=1",
            Some("UnsupportedApiVersion"),
        ),
    ] {
        simulator.turn(|switches| switches.classic.api_version = version);
        let got = get(&simulator, &format!("{LIST}?{query}")).await.unwrap();
        assert_eq!(
            got.status,
            if expected.is_some() { 400 } else { 200 },
            "{version:?} {query}"
        );
        let body = String::from_utf8(got.body).unwrap();
        assert!(body.contains(expected.unwrap_or("totalCount")), "{body}");
    }
    simulator.turn(|switches| {
        switches.classic = Classic {
            content_type_required: true,
            ..Classic::default()
        }
    });
    let bare = format!("GET {LIST} HTTP/1.1\r\nAuthorization: Bearer pat");
    assert_eq!(send(&simulator, &bare, "").await.unwrap().status, 415);
    assert_eq!(get(&simulator, LIST).await.unwrap().status, 200);
    assert_eq!(
        send(&simulator, &format!("GET {LIST} HTTP/1.1"), "")
            .await
            .unwrap()
            .status,
        401
    );
}

#[tokio::test]
async fn each_switch_and_any_mix_tells_all() {
    let each = Switches::each_for(Kind::Classic);
    let each = each
        .into_iter()
        .map(|(name, switches)| (name.to_owned(), switches));
    let mixes = (0..60).map(|seed| {
        let switches = Switches::seeded_for(Kind::Classic, seed);
        (format!("seed {seed}: {:?}", switches.names()), switches)
    });
    for (name, mut switches) in each.chain(mixes) {
        if switches.classic.ties == Ties::Shuffled {
            // Pages that end within a tie lose rows: this client does not look twice.
            switches.classic.ties = Ties::Stable;
        }
        if let Arrival::LateByRequests { every, .. } = switches.pages.arrival {
            // Late rows would shift the pages of the walk that is under way.
            switches.pages.arrival = Arrival::LateByRequests { every, requests: 0 };
        }
        let simulator = acme_classic(switches, 150).await;
        for query in ["top=40", "sortBy=createdOn&sortOrder=asc&top=40"] {
            let rows = walk(&simulator, query).await;
            assert_all(&name, &simulator, &rows);
        }
        simulator.stop().await;
    }
}

#[tokio::test]
async fn faults_strike_the_list_and_the_file_apart() {
    let simulator = acme_classic(Switches::default(), 20).await;
    for (fault, results) in [
        (Fault::EventsMissing, None),
        (Fault::EventsNull, Some(&b"null"[..])),
    ] {
        simulator.fault(When::classic().of(&classic()).nth(1), fault);
        let body = get(&simulator, LIST).await.unwrap().body;
        assert_eq!(member(&body, "results"), results);
    }
    simulator.fault(When::classic().nth(1), Fault::HugeEvent(300_000));
    assert!(get(&simulator, LIST).await.unwrap().body.len() > 300_000);
    simulator.fault(When::classic().nth(1), Fault::DeepJson(1000));
    assert!(elements(member(&get(&simulator, LIST).await.unwrap().body, "results").unwrap())[0].len() > 1000);
    simulator.fault(When::classic_download().nth(1), Fault::status(504));
    simulator.fault(When::classic_download().nth(2), Fault::CutOff(100));
    assert_eq!(rows(&simulator, "").await.len(), 20);
    let file = format!("{LIST}/download");
    assert_eq!(get(&simulator, &file).await.unwrap().status, 504);
    assert!(!get(&simulator, &file).await.unwrap().whole);
    assert!(get(&simulator, &file).await.unwrap().whole);
}
