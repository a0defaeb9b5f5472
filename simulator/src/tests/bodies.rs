//! How replies are spelled.

use std::io::Read;

use super::client::{Got, get, page, send, walk};
use super::{EVENTS, acme, noon, production};
use crate::*;

async fn first_page(turn: impl FnOnce(&mut Switches)) -> Got {
    let mut switches = Switches::default();
    turn(&mut switches);
    get(&acme(switches, 30).await, &format!("{EVENTS}?maxCount=10"))
        .await
        .unwrap()
}

async fn starts(start: &str, turn: impl FnOnce(&mut Switches)) {
    let got = first_page(turn).await;
    let text = String::from_utf8_lossy(&got.body).into_owned();
    assert!(text.starts_with(start), "{}", &text[..200]);
}

#[tokio::test]
async fn layouts_and_order_of_members() {
    starts("{\"auditEvents\":[{\"id\":\"", |_| {}).await;
    starts("\u{feff}{\"auditEvents\":", |s| s.bodies.bom = true).await;
    starts("{\"AuditEvents\":[{\"Id\":\"", |s| {
        s.bodies.casing = Casing::Pascal
    })
    .await;
    starts("{\"auditEvents\": [{\"id\": \"", |s| {
        s.bodies.layout = Layout::Spaced
    })
    .await;
    starts("{\r\n  \"auditEvents\": [\r\n    {\r\n      \"id\": \"", |s| {
        s.bodies.layout = Layout::CrLf
    })
    .await;
    starts("{\n    \"auditEvents\": [\n        {\n            \"id\"", |s| {
        s.bodies.layout = Layout::FourSpaces
    })
    .await;
    starts("{\"next\":null,\"previous\":\"/acme", |s| {
        s.bodies.members = MemberOrder::EventsLast
    })
    .await;
    starts("{\"previous\":\"/acme", |s| {
        s.bodies.members = MemberOrder::EventsBetween
    })
    .await;
    starts("{\"links\":[{\"auditEvents\"", |s| s.bodies.extra_members = true).await;
}

#[tokio::test]
async fn an_event_of_an_indented_page_keeps_its_spaces_and_loses_its_line_breaks() {
    let mut switches = Switches::default();
    switches.bodies.layout = Layout::CrLf;
    let simulator = acme(switches, 3).await;
    let told = walk(&simulator, EVENTS).await;
    assert!(told[0].starts_with(b"{      \"id\": \"") && told[0].ends_with(b"    }"));
    assert_eq!(simulator.truth(&production())[2].raw, told[0]);
}

