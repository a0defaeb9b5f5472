//! Faults do what they say.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::client::{get, page, resolve, send, walk};
use super::{EVENTS, acme, production};
use crate::*;

/// The reply of one request under a fault.
async fn under(fault: Fault) -> (Simulator, std::io::Result<super::client::Got>) {
    let simulator = acme(Switches::default(), 100).await;
    simulator.fault(When::events(), fault);
    let got = get(&simulator, &format!("{EVENTS}?maxCount=20")).await;
    (simulator, got)
}

#[tokio::test]
async fn statuses_come_with_the_bodies_of_their_services() {
    for code in [401, 403, 404, 408, 429, 500, 502, 503, 504] {
        let (_simulator, got) = under(Fault::status(code)).await;
        assert_eq!(got.unwrap().status, code);
    }
    let (_simulator, got) = under(Fault::status(503)).await;
    assert_eq!(got.unwrap().body, b"no healthy upstream");
    for (retry_after, told) in [
        (RetryAfter::Seconds(7), Some("7")),
        (RetryAfter::Date(60), Some("Mon, 24 Mar 2025 12:01:00 GMT")),
        (RetryAfter::Absent, None),
    ] {
        let (_simulator, got) = under(Fault::too_many(retry_after)).await;
        assert_eq!(got.unwrap().headers.get("retry-after").map(String::as_str), told);
    }
}

#[tokio::test]
async fn pages_that_are_none() {
    let (_simulator, got) = under(Fault::SignInPage).await;
    let got = got.unwrap();
    assert!(got.status == 200 && got.headers["content-type"].starts_with("text/html"));
    for (fault, body) in [(Fault::EmptyObject, &b"{}"[..]), (Fault::EmptyBody, b"")] {
        assert_eq!(under(fault).await.1.unwrap().body, body);
    }
    assert!(crate::json::member(&under(Fault::EventsMissing).await.1.unwrap().body, "auditEvents").is_none());
    let null = under(Fault::EventsNull).await.1.unwrap().body;
    assert_eq!(crate::json::member(&null, "auditEvents"), Some(&b"null"[..]));
    let truncated = under(Fault::Truncated(500)).await.1.unwrap();
    assert!(truncated.whole && crate::json::parse(&truncated.body).is_none());
    assert!(under(Fault::DeepJson(50_000)).await.1.unwrap().body.len() > 100_000);
    assert!(under(Fault::HugeEvent(3_000_000)).await.1.unwrap().body.len() > 3_000_000);
    let bomb = under(Fault::GzipBomb(10)).await.1.unwrap();
    assert!(bomb.body.len() < 200_000 && bomb.headers["content-encoding"] == "gzip");
}

