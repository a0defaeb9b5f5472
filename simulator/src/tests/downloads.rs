//! The unified CSV download, compared with the rows the truth would have.

use std::collections::HashMap;

use chrono::TimeDelta;
use zip::ZipArchive;

use super::client::{Got, get};
use super::{acme, noon, production};
use crate::*;

const FILE: &str = "/acme/production/tenantaudit_/api/query/downloadevents";

async fn ask(simulator: &Simulator, query: &str) -> Got {
    get(simulator, &format!("{FILE}{query}")).await.unwrap()
}

/// A file of those events, newest first, with CR LF.
fn expected(simulator: &Simulator, wanted: impl Fn(&TruthEvent) -> bool) -> Vec<u8> {
    let truth = simulator.truth(&production());
    let rows: HashMap<_, _> = simulator.unified_csv_rows(&production()).into_iter().collect();
    let mut file =
        b"Id,CreatedOn,OrganizationName,TenantName,EventSource,EventTarget,EventType,Status,ActorId,\
        ActorName,ActorEmail,EventSummary,EventDetails,IpAddress,IpCountry\r\n"
            .to_vec();
    for event in truth.iter().rev().filter(|event| wanted(event)) {
        file.extend_from_slice(&rows[&event.index]);
        file.extend_from_slice(b"\r\n");
    }
    file
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn a_file_has_a_row_for_each_event_of_its_span() {
    let simulator = acme(Switches::default(), 200).await;
    let got = ask(&simulator, "").await;
    assert_eq!(
        (got.status, got.headers["content-type"].as_str()),
        (200, "text/csv")
    );
    assert_eq!(
        got.headers["content-disposition"],
        "attachment; filename=\"AuditEvents-2025-03-24-12-00-00.csv\""
    );
    assert_eq!(text(&got.body), text(&expected(&simulator, |_| true)));
    let from = noon() - TimeDelta::days(4);
    let to = noon() - TimeDelta::days(2);
    let span = "?from=2025-03-20T12:00:00Z&to=2025-03-22T12:00:00Z&searchTerm=nothing&maxCount=no+number";
    let inside = |event: &TruthEvent| event.instant >= from && event.instant <= to;
    let expected = expected(&simulator, inside);
    assert_eq!(text(&ask(&simulator, span).await.body), text(&expected));
    assert!(expected.len() > 5000);
    assert_eq!(ask(&simulator, "?from=yesterday").await.status, 400);
}

#[tokio::test]
async fn filters_choose_the_rows() {
    let simulator = acme(Switches::default(), 300).await;
    let failed = |event: &TruthEvent| text(&event.raw).contains("\"status\":1");
    let file = expected(&simulator, failed);
    assert_eq!(text(&ask(&simulator, "?status=1").await.body), text(&file));
    assert!(text(&file).contains("refused: missing permission"));
    let sources = get(&simulator, "/acme/production/tenantaudit_/api/query/sources")
        .await
        .unwrap();
    let sources = text(&sources.body);
    let at = sources.find("\",\"name\":\"Apps\"").unwrap();
    let apps = |event: &TruthEvent| text(&event.raw).contains("\"eventSource\":\"Apps\"");
    let query = format!("?source={}", &sources[at - 36..at]);
    assert_eq!(
        text(&ask(&simulator, &query).await.body),
        text(&expected(&simulator, apps))
    );
}

#[tokio::test]
async fn rows_over_the_most_are_cut_off_silently_or_refused() {
    let simulator = acme(Switches::default(), 150).await;
    simulator.turn(|switches| switches.downloads.most_rows = 100);
    let cutoff = simulator.truth(&production())[50].instant;
    let newest = expected(&simulator, |event| event.instant >= cutoff);
    assert_eq!(text(&ask(&simulator, "").await.body), text(&newest));
    simulator.turn(|switches| switches.downloads.over = Over::Oldest);
    let cutoff = simulator.truth(&production())[99].instant;
    let oldest = expected(&simulator, |event| event.instant <= cutoff);
    assert_eq!(text(&ask(&simulator, "").await.body), text(&oldest));
    simulator.turn(|switches| switches.downloads.over = Over::Refused);
    assert_eq!(ask(&simulator, "").await.status, 400);
    simulator.turn(|switches| switches.downloads.most_rows = 150);
    assert_eq!(
        text(&ask(&simulator, "").await.body),
        text(&expected(&simulator, |_| true))
    );
    simulator.turn(|switches| switches.downloads.order = RowOrder::OldestFirst);
    let file = text(&ask(&simulator, "").await.body);
    let first = text(&simulator.unified_csv_rows(&production())[0].1);
    assert!(file.split_once("\r\n").unwrap().1.starts_with(&first));
}

#[tokio::test]
async fn ninety_days_are_as_far_back_as_it_goes() {
    let simulator = acme(Switches::default(), 0).await;
    for days in [10, 89, 91] {
        simulator.push(&production(), NewEvent::at(noon() - TimeDelta::days(days)));
    }
    let rows = |got: &Got| text(&got.body).lines().count() - 1;
    let far = "?from=2024-12-01T00:00:00Z";
    assert_eq!(ask(&simulator, far).await.status, 400);
    assert_eq!(rows(&ask(&simulator, "").await), 2);
    simulator.turn(|switches| switches.downloads.too_old = TooOld::Empty);
    assert_eq!(rows(&ask(&simulator, far).await), 2);
    simulator.turn(|switches| switches.downloads.window = None);
    assert_eq!(rows(&ask(&simulator, far).await), 3);
    simulator.turn(|switches| switches.pages.look_back = Some(30));
    assert_eq!(rows(&ask(&simulator, far).await), 1);
}

#[tokio::test]
async fn every_switch_tells_the_rows_of_the_truth() {
    let mut all = Switches::each_for(Kind::UnifiedCsv);
    for seed in 0..30 {
        all.push(("mixed", Switches::seeded_for(Kind::UnifiedCsv, seed)));
    }
    for (name, mut switches) in all {
        // Late events and those of the future are not in the file; how many rows fit is tested apart.
        switches.pages.arrival = Arrival::AtOnce;
        switches.downloads.most_rows = 100_000;
        let names = switches.names();
        let simulator = acme(switches, 60).await;
        let got = ask(&simulator, "").await;
        assert!(got.whole && got.status == 200, "{name} {names:?}");
        let mut body = got.body;
        if got.headers["content-type"] == "application/zip" {
            let mut archive = ZipArchive::new(std::io::Cursor::new(body)).unwrap();
            body = Vec::new();
            std::io::copy(&mut archive.by_index(0).unwrap(), &mut body).unwrap();
        }
        let now = simulator.clock().now();
        let truth = simulator.truth(&production());
        let due = truth.iter().filter(|event| event.instant <= now);
        let rows: HashMap<_, _> = simulator.unified_csv_rows(&production()).into_iter().collect();
        for event in due {
            let row = &rows[&event.index];
            let found = body.windows(row.len()).any(|part| part == row);
            assert!(found, "{name} {names:?}: {} is missing", text(row));
        }
        simulator.stop().await;
    }
}

#[tokio::test]
async fn files_end_too_soon() {
    let short = async |at, framing| {
        let simulator = acme(Switches::default(), 100).await;
        let whole = ask(&simulator, "").await.body;
        simulator.fault(When::downloads(), Fault::Short(at, framing));
        let got = ask(&simulator, "").await;
        assert!(got.body.len() < whole.len() && whole.starts_with(&got.body));
        let told =
            got.headers.contains_key("content-length") || got.headers.contains_key("transfer-encoding");
        assert_eq!(
            (got.whole, told),
            (framing == Framing::UntilClose, framing != Framing::UntilClose)
        );
        let quotes = got.body.iter().filter(|byte| **byte == b'"').count();
        (got.body.ends_with(b"\r\n"), quotes % 2 == 1)
    };
    for framing in [Framing::Length, Framing::UntilClose] {
        assert_eq!(short(CutAt::RowEnd, framing).await, (true, false));
        assert_eq!(short(CutAt::InRow, framing).await, (false, false));
        assert_eq!(short(CutAt::InQuotes, framing).await, (false, true));
    }
    let simulator = acme(Switches::default(), 100).await;
    simulator.fault(When::downloads(), Fault::Short(CutAt::RowEnd, Framing::Chunked));
    let got = ask(&simulator, "").await;
    assert!(!got.whole && got.headers.contains_key("transfer-encoding"));
}

#[tokio::test]
async fn other_things_come_in_place_of_a_file() {
    let simulator = acme(Switches::default(), 10).await;
    simulator.fault(When::downloads().nth(1), Fault::SignInPage);
    simulator.fault(
        When::downloads().nth(2),
        Fault::ErrorAsSuccess(ErrorBody::Problem),
    );
    let page = ask(&simulator, "").await;
    assert!(page.status == 200 && page.headers["content-type"].starts_with("text/html"));
    let error = ask(&simulator, "").await;
    assert_eq!(
        (error.status, error.headers["content-type"].as_str()),
        (200, "application/problem+json")
    );
}
