//! How long to wait for what.

use std::time::Duration;

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// Between two chunks of a body.
    pub idle: Duration,
    /// For the body of a refusal.
    pub refusal: Duration,
    /// For one whole exchange: ends bodies that drip, or never end.
    pub whole: Duration,
    /// For the first byte of a download: a heavy day is put together before it is sent.
    pub download_first: Duration,
    /// For one whole download.
    pub download: Duration,
}

impl Patience {
    /// For requests with a budget of `retry_for`: a server that stays silent once leaves time for another try.
    #[must_use]
    pub fn of(retry_for: Duration) -> Self {
        let whole = (retry_for / 2).clamp(Duration::from_secs(10), Duration::from_secs(60));
        Self {
            connect: Duration::from_secs(10),
            idle: whole,
            refusal: Duration::from_secs(5),
            whole,
            download_first: Duration::from_secs(5 * 60),
            download: Duration::from_secs(30 * 60),
        }
    }
}