#[tokio::test]
async fn connections_break() {
    assert_eq!(
        under(Fault::Reset).await.1.unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    let cut = under(Fault::CutOff(1000)).await.1.unwrap();
    assert!(!cut.whole && cut.body.len() == 1000);
    let cut = under(Fault::CutOffChunked(5000)).await.1.unwrap();
    assert!(!cut.whole && cut.headers.contains_key("transfer-encoding"));
}

#[tokio::test]
async fn replies_take_their_time() {
    let start = Instant::now();
    let (_simulator, got) = under(Fault::Late(Duration::from_millis(50))).await;
    assert!(got.unwrap().whole && start.elapsed() >= Duration::from_millis(50));
    let start = Instant::now();
    let (_simulator, got) = under(Fault::Drip(2000, Duration::from_millis(5))).await;
    assert!(got.unwrap().whole && start.elapsed() >= Duration::from_millis(30));
    let moment = Duration::from_millis(100);
    assert!(timeout(moment, under(Fault::Silence)).await.is_err());
    assert!(timeout(moment, under(Fault::Endless)).await.is_err());
}

#[tokio::test]
async fn links_lead_astray() {
    let link = |fault| async {
        let (simulator, got) = under(Fault::Link(fault)).await;
        let host = simulator.address().to_string();
        page(&got.unwrap().body).previous.unwrap().replace(&host, "HOST")
    };
    let start = |text: &str| format!("{text}{EVENTS}?to=");
    assert!(
        link(LinkFault::Host("http://evil.example/".into()))
            .await
            .starts_with(&start("http://evil.example"))
    );
    assert!(
        link(LinkFault::UserInfo)
            .await
            .starts_with(&start("http://someone:secret@HOST"))
    );
    assert!(link(LinkFault::Fragment).await.ends_with("#older"));
    assert!(
        link(LinkFault::Scheme("https".into()))
            .await
            .starts_with(&start("https://HOST"))
    );
    assert!(
        link(LinkFault::Path("/acme/orgaudit_/x".into()))
            .await
            .starts_with("/acme/orgaudit_/x?to=")
    );
    assert!(
        link(LinkFault::Tenant("test".into()))
            .await
            .starts_with("/acme/test/tenantaudit_/")
    );
    assert!(
        link(LinkFault::MoreSegments)
            .await
            .starts_with(&format!("{EVENTS}/more"))
    );
    assert!(link(LinkFault::Long(9 * 1024)).await.len() > 9 * 1024);
    assert_eq!(link(LinkFault::Itself).await, format!("{EVENTS}?maxCount=20"));
}

#[tokio::test]
async fn chains_of_links_do_not_end() {
    for (fault, held, pages) in [
        (LinkFault::Pair, 20, 2),
        (LinkFault::EmptyChain, 0, 9),
        (LinkFault::RepeatingChain, 20, 9),
    ] {
        let (simulator, got) = under(Fault::Link(fault)).await;
        let mut told = page(&got.unwrap().body);
        let mut targets = std::collections::BTreeSet::new();
        for _ in 0..9 {
            assert_eq!(told.events.len(), held);
            let target = resolve(&simulator, EVENTS, &told.previous.unwrap());
            told = page(&get(&simulator, &target).await.unwrap().body);
            targets.insert(target);
        }
        assert_eq!(targets.len(), pages);
    }
}

#[tokio::test]
async fn rules_choose_what_they_strike() {
    let simulator = acme(Switches::default(), 100).await;
    let statuses = async |n: usize, target: &str| {
        let mut statuses = Vec::new();
        for _ in 0..n {
            statuses.push(get(&simulator, target).await.unwrap().status);
        }
        statuses
    };
    let second = simulator.fault(When::events().of(&production()).nth(2), Fault::status(500));
    assert_eq!(statuses(3, EVENTS).await, [200, 500, 200]);
    assert_eq!(simulator.struck(second), 1);
    simulator.clear_faults();
    simulator.fault(When::any().next(2), Fault::status(500));
    assert_eq!(statuses(3, EVENTS).await, [500, 500, 200]);
    simulator.clear_faults();
    simulator.fault(When::events().every(2), Fault::status(500));
    assert_eq!(statuses(4, EVENTS).await, [200, 500, 200, 500]);
    simulator.clear_faults();
    simulator.fault(When::events().later_page(), Fault::status(500));
    assert_eq!(statuses(1, EVENTS).await, [200]);
    assert_eq!(statuses(1, &format!("{EVENTS}?before=2025-01-01")).await, [500]);
    assert_eq!(
        statuses(1, "/acme/test/tenantaudit_/api/query/events").await,
        [200]
    );
    simulator.clear_faults();
    simulator.fault(When::events().chance(0.5, 3), Fault::status(500));
    let struck = statuses(100, EVENTS)
        .await
        .iter()
        .filter(|&&status| status == 500)
        .count();
    assert!((30..70).contains(&struck), "{struck}");
}

#[tokio::test]
async fn redirects_dates_and_forgotten_tokens() {
    let (_simulator, got) = under(Fault::Redirect(307, "http://evil.example/".into())).await;
    let got = got.unwrap();
    assert_eq!(
        (got.status, got.headers["location"].as_str()),
        (307, "http://evil.example/")
    );
    let date = |fault| async { under(fault).await.1.unwrap().headers.get("date").cloned() };
    assert_eq!(date(Fault::Date(DateFault::Missing)).await, None);
    assert_eq!(
        date(Fault::Date(DateFault::Skewed(-60))).await.unwrap(),
        "Mon, 24 Mar 2025 11:59:00 GMT"
    );
    let (simulator, _) = under(Fault::ForgetTokens).await;
    assert_eq!(
        get(&simulator, EVENTS).await.unwrap().status,
        200,
        "a static token is not forgotten"
    );
    simulator.fault(When::token(), Fault::token_refused(401, "invalid_client"));
    let refused = send(&simulator, "POST /identity_/connect/token HTTP/1.1", "")
        .await
        .unwrap();
    assert_eq!(refused.body, br#"{"error":"invalid_client"}"#);
}

#[tokio::test]
async fn a_rate_limit_refuses_what_is_too_fast() {
    let simulator = acme(Switches::default(), 10).await;
    simulator.rate_limit(0.01, 3);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(get(&simulator, EVENTS).await.unwrap());
    }
    assert_eq!(
        statuses.iter().map(|got| got.status).collect::<Vec<_>>(),
        [200, 200, 200, 429]
    );
    assert!(statuses[3].headers["retry-after"].parse::<u64>().unwrap() > 50);
    simulator.no_rate_limit();
    assert_eq!(walk(&simulator, EVENTS).await.len(), 10);
    assert_eq!(simulator.max_concurrent_seen(), 1);
}

#[tokio::test]
async fn limits_of_each_kind_refuse_and_say_when_to_come_back() {
    let simulator = acme(Switches::default(), 10).await;
    let long = Duration::from_secs(100);
    for (limit, come_back, told) in [
        (RateLimit::Bucket(0.01, 2), ComeBack::Fraction, Some(99.0..100.1)),
        (RateLimit::Window(2, long), ComeBack::Seconds, Some(99.0..101.5)),
        (RateLimit::Sliding(2, long), ComeBack::Fraction, Some(99.0..100.1)),
        (RateLimit::Sliding(2, long), ComeBack::Untold, None),
    ] {
        simulator.limit(limit, come_back);
        for _ in 0..2 {
            assert_eq!(get(&simulator, EVENTS).await.unwrap().status, 200);
        }
        let refused = get(&simulator, EVENTS).await.unwrap();
        assert_eq!(refused.status, 429, "{limit:?}");
        let header = refused.headers.get("retry-after");
        let seconds = header.map(|value| value.parse::<f64>().unwrap());
        assert_eq!(seconds.is_some(), told.is_some(), "{limit:?}");
        assert!(
            seconds.is_none_or(|seconds| told.unwrap().contains(&seconds)),
            "{limit:?}: {seconds:?}"
        );
    }
    simulator.limit(RateLimit::AtOnce(1), ComeBack::Seconds);
    simulator.latency(Duration::from_millis(100));
    let (one, other) = tokio::join!(get(&simulator, EVENTS), get(&simulator, EVENTS));
    let mut statuses = [one, other].map(|got| got.unwrap().status);
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 429]);
    assert_eq!(get(&simulator, EVENTS).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_fault_strikes_spans_by_where_they_begin() {
    let simulator = acme(Switches::default(), 100).await;
    let begin = simulator.clock().now() - chrono::TimeDelta::hours(1);
    let fault = simulator.fault(When::events().from(begin), Fault::status(403));
    for (from, status) in [(-1, 200), (0, 403), (1, 403)] {
        let from = (begin + chrono::TimeDelta::seconds(from)).format("%Y-%m-%dT%H:%M:%SZ");
        let got = get(&simulator, &format!("{EVENTS}?from={from}")).await;
        assert_eq!(got.unwrap().status, status, "{from}");
    }
    assert_eq!(get(&simulator, EVENTS).await.unwrap().status, 200);
    assert_eq!(simulator.struck(fault), 2);
}
