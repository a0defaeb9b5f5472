//! The handle of a running simulator: what a test does with it.

mod stores;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::cloud::{Cloud, StreamId};
use crate::event::NewEvent;
use crate::fault::Fault;
use crate::instant;
use crate::limit::{ComeBack, Limit, RateLimit};
use crate::rules;
use crate::script::{FaultId, When};
use crate::seen::Seen;
use crate::server;
use crate::stream::{Appears, EventIndex, Stream};
use crate::switches::Switches;
use crate::truth::TruthEvent;
use crate::world::{World, lock};

/// A running simulator. Dropping it stops it.
///
/// Methods that take a stream which the cloud does not have do nothing and give nothing.
#[derive(Debug)]
pub struct Simulator {
    world: Arc<World>,
    address: SocketAddr,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Simulator {
    /// Starts to serve a cloud on that address; port 0 takes any free one. Needs a tokio runtime.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub async fn start(cloud: Cloud, listen: SocketAddr) -> io::Result<Self> {
        let (listener, address) = server::bind(listen).await?;
        let world = Arc::new(World::new(cloud));
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        tracker.spawn(server::serve(
            listener,
            world.clone(),
            tracker.clone(),
            stop.clone(),
        ));
        Ok(Self {
            world,
            address,
            tracker,
            stop,
        })
    }

    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn local(cloud: Cloud) -> io::Result<Self> {
        Self::start(cloud, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Stops and waits until no task is left.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// `http://127.0.0.1:PORT/`
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The clock it goes by.
    pub fn clock(&self) -> Clock {
        self.world.clock.clone()
    }

    /// GUID of an organization; empty if it is not there.
    pub fn organization_id(&self, name: &str) -> String {
        let homes = [StreamId::organization(name), StreamId::classic(name)];
        let home = homes.iter().find_map(|stream| self.world.home(stream));
        home.map(|home| home.organization.id.clone()).unwrap_or_default()
    }

    /// GUID of a tenant; empty if it is not there.
    pub fn tenant_id(&self, organization: &str, name: &str) -> String {
        let home = self.world.home(&StreamId::tenant(organization, name));
        home.and_then(|home| home.tenant.as_ref())
            .map(|tenant| tenant.id.clone())
            .unwrap_or_default()
    }

    // ---- access ----

    /// Id of the external application.
    pub fn client_id(&self) -> String {
        lock(&self.world.tokens).client_id.clone()
    }

    /// The newest secret of the external application.
    pub fn client_secret(&self) -> String {
        lock(&self.world.tokens)
            .secrets
            .last()
            .cloned()
            .unwrap_or_default()
    }

    /// Replaces all secrets by one.
    pub fn set_secret(&self, secret: &str) {
        lock(&self.world.tokens).secrets = vec![secret.to_owned()];
    }

    /// Adds a secret beside those that are there.
    pub fn add_secret(&self, secret: &str) {
        lock(&self.world.tokens).secrets.push(secret.to_owned());
    }

    /// Takes one secret away; the others stay good. Says whether it was there.
    pub fn remove_secret(&self, secret: &str) -> bool {
        let mut tokens = lock(&self.world.tokens);
        let before = tokens.secrets.len();
        tokens.secrets.retain(|known| known != secret);
        tokens.secrets.len() < before
    }

    /// Accepts an assertion in place of a secret, beside those that are there.
    pub fn add_assertion(&self, assertion: &str) {
        lock(&self.world.tokens).assertions.push(assertion.to_owned());
    }

    /// Accepts an assertion no more. Says whether it was there.
    pub fn remove_assertion(&self, assertion: &str) -> bool {
        let mut tokens = lock(&self.world.tokens);
        let before = tokens.assertions.len();
        tokens.assertions.retain(|known| known != assertion);
        tokens.assertions.len() < before
    }

    /// Replaces the scopes registered for the application; tokens that are out keep theirs.
    pub fn set_scopes(&self, scopes: &[&str]) {
        lock(&self.world.tokens).scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
    }

    /// Forgets every issued token: the next request with one is refused with 401.
    pub fn revoke_tokens(&self) {
        lock(&self.world.tokens).forget();
    }

    /// Replaces the static tokens (personal access tokens) it accepts.
    pub fn set_static_tokens(&self, tokens: &[&str]) {
        lock(&self.world.tokens).fixed = tokens.iter().map(|&token| token.to_owned()).collect();
    }

    // ---- history ----

    /// Records `count` plausible events between two instants (both included): the same for the same seed, stream,
    /// switches and instants. A few bytes of memory each.
    pub fn generate(&self, stream: &StreamId, seed: u64, count: u32, from: DateTime<Utc>, to: DateTime<Utc>) {
        let batch = lock(&self.world.switches).batch(stream, seed);
        let mut times = batch.times(count, instant::ticks(from), instant::ticks(to));
        let rules = self.world.rules_for(stream);
        self.with(stream, |stream| {
            rules::exclude(&rules, &stream.home, &batch, &mut times);
            stream.generate(batch, times);
        });
    }

    /// Records an event, visible at once unless the stream is held back. One that a rule excludes is not recorded:
    /// it gets a number that no event has.
    pub fn push(&self, stream: &StreamId, event: NewEvent) -> EventIndex {
        self.push_when(stream, event, Appears::AtOnce)
    }

    /// Records an event that appears later than it happened.
    pub fn push_when(&self, stream: &StreamId, event: NewEvent, appears: Appears) -> EventIndex {
        let records = lock(&self.world.switches).records_of(stream);
        let rules = self.world.rules_for(stream);
        self.with(stream, |stream| {
            if rules.iter().any(|rule| rule.excludes(&stream.home, &event)) {
                return EventIndex::MAX;
            }
            stream.push(&records, &event, appears)
        })
        .unwrap_or_default()
    }

    /// Records bytes as they are, filed under that instant; they need not be JSON.
    pub fn push_raw(&self, stream: &StreamId, at: DateTime<Utc>, raw: impl Into<Bytes>) -> EventIndex {
        self.push_raw_when(stream, at, raw, Appears::AtOnce)
    }

    /// Records bytes that appear later.
    pub fn push_raw_when(
        &self,
        stream: &StreamId,
        at: DateTime<Utc>,
        raw: impl Into<Bytes>,
        appears: Appears,
    ) -> EventIndex {
        let (at, raw) = (instant::ticks(at), raw.into());
        self.with(stream, |stream| stream.push_raw(at, raw, appears))
            .unwrap_or_default()
    }

    /// Puts other bytes in place of an event's, at the same position. The truth keeps both.
    pub fn replace(&self, stream: &StreamId, index: EventIndex, raw: impl Into<Bytes>) -> bool {
        let raw = raw.into();
        self.with(stream, |stream| stream.replace(index, raw))
            .unwrap_or_default()
    }

    /// From now on, what is recorded in the stream is not visible before its release.
    pub fn hold_back(&self, stream: &StreamId) {
        self.with(stream, |stream| stream.holding = true);
    }

    /// Makes everything visible that was held back, and holds back no more.
    pub fn release(&self, stream: &StreamId) {
        self.with(stream, Stream::release);
    }

    /// Makes one late event visible.
    pub fn release_one(&self, stream: &StreamId, index: EventIndex) {
        self.with(stream, |stream| stream.release_one(index));
    }

    /// Makes so many held back events visible, those recorded first; others go on waiting.
    pub fn release_some(&self, stream: &StreamId, count: u32) {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.with(stream, |stream| stream.release_some(count));
    }

    /// Lets the oldest visible events be gone at once, as retention does with time.
    pub fn expire(&self, stream: &StreamId, count: u32) {
        self.world.expire(stream, count);
    }

    /// The events that are gone, by [`Simulator::expire`] or by their age: served once, perhaps, but no more.
    pub fn expired(&self, stream: &StreamId) -> Vec<EventIndex> {
        let (switches, now) = (self.switches(), self.world.now());
        self.with(stream, |stream| stream.expired(stream.view(&switches, now)))
            .unwrap_or_default()
    }

    /// The classic truth as rows of the download: the bytes it would write for each event, oldest first, without line
    /// ends, as the switches stand. `language` as in the request; empty for English.
    pub fn classic_csv_rows(&self, stream: &StreamId, language: &str) -> Vec<(EventIndex, Vec<u8>)> {
        self.world.classic_rows(stream, language)
    }

    /// Everything that was recorded, oldest first, whether visible or not.
    pub fn truth(&self, stream: &StreamId) -> Vec<TruthEvent> {
        let (switches, now) = (self.switches(), self.world.now());
        self.with(stream, |stream| stream.truth(stream.view(&switches, now)))
            .unwrap_or_default()
    }

    /// How many events were recorded.
    pub fn count(&self, stream: &StreamId) -> usize {
        self.with(stream, |stream| stream.entries().len())
            .unwrap_or_default()
    }

    // ---- switches, faults, pace ----

    /// The switches as they stand.
    pub fn switches(&self) -> Switches {
        lock(&self.world.switches).clone()
    }

    /// Replaces all switches. Those of `records` act on what is recorded from now on.
    pub fn set_switches(&self, switches: Switches) {
        *lock(&self.world.switches) = switches;
    }

    /// Turns some switches.
    pub fn turn(&self, turn: impl FnOnce(&mut Switches)) {
        turn(&mut lock(&self.world.switches));
    }

    /// Sets a fault. Of several that strike the same request the first set decides; delays, dates and forgotten
    /// tokens come on top.
    pub fn fault(&self, when: When, fault: Fault) -> FaultId {
        lock(&self.world.script).add(when, fault)
    }

    /// How many requests a fault has struck.
    pub fn struck(&self, fault: FaultId) -> u64 {
        lock(&self.world.script).struck(fault)
    }

    /// Takes a fault away.
    pub fn clear_fault(&self, fault: FaultId) {
        lock(&self.world.script).remove(fault);
    }

    /// Takes all faults away.
    pub fn clear_faults(&self) {
        lock(&self.world.script).clear();
    }

    /// Answers so many requests per second, of which so many can be saved up; the others get 429 with `Retry-After`
    /// seconds.
    pub fn rate_limit(&self, per_second: f64, burst: u32) {
        self.limit(RateLimit::Bucket(per_second, burst), ComeBack::Seconds);
    }

    /// Answers so many requests as the limit allows; the others get 429.
    pub fn limit(&self, by: RateLimit, come_back: ComeBack) {
        lock(&self.world.pace).limit = Some(Limit::new(by, come_back));
    }

    /// Answers any number of requests again.
    pub fn no_rate_limit(&self) {
        lock(&self.world.pace).limit = None;
    }

    /// Waits so long before each reply.
    pub fn latency(&self, latency: Duration) {
        lock(&self.world.pace).latency = latency;
    }

    // ---- what it was asked ----

    /// The requests since the start or since they were cleared, in the order they came; the newest alone, if only so
    /// many are kept.
    pub fn requests(&self) -> Vec<Seen> {
        lock(&self.world.log).seen.iter().cloned().collect()
    }

    /// How many requests came since the start or since they were cleared.
    pub fn request_count(&self) -> usize {
        usize::try_from(lock(&self.world.log).counts.requests).unwrap_or(usize::MAX)
    }

    /// Most requests that were open at once, since the start or since they were cleared.
    pub fn max_concurrent_seen(&self) -> usize {
        lock(&self.world.log).most_open
    }

    /// Keeps so many requests, the newest; the others are counted and forgotten. All are kept, if nothing is said.
    pub fn keep_requests(&self, most: usize) {
        lock(&self.world.log).most = Some(most);
    }

    /// Keeps events as they are spelled, up to so many bytes for each stream, so that pages cost little the second
    /// time. Makes no other difference. None are kept, if nothing is said.
    pub fn keep_spelled(&self, most_bytes: usize) {
        for stream in self.world.streams.values() {
            lock(stream).kept.up_to(most_bytes);
        }
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        lock(&self.world.log).clear();
    }

    fn with<T>(&self, stream: &StreamId, act: impl FnOnce(&mut Stream) -> T) -> Option<T> {
        self.world
            .streams
            .get(stream)
            .map(|stream| act(&mut lock(stream)))
    }
}
