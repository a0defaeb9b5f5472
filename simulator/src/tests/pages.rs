//! What a single request gets.

use chrono::TimeDelta;

use super::client::{get, page, resolve, walk};
use super::{EVENTS, acme, noon, production};
use crate::{Endpoint, NewEvent, StreamId, Switches, Times};

#[tokio::test]
async fn a_page_holds_10_to_200_events() {
    let simulator = acme(Switches::default(), 450).await;
    for (asked, held) in [
        ("", 200),
        ("?maxCount=1", 10),
        ("?maxCount=37", 37),
        ("?maxCount=10000", 200),
    ] {
        let got = get(&simulator, &format!("{EVENTS}{asked}")).await.unwrap();
        assert_eq!(page(&got.body).events.len(), held, "{asked}");
    }
}

#[tokio::test]
async fn both_bounds_are_included() {
    let simulator = acme(Switches::default(), 0).await;
    for minute in 0..3 {
        simulator.push(
            &production(),
            NewEvent::at(noon() - TimeDelta::minutes(10 - minute)),
        );
    }
    let exact = "?from=2025-03-24T11:50:00Z&to=2025-03-24T11:52:00Z";
    assert_eq!(
        page(&get(&simulator, &format!("{EVENTS}{exact}")).await.unwrap().body)
            .events
            .len(),
        3
    );
    let inside = "?from=2025-03-24T11:50:00.0000001Z&to=2025-03-24T11:51:59.9999999Z";
    assert_eq!(
        page(&get(&simulator, &format!("{EVENTS}{inside}")).await.unwrap().body)
            .events
            .len(),
        1
    );
}

#[tokio::test]
async fn events_of_one_instant_are_told_once_across_pages() {
    let mut switches = Switches::default();
    switches.records.times = Times::OneInstant;
    let simulator = acme(switches, 333).await;
    let told = walk(&simulator, &format!("{EVENTS}?maxCount=10")).await;
    assert_eq!(told.len(), 333);
    assert_eq!(simulator.request_count(), 34);
}

#[tokio::test]
async fn next_leads_back_to_newer_events() {
    let simulator = acme(Switches::default(), 50).await;
    let first = page(
        &get(&simulator, &format!("{EVENTS}?maxCount=20"))
            .await
            .unwrap()
            .body,
    );
    assert_eq!(first.next, None);
    let target = resolve(&simulator, EVENTS, &first.previous.unwrap());
    let second = page(&get(&simulator, &target).await.unwrap().body);
    let target = resolve(&simulator, EVENTS, &second.next.unwrap());
    let again = page(&get(&simulator, &target).await.unwrap().body);
    assert_eq!(again.events, first.events);
    assert_eq!(again.next, None);
}

#[tokio::test]
async fn a_link_has_the_form_of_the_published_sample() {
    let simulator = acme(Switches::default(), 50).await;
    let first = page(
        &get(&simulator, &format!("{EVENTS}?from=2025-01-01&maxCount=20"))
            .await
            .unwrap()
            .body,
    );
    let link = first.previous.unwrap();
    assert!(
        link.starts_with(&format!("{EVENTS}?to=2025-03-24T12%3A00%3A00.0000000Z&before=")),
        "{link}"
    );
    let url = url::Url::parse("http://x").unwrap().join(&link).unwrap();
    let names: Vec<_> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(names, ["to", "before", "beforeId", "maxCount", "qw"]);
}

#[tokio::test]
async fn places_go_by_name_or_guid_in_any_case() {
    let simulator = acme(Switches::default(), 12).await;
    let (acme, production) = (
        simulator.organization_id("acme"),
        simulator.tenant_id("acme", "production"),
    );
    for (path, status, endpoint) in [
        (
            "/ACME/Production/TenantAudit_/Api/Query/Events".to_owned(),
            200,
            Endpoint::Events,
        ),
        (
            format!("/{acme}/{production}/tenantaudit_/api/query/events"),
            200,
            Endpoint::Events,
        ),
        (
            format!("/{acme}/orgaudit_/api/query/sources"),
            200,
            Endpoint::Sources,
        ),
        (
            "/acme/nowhere/tenantaudit_/api/query/events".to_owned(),
            404,
            Endpoint::Events,
        ),
        (
            "/nobody/orgaudit_/api/query/events".to_owned(),
            404,
            Endpoint::Events,
        ),
        ("/acme/orgaudit_/api/query/other".to_owned(), 404, Endpoint::Other),
    ] {
        assert_eq!(get(&simulator, &path).await.unwrap().status, status, "{path}");
        assert_eq!(simulator.requests().last().unwrap().endpoint, endpoint);
    }
}

#[tokio::test]
async fn streams_are_disjoint_and_organization_events_have_no_tenant() {
    let simulator = acme(Switches::default(), 12).await;
    let organization = StreamId::organization("acme");
    simulator.generate(&organization, 2, 10, noon() - TimeDelta::hours(1), noon());
    let told = walk(&simulator, "/acme/orgaudit_/api/query/events").await;
    assert_eq!(told.len(), 10);
    assert!(
        told.iter()
            .all(|event| !String::from_utf8_lossy(event).contains("tenantId"))
    );
    let [a, b] =
        ["/acme/orgaudit_", "/acme/production/tenantaudit_"].map(|base| format!("{base}/api/query/sources"));
    assert_ne!(
        get(&simulator, &a).await.unwrap().body,
        get(&simulator, &b).await.unwrap().body
    );
}

#[tokio::test]
async fn filters_go_by_the_guids_of_the_sources() {
    let simulator = acme(Switches::default(), 200).await;
    let sources = get(&simulator, "/acme/production/tenantaudit_/api/query/sources")
        .await
        .unwrap()
        .body;
    let sources: serde_json::Value = serde_json::from_slice(&sources).unwrap();
    let job = &sources[0]["eventTargets"][0];
    assert_eq!(
        (&sources[0]["name"], &job["name"]),
        (&"Orchestrator".into(), &"Job".into())
    );
    let of = |filter: &str, id: &serde_json::Value| {
        format!("{EVENTS}?maxCount=10&{filter}={}", id.as_str().unwrap())
    };
    let jobs = walk(&simulator, &of("target", &job["id"])).await;
    let truth = simulator.truth(&production());
    let is_job = |raw: &[u8]| String::from_utf8_lossy(raw).contains(r#""eventTarget":"Job""#);
    assert_eq!(
        jobs.len(),
        truth.iter().filter(|event| is_job(&event.raw)).count()
    );
    assert!(jobs.len() > 10 && jobs.iter().all(|event| is_job(event)));
    assert!(walk(&simulator, &of("source", &job["id"])).await.is_empty());
}

#[tokio::test]
async fn an_unreadable_query_is_refused() {
    let simulator = acme(Switches::default(), 1).await;
    for query in [
        "from=yesterday",
        "maxCount=many",
        "to=2025-03-24T12:00:00+00:00",
        "qw=zz",
    ] {
        assert_eq!(
            get(&simulator, &format!("{EVENTS}?{query}"))
                .await
                .unwrap()
                .status,
            400,
            "{query}"
        );
    }
}
