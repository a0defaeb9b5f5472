//! How much of what a server allows is used, and how much of it has to be refused: hours, in paused time.
//!
//! The figures of the promise (95 % used, under 2 % refused) need some time to learn in: a quarter of an hour, or 3000
//! requests where those take longer, or five minutes where they are soon made. What is refused while learning is 10 to 40 requests, which are much of the first
//! minute. `cargo test figures -- --nocapture` prints the table.

use super::{
    servers::{
        Kind::{self, *},
        Server,
        Told::{self, *},
        read,
    },
    *,
};

/// 16 requests at once.
pub(super) fn usual() -> Limiter {
    Limiter::new(16, 0.0, SECOND * 30)
}

/// A server, what it allows in a second, the latency in milliseconds, and what a refusal says.
type Row = (Kind, f64, u64, Told);

/// Reads for as long as the promise needs; prints and gives the share used and the share refused.
async fn figures((kind, per_second, latency_ms, told): Row) -> (f64, f64) {
    let server = Server::new(kind, per_second, told, latency_ms);
    let whole = match per_second {
        ..2.0 => 3000,
        ..100.0 => 900,
        _ => 300,
    };
    read(&usual(), &server, 32, whole).await;
    let shown = |to| {
        let (used, refused) = server.figures(0, to);
        format!("{:7.1} %{:6.2} %", used * 100.0, refused * 100.0)
    };
    let name = format!("{kind:?} {per_second}/s, {latency_ms} ms, {told:?}");
    println!("{name:42}{}{}{}{:6} s", shown(10), shown(60), shown(whole), whole);
    server.figures(0, whole)
}

async fn assert_figures(rows: impl IntoIterator<Item = Row>, least: f64, most: f64) {
    println!(
        "{:42}{:>17}{:>17}{:>17}",
        "used, refused", "10 s", "60 s", "whole"
    );
    let mut missed = Vec::new();
    for row in rows {
        let (used, refused) = figures(row).await;
        if used < least || refused >= most {
            missed.push((row, used, refused));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[tokio::test(start_paused = true)]
async fn buckets_are_used_and_little_of_that_refused() {
    let rows = [
        (Bucket(1.0), 1.0, 50, Seconds),
        (Bucket(4.0), 1.0, 50, Generously),
        (Bucket(1.0), 5.0, 50, Seconds),
        (Bucket(20.0), 5.0, 1, Nothing),
        (Bucket(1.0), 20.0, 1, Seconds),
        (Bucket(1.0), 20.0, 50, Nothing),
        (Bucket(20.0), 20.0, 1, Zero),
        (Bucket(20.0), 20.0, 50, Generously),
        (Bucket(20.0), 20.0, 500, Exactly),
        (Bucket(80.0), 20.0, 50, Seconds),
        (Bucket(80.0), 20.0, 1, Nothing),
        (Bucket(200.0), 200.0, 50, Seconds),
        (Bucket(800.0), 200.0, 1, Nothing),
    ];
    assert_figures(rows, 0.95, 0.02).await;
}

#[tokio::test(start_paused = true)]
async fn windows_are_used_and_little_of_that_refused() {
    let rows = [
        (Fixed(1.0), 1.0, 1, Seconds),
        (Fixed(60.0), 1.0, 50, Seconds),
        (Sliding(10.0), 1.0, 50, Seconds),
        (Fixed(1.0), 5.0, 50, Nothing),
        (Sliding(10.0), 5.0, 5, Nothing),
        (Sliding(20.0), 5.0, 50, Nothing),
        (Sliding(60.0), 5.0, 50, Generously),
        (Fixed(1.0), 20.0, 50, Seconds),
        (Fixed(10.0), 20.0, 50, Exactly),
        (Fixed(10.0), 20.0, 1, Nothing),
        (Fixed(60.0), 20.0, 1, Seconds),
        (Fixed(60.0), 20.0, 50, Seconds),
        (Fixed(60.0), 20.0, 50, Nothing),
        (Sliding(1.0), 20.0, 50, Seconds),
        (Sliding(10.0), 20.0, 50, Seconds),
        (Sliding(60.0), 20.0, 50, Seconds),
        (Fixed(1.0), 200.0, 50, Seconds),
        (Fixed(60.0), 200.0, 50, Seconds),
    ];
    assert_figures(rows, 0.95, 0.02).await;
}

/// What the promise leaves out, and why. Where nothing is saved up, no request may come early, but on a way of half a second
/// they do. A minute without `Retry-After` does not tell when it is over. Of a strict 200 a second, timers that know
/// milliseconds miss some. Over two seconds there and back, learning takes longer.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_kept_to_is_kept_to_nearly() {
    let rows = [
        (Sliding(1.0), 1.0, 500, Seconds),
        (Bucket(5.0), 5.0, 2000, Seconds),
        (Fixed(60.0), 1.0, 50, Nothing),
        (Sliding(1.0), 5.0, 500, Seconds),
        (Sliding(60.0), 5.0, 500, Nothing),
        (Sliding(1.0), 20.0, 500, Seconds),
        (Sliding(60.0), 20.0, 500, Nothing),
        (Bucket(1.0), 200.0, 1, Seconds),
    ];
    assert_figures(rows, 0.8, 0.03).await;
}

/// Of what 8 at once come to at 100 ms each.
#[tokio::test(start_paused = true)]
async fn a_server_that_counts_requests_at_once_is_used_mostly_and_refuses_little() {
    let rows = [
        (AtOnce(8), 80.0, 100, Nothing),
        (AtOnce(8), 80.0, 100, Seconds),
        (AtOnce(2), 20.0, 100, Seconds),
    ];
    assert_figures(rows, 0.6, 0.02).await;
}