#[tokio::test]
async fn the_end_is_marked_in_three_ways() {
    for (end, tail) in [
        (EndMarker::Null, &br#"],"next":null,"previous":null}"#[..]),
        (EndMarker::Absent, b"}]}"),
        (EndMarker::Empty, br#"],"next":"","previous":""}"#),
    ] {
        let mut switches = Switches::default();
        switches.links.end = end;
        assert!(
            get(&acme(switches, 1).await, EVENTS)
                .await
                .unwrap()
                .body
                .ends_with(tail)
        );
    }
}

#[tokio::test]
async fn gzip_is_for_those_who_accept_it() {
    let mut switches = Switches::default();
    switches.bodies.gzip = true;
    let simulator = acme(switches, 30).await;
    let plain = get(&simulator, EVENTS).await.unwrap();
    let head = format!("GET {EVENTS} HTTP/1.1\r\nAuthorization: Bearer pat\r\nAccept-Encoding: gzip");
    let packed = send(&simulator, &head, "").await.unwrap();
    assert_eq!(packed.headers["content-encoding"], "gzip");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(packed.body.as_slice())
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, plain.body);
}

#[tokio::test]
async fn framing_and_content_type() {
    let chunked = first_page(|s| s.bodies.framing = Framing::Chunked).await;
    assert!(chunked.whole && chunked.headers["transfer-encoding"] == "chunked");
    let none = first_page(|s| s.bodies.content_type = ContentType::Missing).await;
    assert!(!none.headers.contains_key("content-type") && none.headers.contains_key("date"));
}

#[tokio::test]
async fn links_take_the_form_of_their_switches() {
    let link = |turn: fn(&mut Switches)| async move { page(&first_page(turn).await.body).previous.unwrap() };
    assert!(
        link(|s| s.links.form = LinkForm::Absolute)
            .await
            .starts_with("http://127.0.0.1:")
    );
    assert!(
        link(|s| s.links.form = LinkForm::QueryOnly)
            .await
            .starts_with("?to=")
    );
    assert!(
        link(|s| s.links.form = LinkForm::PathRelative)
            .await
            .starts_with("events?to=")
    );
    assert!(
        link(|s| s.links.shape = LinkShape::Opaque)
            .await
            .starts_with(&format!("{EVENTS}?cursor="))
    );
    assert!(
        link(|s| s.links.path_case = PathCase::Upper)
            .await
            .contains("/api/Query/events?")
    );
    assert!(!link(|s| s.links.naming = LinkNaming::Guid).await.contains("acme"));
    assert!(
        link(|s| s.links.to = CarryTo::Forgotten)
            .await
            .contains("events?before=")
    );
    assert!(
        link(|s| s.links.times = LinkTime::Plain)
            .await
            .contains("?to=2025-03-24T12:00:00.0000000Z&")
    );
    assert!(
        link(|s| s.links.times = LinkTime::Offset)
            .await
            .contains("%2B00%3A00&")
    );
}

#[tokio::test]
async fn a_link_may_age_or_belong_to_a_token() {
    let mut switches = Switches::default();
    switches.links.life = Some(60);
    switches.links.bound_to_token = true;
    let simulator = acme(switches, 30).await;
    simulator.set_static_tokens(&["pat", "other"]);
    let first = page(
        &get(&simulator, &format!("{EVENTS}?maxCount=10"))
            .await
            .unwrap()
            .body,
    );
    let link = first.previous.unwrap();
    let stolen = send(
        &simulator,
        &format!("GET {link} HTTP/1.1\r\nAuthorization: Bearer other"),
        "",
    )
    .await;
    assert_eq!(stolen.unwrap().status, 400);
    assert_eq!(get(&simulator, &link).await.unwrap().status, 200);
    simulator.clock().advance(chrono::TimeDelta::seconds(61));
    assert_eq!(get(&simulator, &link).await.unwrap().status, 400);
}

#[tokio::test]
async fn odd_values_are_told_as_the_switches_say() {
    let told = async |turn: fn(&mut Switches)| {
        let mut switches = Switches::default();
        turn(&mut switches);
        let simulator = acme(switches, 100).await;
        String::from_utf8(walk(&simulator, EVENTS).await.join(&b'\n')).unwrap()
    };
    assert!(
        told(|s| s.records.odd = [Odd::LoneSurrogates].into())
            .await
            .contains(r#""broken \ud83d name""#)
    );
    assert!(
        told(|s| s.records.odd = [Odd::HugeNumbers].into())
            .await
            .contains(r#""weight":1e400"#)
    );
    assert!(
        told(|s| s.records.ids = Ids::Null)
            .await
            .contains(r#"{"id":null,"#)
    );
    assert!(
        told(|s| s.records.ids = Ids::Missing)
            .await
            .contains(r#"{"createdOn":"#)
    );
    assert!(
        told(|s| s.records.created_on = CreatedOn::YearOne)
            .await
            .contains("0001-01-01")
    );
    assert!(
        told(|s| s.records.client_info = ClientInfo::Text)
            .await
            .contains(r#""clientInfo":"{\"ip"#)
    );
    assert!(told(|s| s.records.zone = Zone::East).await.contains("+05:30\""));
    assert!(
        !told(|s| s.records.fraction = Fraction::Digits(0))
            .await
            .contains("createdOn\":\"2025-03-24T11:00:00.")
    );
    let doubled = told(|s| s.records.ids = Ids::Duplicate).await;
    let ids: std::collections::BTreeSet<&str> = doubled.lines().map(|line| &line[..46]).collect();
    assert!(ids.len() < 100);
}

#[tokio::test]
async fn a_server_may_know_times_finer_than_it_tells() {
    let mut switches = Switches::default();
    switches.records.precision = Precision::Finer;
    let simulator = acme(switches, 0).await;
    simulator.push(
        &production(),
        NewEvent::at(noon() - chrono::TimeDelta::microseconds(500)),
    );
    let truth = simulator.truth(&production());
    assert_eq!(truth[0].created_on.as_deref(), Some("2025-03-24T11:59:59.999Z"));
    assert_eq!(truth[0].instant, noon() - chrono::TimeDelta::microseconds(500));
    assert!(
        walk(&simulator, &format!("{EVENTS}?to=2025-03-24T11:59:59.999Z"))
            .await
            .is_empty()
    );
}
