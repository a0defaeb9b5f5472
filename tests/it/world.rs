//! A world for one history: a simulated cloud, a store, a clock that stands still until it is moved, and exporters that
//! come and go.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt as _;
use object_store::{
    ObjectStore,
    memory::InMemory,
    throttle::{ThrottleConfig, ThrottledStore},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uipath_audit_exporter::{
    archive::Archive,
    checkpoint::{Checkpoint, CheckpointError},
    clock::Clock,
    export::{Exporter, PassError, Reconciled, Summary},
    fleet::Fleet,
    schedule::Schedule,
    secret::SecretRef,
    settings::{ArchiveSettings, AuthSettings, Compression, ConnectionSettings, Platform, Settings},
    target::{Api, Classic, Pace, Start, Target},
    verify,
    window::Window,
};
use uipath_audit_simulator::{Cloud, Kind, Simulator, StreamId, TruthEvent};

use crate::{kinds, ledger::Ledger};

/// The one target of most histories.
pub const TARGET: &str = "acme-production";

/// A cloud, a store, a clock, and the settings that exporters are started with.
pub struct World {
    pub simulator: Arc<Simulator>,
    /// The API that its target is read through.
    pub kind: Kind,
    pub stream: StreamId,
    /// Another tenant of the same organization, which the first settings do not export.
    pub neighbour: StreamId,
    /// The store as it is: whoever asserts something looks here.
    pub store: Arc<dyn ObjectStore>,
    /// The exporters' way to it, on which things may go wrong.
    pub way: Arc<dyn ObjectStore>,
    pub settings: Settings,
    pub directory: TempDir,
}

impl World {
    /// A tenant's stream, empty; an archive in memory; the clock stands at noon of 20 November 2026.
    pub async fn new() -> Self {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        Self::on(Arc::clone(&store), store).await
    }

    /// The same, read through another API.
    pub async fn of(kind: Kind) -> Self {
        let mut world = Self::new().await;
        kinds::configure(&mut world.settings, kind);
        world.stream = kinds::stream(kind);
        world.kind = kind;
        world
    }

    /// The same with an archive elsewhere.
    pub async fn on(store: Arc<dyn ObjectStore>, way: Arc<dyn ObjectStore>) -> Self {
        let stream = StreamId::tenant("acme", "production");
        let cloud = Cloud::new()
            .organization("acme")
            .tenant("acme", "production")
            .tenant("acme", "staging")
            .classic("acme");
        let simulator = Arc::new(Simulator::local(cloud).await.unwrap());
        simulator.clock().fix(at("2026-11-20T12:00:00Z"));
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("secret"), simulator.client_secret()).unwrap();
        let settings = settings(&simulator, &directory);
        Self {
            simulator,
            kind: Kind::Unified,
            stream,
            neighbour: StreamId::tenant("acme", "staging"),
            store,
            way,
            settings,
            directory,
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.simulator.clock().now()
    }

    pub fn advance(&self, minutes: i64) {
        self.simulator.clock().advance(TimeDelta::minutes(minutes));
    }

    /// So many events of the days before now, up to an hour ago.
    pub fn happen(&self, seed: u64, count: u32, days: i64) {
        self.happen_to(&self.stream, seed, count, days);
    }

    pub fn happen_to(&self, stream: &StreamId, seed: u64, count: u32, days: i64) {
        let now = self.now();
        self.simulator.generate(
            stream,
            seed,
            count,
            now - TimeDelta::days(days),
            now - TimeDelta::hours(1),
        );
    }

    pub fn state_dir(&self) -> PathBuf {
        self.settings.state_dir.clone()
    }

    pub fn clock(&self) -> Clock {
        let clock = self.simulator.clock();
        Clock::from_fn(move || clock.now())
    }

    pub fn archive(&self) -> Archive {
        Archive::from_store(Arc::clone(&self.way), "memory:///")
    }

    /// Keeps the archive elsewhere from now on.
    pub fn move_to(&mut self, store: Arc<dyn ObjectStore>) {
        self.way = Arc::clone(&store);
        self.store = store;
    }

    /// Makes every call to the store wait a moment first: so many more places to die.
    pub fn slow_store(&mut self) {
        let moment = Duration::from_micros(1);
        let config = ThrottleConfig {
            wait_delete_per_call: moment,
            wait_get_per_call: moment,
            wait_list_per_call: moment,
            wait_put_per_call: moment,
            ..ThrottleConfig::default()
        };
        self.way = Arc::new(ThrottledStore::new(Arc::clone(&self.store), config));
    }

    /// A process: everything that dies with it.
    pub async fn start(&self) -> Process {
        self.start_as(&self.settings, self.archive()).await
    }

    /// A process with other settings, or on a store with faults.
    pub async fn start_as(&self, settings: &Settings, archive: Archive) -> Process {
        let fleet = self.open_fleet_as(settings, archive).await;
        let exporter = fleet.exporters(&[]).into_iter().next().unwrap();
        Process { exporter, fleet }
    }

    /// All targets of a process.
    pub async fn open_fleet(&self) -> Fleet {
        self.open_fleet_as(&self.settings, self.archive()).await
    }

    async fn open_fleet_as(&self, settings: &Settings, archive: Archive) -> Fleet {
        let checkpoint = open_checkpoint(&settings.state_dir).await;
        Fleet::assemble(settings, self.clock(), checkpoint, archive).unwrap()
    }

    /// One process, one pass: what a cron job with `once` does.
    pub async fn once(&self) -> Result<Summary, PassError> {
        self.start().await.pass().await
    }

    /// One process, one comparison of the last days.
    pub async fn reconcile(&self, days: i64) -> Result<Reconciled, PassError> {
        let now = self.now();
        let span = Window::new(now - TimeDelta::days(days), now);
        self.start().await.reconcile(span).await
    }

    pub async fn ledger(&self) -> Ledger {
        Ledger::read(&*self.store, TARGET).await
    }

    /// The archive holds every event that the server shows up to the coverage's end, each exactly once, byte for byte,
    /// and nothing else; the chain is whole; nothing lies about.
    pub async fn assert_archive_equals_truth(&self) -> Ledger {
        let ledger = self.assert_events_equal_truth().await;
        self.assert_nothing_lies_about(&ledger).await;
        self.assert_verified().await;
        ledger
    }

    /// As [`Self::assert_archive_equals_truth`], whatever else lies about.
    pub async fn assert_events_equal_truth(&self) -> Ledger {
        let ledger = self.ledger().await;
        self.assert_holds_all_of(&ledger, &self.stream);
        ledger
    }

    /// The exporter's own auditor has nothing to say either.
    pub async fn assert_verified(&self) {
        let options = verify::Options {
            deep: true,
            ..verify::Options::default()
        };
        let report = verify::verify(&self.archive(), &options, |_| {}).await.unwrap();
        assert_eq!(report.exit_code(), 0, "{report}");
    }

    pub async fn assert_nothing_lies_about(&self, ledger: &Ledger) {
        let stray = self.stray(ledger).await;
        assert!(stray.is_empty(), "objects that no commit names: {stray:?}");
    }

    /// Objects that no commit names.
    pub async fn stray(&self, ledger: &Ledger) -> Vec<String> {
        self.lying_about(&ledger.keys(TARGET)).await
    }

    /// Objects other than these.
    pub async fn lying_about(&self, named: &BTreeSet<String>) -> Vec<String> {
        let objects: Vec<_> = self.store.list(None).try_collect().await.unwrap();
        objects
            .into_iter()
            .map(|meta| meta.location.to_string())
            // A killed probe leaves a small object that says so itself.
            .filter(|key| !named.contains(key) && !key.starts_with("probe/"))
            .collect()
    }
}

/// A running exporter with one target.
pub struct Process {
    pub exporter: Exporter,
    pub fleet: Fleet,
}

impl Process {
    pub async fn pass(&mut self) -> Result<Summary, PassError> {
        self.exporter.pass(false, &CancellationToken::new()).await
    }

    pub async fn reconcile(&mut self, span: Window) -> Result<Reconciled, PassError> {
        let mut work = Reconciled::of(span);
        let stop = CancellationToken::new();
        self.exporter.reconcile(&mut work, &stop).await?;
        assert!(!work.interrupted);
        Ok(work)
    }
}

/// Opens the state directory; what a killed process left running in the background may hold it for a moment.
pub async fn open_checkpoint(directory: &std::path::Path) -> Checkpoint {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        match Checkpoint::open(directory) {
            Ok(checkpoint) => return checkpoint,
            Err(CheckpointError::InUse { .. }) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Err(error) => panic!("open the checkpoint: {error:?}"),
        }
    }
}

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Whether an event must be in an archive that is complete up to `covered`. One that carries a time of its own goes by
/// that, whatever the server files it under; one before the archive's beginning is none of its business.
pub fn is_due(event: &TruthEvent, covered: DateTime<Utc>) -> bool {
    let time = time_of(event);
    event.visible && time < covered && time > covered - TimeDelta::days(80)
}

