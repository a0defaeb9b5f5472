//! A real exporter over HTTP, and servers that refuse what is too much: nothing is lost, and little has to be refused.
//!
//! These runs are short, so that much of what is refused is for learning; for the figures of longer ones, see
//! `limiter::tests::figures`.

use std::time::{Duration, Instant};

use futures::future::join_all;
use uipath_audit_simulator::{ComeBack, Endpoint, RateLimit};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);
/// Requests in a second that the servers allow: fewer than one reader asks for.
const ALLOWED: u32 = 25;

/// A first export of 40,000 events: requests that were answered, others, seconds.
async fn first_export(limit: RateLimit, come_back: ComeBack) -> (f64, f64, f64) {
    let mut world = World::new().await;
    world.happen(1, 40_000, 60);
    world.settings.archive.max_events = 1000;
    for connection in world.settings.connections.values_mut() {
        connection.max_concurrent_requests = 16;
        connection.retry_for = SECOND * 30;
    }
    world.simulator.latency(Duration::from_millis(5));
    world.simulator.limit(limit, come_back);
    let begun = Instant::now();
    world.once().await.unwrap();
    let took = begun.elapsed().as_secs_f64();
    world.assert_archive_equals_truth().await;
    let requests = world.simulator.requests();
    let tokens = requests.iter().filter(|seen| seen.endpoint == Endpoint::Token);
    assert_eq!(tokens.count(), 1, "one token for all");
    let refused = requests.iter().filter(|seen| seen.status == Some(429)).count();
    ((requests.len() - refused) as f64, refused as f64, took)
}

#[tokio::test]
async fn whatever_a_server_counts_by_nothing_is_lost_and_what_it_allows_is_used() {
    // And the least share of `ALLOWED` that is used, learning included, by a machine that is busy; an idle one comes to
    // a quarter more. Where a server saves nothing up it may not come to half: see `limiter::tests::figures`.
    let limits = [
        (RateLimit::Bucket(f64::from(ALLOWED), 5), ComeBack::Fraction, 0.6),
        (
            RateLimit::Bucket(f64::from(ALLOWED), ALLOWED),
            ComeBack::Seconds,
            0.65,
        ),
        (RateLimit::Window(ALLOWED, SECOND), ComeBack::Untold, 0.45),
        (RateLimit::Window(ALLOWED, SECOND), ComeBack::Seconds, 0.4),
        (RateLimit::Sliding(ALLOWED, SECOND), ComeBack::Fraction, 0.45),
        (RateLimit::AtOnce(3), ComeBack::Untold, 1.0),
    ];
    let runs = limits.map(|(limit, come_back, least)| async move {
        let (answered, refused, took) = first_export(limit, come_back).await;
        let share = refused / (answered + refused);
        let used = answered / (f64::from(ALLOWED) * took);
        println!(
            "{limit:?}, {come_back:?}: {answered} answered in {took:.1} s, {:.0} % used, {:.1} % refused",
            used * 100.0,
            share * 100.0
        );
        assert!(
            share < 0.1,
            "{limit:?}, {come_back:?}: {refused} of {answered} were refused"
        );
        assert!(used > least, "{limit:?}, {come_back:?}: {answered} in {took} s");
    });
    join_all(runs).await;
}

/// Who rations the requests.
#[derive(Clone, Copy, Debug)]
enum Rationed {
    Nobody,
    Us,
    Server,
}

/// How many requests a first export of 200 pages takes.
async fn requests_for_200_pages(rationed: Rationed) -> usize {
    let mut world = World::new().await;
    world.happen(2, 40_000, 89);
    match rationed {
        Rationed::Nobody => {}
        Rationed::Us => {
            for connection in world.settings.connections.values_mut() {
                connection.max_requests_per_second = 200.0;
            }
        }
        Rationed::Server => world.simulator.rate_limit(50.0, 10),
    }
    world.once().await.unwrap();
    world.assert_archive_equals_truth().await;
    let requests = world.simulator.requests();
    requests.iter().filter(|seen| seen.status == Some(200)).count()
}

#[tokio::test]
async fn where_requests_are_rationed_few_bring_less_than_a_page() {
    let runs = [Rationed::Nobody, Rationed::Us, Rationed::Server].map(requests_for_200_pages);
    let [freely, by_us, by_server] = join_all(runs).await.try_into().unwrap();
    println!("requests for 200 pages: {freely}; rationed by us {by_us}, by the server {by_server}");
    assert!(by_us < 220, "{by_us}");
    // That a server rations is learned on the way.
    assert!(by_server < 240, "{by_server}");
    assert!(
        by_us < freely && by_server < freely,
        "{by_us}, {by_server} of {freely}"
    );
}
