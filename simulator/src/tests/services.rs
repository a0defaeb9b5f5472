//! The simulator as a service for people.

use std::time::Duration;

use tokio::time::{sleep, timeout};

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