/// An event's own time, or what the server files it under where it has none.
pub fn time_of(event: &TruthEvent) -> DateTime<Utc> {
    let told = event.created_on.as_deref().and_then(told_time);
    told.unwrap_or(event.instant)
}

fn told_time(text: &str) -> Option<DateTime<Utc>> {
    let zoned = DateTime::parse_from_rfc3339(text).map(DateTime::<Utc>::from);
    zoned
        .or_else(|_| text.parse::<chrono::NaiveDateTime>().map(|time| time.and_utc()))
        .ok()
}

pub fn pace() -> Pace {
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    Pace {
        start: Start::Ago(hours(90 * 24)),
        retention: hours(90 * 24),
        settle: Duration::from_secs(120),
        lookback: hours(1),
        lookback_daily: hours(48),
        empty_commit_every: hours(1),
        takeover_after: None,
    }
}

fn settings(simulator: &Simulator, directory: &TempDir) -> Settings {
    let connection = ConnectionSettings {
        name: "cloud".to_owned(),
        platform: Platform::AutomationSuite,
        url: simulator.url().parse().unwrap(),
        ca_file: None,
        client_certificate: None,
        proxy: None,
        max_concurrent_requests: 8,
        max_requests_per_second: 0.0,
        retry_for: Duration::from_secs(5),
        auth: AuthSettings::ClientCredentials {
            client_id: simulator.client_id(),
            client_secret: SecretRef::File(directory.path().join("secret")),
            second_client_secret: None,
            scope: "PM.Audit.Read".to_owned(),
            token_url: None,
        },
    };
    Settings {
        state_dir: directory.path().join("state"),
        instance: "audit-1".to_owned(),
        archive: ArchiveSettings {
            url: "memory:///".parse().unwrap(),
            csv: false,
            compression: Compression::Zstd,
            max_events: 10_000,
            max_bytes: 16 << 20,
            max_buffered: 64 << 20,
            options: BTreeMap::new(),
            ca_file: None,
            tags: BTreeMap::new(),
        },
        connections: [("cloud".to_owned(), connection)].into(),
        targets: vec![Target {
            name: TARGET.parse().unwrap(),
            connection: "cloud".to_owned(),
            organization: "acme".to_owned(),
            tenant: Some("production".to_owned()),
            api: Api::Unified,
            filter: None,
            classic: Classic::default(),
            long_term: true,
            pace: pace(),
            schedule: Schedule::new("0 */15 * * * *", "UTC").unwrap(),
            reconcile: None,
        }],
        http: None,
        webhook: None,
    }
}
