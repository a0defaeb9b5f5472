//! Exclusion rules, and how far back the live endpoints look.

use chrono::TimeDelta;

use super::client::{get, page, walk};
use super::{EVENTS, acme, noon, production};
use crate::json::{member, text};
use crate::*;

const RULES: &str = "/acme/orgaudit_/api/EventConfig/rules";

#[tokio::test]
async fn rules_are_listed_with_who_made_them_and_when() {
    let simulator = acme(Switches::default(), 0).await;
    assert_eq!(get(&simulator, RULES).await.unwrap().body, b"[]");
    let rule = ExclusionRule {
        tenant: Some("production".to_owned()),
        target: Some("Job".to_owned()),
        status: Some(0),
        ..ExclusionRule::source("Orchestrator", noon())
    };
    simulator.set_rules("acme", vec![rule, ExclusionRule::source("Identity", noon())]);
    let body = get(&simulator, RULES).await.unwrap().body;
    let list = text_of(&body);
    let sources = get(&simulator, "/acme/production/tenantaudit_/api/query/sources").await;
    let sources = text_of(&sources.unwrap().body);
    let first = &list[1..list.find("},{").unwrap() + 1];
    let told = |name| member(first.as_bytes(), name).and_then(text).unwrap();
    assert_eq!(told("tenantId"), simulator.tenant_id("acme", "production"));
    assert!(sources.contains(&told("sourceId")) && sources.contains(&told("targetId")));
    assert_eq!(member(first.as_bytes(), "typeId"), Some(&b"null"[..]));
    assert_eq!(member(first.as_bytes(), "status"), Some(&b"0"[..]));
    assert_eq!(
        (told("createdBy").as_str(), told("createdOn").as_str()),
        ("ada@example.com", "2025-03-24T12:00:00.000Z")
    );
    simulator.turn(|switches| switches.rules.wrapped = true);
    assert_eq!(
        text_of(&get(&simulator, RULES).await.unwrap().body),
        format!("{{\"totalCount\":2,\"rules\":{list}}}")
    );
    simulator.turn(|switches| switches.rules.rolled_out = false);
    let got = get(&simulator, RULES).await.unwrap();
    assert_eq!(got.status, 404);
    assert!(member(&got.body, "code").is_some());
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn excluded_events_are_not_recorded() {
    let simulator = acme(Switches::default(), 100).await;
    let is_ours = |event: &&TruthEvent| member(&event.raw, "eventSource") == Some(b"\"Orchestrator\"");
    let ours = || {
        let truth = simulator.truth(&production());
        (truth.iter().filter(is_ours).count(), truth.len())
    };
    let (before, _) = ours();
    assert!(before > 10);
    simulator.set_rules("acme", vec![ExclusionRule::source("Orchestrator", noon())]);
    let login = NewEvent::at(noon());
    simulator.push(
        &production(),
        login.clone().what("Orchestrator", "Job", "Job started"),
    );
    let pushed = simulator.push(&production(), login);
    assert_eq!((ours(), pushed), ((before, 101), 100));
    simulator.generate(&production(), 2, 100, noon() - TimeDelta::days(1), noon());
    let (after, all) = ours();
    assert_eq!(after, before, "what was recorded stays, nothing comes");
    assert!((110..200).contains(&all), "{all}");
    let numbers: std::collections::BTreeSet<_> = simulator
        .truth(&production())
        .iter()
        .map(|event| event.index)
        .collect();
    assert_eq!(numbers.len(), all, "each event has a number of its own");
    assert_eq!(walk(&simulator, EVENTS).await.len(), all);
}

#[tokio::test]
async fn a_rule_of_another_tenant_or_status_excludes_nothing_here() {
    let simulator = acme(Switches::default(), 0).await;
    let failures = ExclusionRule {
        status: Some(1),
        ..ExclusionRule::source("Identity", noon())
    };
    let elsewhere = ExclusionRule {
        tenant: Some("test".to_owned()),
        ..ExclusionRule::source("Identity", noon())
    };
    simulator.set_rules("acme", vec![failures, elsewhere]);
    simulator.push(&production(), NewEvent::at(noon()));
    simulator.push(&production(), NewEvent::at(noon()).status(1));
    simulator.push(&StreamId::tenant("acme", "test"), NewEvent::at(noon()));
    assert_eq!(simulator.count(&production()), 1);
    assert_eq!(simulator.count(&StreamId::tenant("acme", "test")), 0);
}

#[tokio::test]
async fn live_endpoints_look_back_90_days_and_the_long_term_store_further() {
    let simulator = acme(Switches::default(), 0).await;
    for days in [5, 89, 91, 300] {
        simulator.push(&production(), NewEvent::at(noon() - TimeDelta::days(days)));
    }
    let far = format!("{EVENTS}?from=2024-01-01");
    assert_eq!(walk(&simulator, &far).await.len(), 4);
    simulator.turn(|switches| switches.pages.look_back = Some(90));
    assert_eq!(walk(&simulator, &far).await.len(), 2);
    let visible = |truth: Vec<TruthEvent>| truth.iter().filter(|event| event.visible).count();
    assert_eq!(visible(simulator.truth(&production())), 2);
    assert_eq!(visible(simulator.long_term_truth(&production())), 4);
    simulator.turn(|switches| switches.pages.too_old = TooOld::Refused);
    assert_eq!(get(&simulator, &far).await.unwrap().status, 400);
    let near = get(&simulator, &format!("{EVENTS}?from=2024-12-25"))
        .await
        .unwrap();
    assert_eq!(page(&near.body).events.len(), 2);
    simulator.clock().advance(TimeDelta::days(2));
    assert_eq!(
        walk(&simulator, EVENTS).await.len(),
        1,
        "time moves on, and the end with it"
    );
}
