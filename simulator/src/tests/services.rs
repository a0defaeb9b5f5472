//! The simulator as a service for people.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::client::{get, send};
use crate::{ServeOptions, Service, StreamId};

#[tokio::test]
async fn a_service_has_history_and_makes_news() {
    let options = ServeOptions {
        events: 1000,
        events_per_second: 200.0,
        ..ServeOptions::default()
    };
    let service = Service::start(options).await.unwrap();
    let simulator = service.simulator();
    let streams = [
        StreamId::organization("acme"),
        StreamId::tenant("acme", "production"),
        StreamId::tenant("acme", "test"),
        StreamId::classic("acme"),
    ];
    assert!(streams.iter().all(|stream| simulator.count(stream) > 0));
    let count = || {
        streams
            .iter()
            .map(|stream| simulator.count(stream))
            .sum::<usize>()
    };
    assert_eq!(count(), 1000);
    assert_eq!(service.description.url, simulator.url());
    let news = async {
        while count() < 1005 {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(20), async {
        tokio::select! {
            () = service.run() => {}
            () = news => {}
        }
    })
    .await
    .expect("news within 20 seconds");
}

#[tokio::test]
async fn a_service_of_one_tenant_has_its_events_there_alone_within_the_span() {
    let [since, until] = ["2025-03-01T00:00:00Z", "2025-03-02T00:00:00Z"].map(|time| time.parse().unwrap());
    let options = ServeOptions {
        events: 500,
        tenant: Some("production".to_owned()),
        since: Some(since),
        until: Some(until),
        event_bytes: 1200,
        ..ServeOptions::default()
    };
    let service = Service::start(options).await.unwrap();
    let truth = service.simulator().truth(&StreamId::tenant("acme", "production"));
    assert_eq!(truth.len(), 500);
    assert!(truth.iter().all(|event| (since..=until).contains(&event.instant)));
    assert!(truth.iter().all(|event| event.raw.len() >= 1200));
    assert_eq!(service.simulator().count(&StreamId::organization("acme")), 0);
    assert_eq!(
        (service.description.since, service.description.until),
        (since, until)
    );
}

#[tokio::test]
async fn a_service_tells_how_many_requests_it_answered_and_refused() {
    let options = ServeOptions {
        events: 10,
        limit: Some((0.001, 3)),
        ..ServeOptions::default()
    };
    let service = Service::start(options).await.unwrap();
    let simulator = service.simulator();
    for _ in 0..5 {
        get(&simulator, "/nowhere").await.unwrap();
    }
    let told = get(&simulator, "/_simulator/requests").await.unwrap();
    let told: serde_json::Value = serde_json::from_slice(&told.body).unwrap();
    assert_eq!(told["requests"], 5);
    assert_eq!(told["answered"], serde_json::json!({"404": 3, "429": 2}));
    assert_eq!(told["most_open"], 1);
    assert!(told["first"].as_str() <= told["last"].as_str());
    let begun = send(&simulator, "DELETE /_simulator/requests HTTP/1.1", "")
        .await
        .unwrap();
    assert_eq!(begun.status, 204);
    let told = get(&simulator, "/_simulator/requests").await.unwrap();
    assert!(told.body.starts_with(br#"{"requests":0,"answered":{}"#));
}

#[tokio::test]
async fn a_service_keeps_the_newest_requests_alone_and_counts_all() {
    let service = Service::start(ServeOptions::default()).await.unwrap();
    let simulator = service.simulator();
    simulator.keep_requests(2);
    for path in ["/a", "/b", "/c"] {
        get(&simulator, path).await.unwrap();
    }
    let kept: Vec<_> = simulator
        .requests()
        .into_iter()
        .map(|seen| (seen.path, seen.status))
        .collect();
    assert_eq!(kept, [("/b".to_owned(), Some(404)), ("/c".to_owned(), Some(404))]);
    assert_eq!(simulator.request_count(), 3);
}
