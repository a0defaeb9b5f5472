//! Servers that change their mind, neighbours, and hours in which nobody asks; in paused time.

use futures::future::join;

use super::{
    figures::usual,
    servers::{
        Kind::{self, *},
        Server,
        Told::{self, *},
        read,
    },
    *,
};

/// A server that allows so many in a second, and a limiter that has read from it for so many seconds.
async fn known(kind: Kind, per_second: f64, told: Told, seconds: u64) -> (Server, Limiter) {
    let (server, limiter) = (Server::new(kind, per_second, told, 50), usual());
    read(&limiter, &server, 32, seconds).await;
    (server, limiter)
}

#[tokio::test(start_paused = true)]
async fn half_as_much_is_kept_to_within_a_minute() {
    for (kind, told) in [
        (Bucket(1.0), Seconds),
        (Bucket(20.0), Seconds),
        (Bucket(80.0), Nothing),
        (Fixed(1.0), Seconds),
        (Fixed(60.0), Seconds),
        (Sliding(10.0), Seconds),
    ] {
        let (server, limiter) = known(kind, 20.0, told, 600).await;
        server.allow(10.0);
        read(&limiter, &server, 32, 600).await;
        let (used, refused) = server.figures(660, 1200);
        println!("{kind:?} {told:?}: {used:.3} {refused:.4}");
        assert!(
            used > 0.9 && refused < 0.02,
            "{kind:?} {told:?}: {used} {refused}"
        );
        // While it finds out.
        let (_, refused) = server.figures(600, 660);
        assert!(refused < 0.05, "{kind:?} {told:?}: {refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn four_times_as_much_is_found_within_five_minutes() {
    for (kind, told) in [
        (Bucket(1.0), Seconds),
        (Bucket(20.0), Nothing),
        (Bucket(80.0), Seconds),
        (Fixed(1.0), Seconds),
        (Fixed(60.0), Seconds),
        (Sliding(10.0), Seconds),
    ] {
        let (server, limiter) = known(kind, 20.0, told, 600).await;
        server.allow(80.0);
        read(&limiter, &server, 32, 900).await;
        let (used, refused) = server.figures(900, 1500);
        println!("{kind:?} {told:?}: {used:.3} {refused:.4}");
        assert!(
            used > 0.8 && refused < 0.02,
            "{kind:?} {told:?}: {used} {refused}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_neighbour_that_takes_half_leaves_the_other_half() {
    for (kind, told) in [
        (Bucket(20.0), Seconds),
        (Fixed(1.0), Nothing),
        (Sliding(10.0), Seconds),
    ] {
        let (server, limiter) = known(kind, 20.0, told, 300).await;
        join(read(&limiter, &server, 32, 600), server.neighbour(10.0, 600)).await;
        let (admitted, refused) = server.replies(400, 900);
        println!("{kind:?} {told:?}: {admitted} {refused}");
        assert!(admitted > 0.85 * 10.0 * 500.0, "{kind:?} {told:?}: {admitted}");
        assert!(
            refused < 0.02 * admitted,
            "{kind:?} {told:?}: {refused} of {admitted}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_pass_every_quarter_of_an_hour_is_hardly_refused() {
    for (kind, told) in [
        (Bucket(20.0), Seconds),
        (Bucket(1.0), Seconds),
        (Fixed(60.0), Seconds),
    ] {
        let (server, limiter) = known(kind, 20.0, told, 300).await;
        let (_, learning) = server.replies(0, 300);
        for _ in 0..20 {
            tokio::time::sleep(SECOND * 880).await;
            read(&limiter, &server, 32, 20).await;
        }
        let (admitted, refused) = server.replies(300, 100_000);
        println!("{kind:?} {told:?}: {admitted} {refused}, {learning}");
        assert!(
            admitted > 0.75 * 20.0 * 20.0 * 20.0,
            "{kind:?} {told:?}: {admitted}"
        );
        assert!(
            refused < 0.02 * admitted,
            "{kind:?} {told:?}: {refused} of {admitted}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_learned_does_not_outlive_an_hour_without_use() {
    let (server, limiter) = known(Bucket(20.0), 2.0, Seconds, 300).await;
    assert!(limiter.rate().is_some_and(|rate| rate < 3.0));
    server.allow(100.0);
    tokio::time::sleep(SECOND * 3600).await;
    read(&limiter, &server, 32, 60).await;
    let (used, _) = server.figures(3900, 3960);
    assert!(used > 0.8, "{used}");
}
