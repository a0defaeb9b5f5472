//! A simulator, an archive in a directory, and daemons between them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::TimeDelta;
use tempfile::TempDir;
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::task::TaskTracker;
use uipath_audit_simulator::{Cloud, NewEvent, Simulator, StreamId};
use url::Url;

use super::super::{Around, Options, Reload, Stop, run};
use crate::{
    archive::Archive,
    clock::{Clock, Time},
    commit::Commit,
    fleet::OpenError,
    key,
    observe::Captured,
    schedule::Schedule,
    secret::SecretRef,
    settings::{ArchiveSettings, AuthSettings, Compression, ConnectionSettings, Platform, Settings},
    status::{Status, TargetStatus},
    target::{Api, Classic, Pace, Start, Target},
};

/// Longer than anything takes: what is waited for longer will not come.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
pub(super) const EVERY_SECOND: &str = "* * * * * *";
pub(super) const HOURLY: &str = "0 0 * * * *";

/// Of nobody: any certificate will do.
pub(super) const CERTIFICATE: &str = include_str!("../../../tests/certificate.pem");

pub(super) struct World {
    pub(super) directory: TempDir,
    pub(super) simulator: Arc<Simulator>,
    archive: Archive,
}

impl World {
    pub(super) async fn new() -> Self {
        let cloud = Cloud::new()
            .tenant("acme", "one")
            .tenant("acme", "two")
            .tenant("acme", "three")
            .tenant("acme", "four");
        let directory = TempDir::new().unwrap();
        let simulator = Simulator::local(cloud).await.unwrap();
        fs::write(directory.path().join("secret"), simulator.client_secret()).unwrap();
        let url = archive_url(directory.path());
        fs::create_dir(url.to_file_path().unwrap()).unwrap();
        let archive = Archive::open_url(&url).unwrap();
        Self {
            directory,
            simulator: Arc::new(simulator),
            archive,
        }
    }

    pub(super) fn connection(&self, name: &str) -> ConnectionSettings {
        ConnectionSettings {
            name: name.to_owned(),
            platform: Platform::AutomationSuite,
            url: self.simulator.url().parse().unwrap(),
            ca_file: None,
            client_certificate: None,
            proxy: None,
            max_concurrent_requests: 8,
            max_requests_per_second: 0.0,
            retry_for: Duration::from_secs(5),
            auth: AuthSettings::ClientCredentials {
                client_id: self.simulator.client_id(),
                client_secret: SecretRef::File(self.directory.path().join("secret")),
                second_client_secret: None,
                scope: "PM.Audit.Read".to_owned(),
                token_url: None,
            },
        }
    }

    /// Targets named after tenants, over one connection.
    pub(super) fn settings(&self, instance: &str, schedule: &str, targets: &[&str]) -> Settings {
        let connection = self.connection("cloud");
        Settings {
            state_dir: self.directory.path().join(instance),
            instance: instance.to_owned(),
            archive: ArchiveSettings {
                url: archive_url(self.directory.path()),
                csv: false,
                compression: Compression::Zstd,
                max_events: 1000,
                max_bytes: 1 << 20,
                max_buffered: 8 << 20,
                options: BTreeMap::new(),
                ca_file: None,
                tags: BTreeMap::new(),
            },
            connections: BTreeMap::from([(connection.name.clone(), connection)]),
            targets: targets.iter().map(|name| target(name, schedule)).collect(),
            http: None,
            webhook: None,
        }
    }

    pub(super) fn clock(&self) -> Clock {
        let clock = self.simulator.clock();
        Clock::from_fn(move || clock.now())
    }

    pub(super) fn start(&self, settings: Settings, drain: Duration) -> Running {
        self.start_by(self.clock(), settings, drain)
    }

    pub(super) fn start_by(&self, clock: Clock, settings: Settings, drain: Duration) -> Running {
        self.start_reloading(clock, settings, drain, Reload::default())
    }

    pub(super) fn start_reloading(
        &self,
        clock: Clock,
        settings: Settings,
        drain: Duration,
        reload: Reload,
    ) -> Running {
        let (stop, tasks) = (Stop::default(), TaskTracker::new());
        let options = Options {
            drain,
            reopen: Duration::from_millis(100),
            look: Duration::from_millis(50),
            ..Options::default()
        };
        let around = Around {
            reload,
            ..Around::default()
        };
        let state_dir = settings.state_dir.clone();
        let task = tasks.spawn(run(settings, around, clock, options, stop.clone()));
        Running {
            stop,
            task,
            state_dir,
        }
    }

    pub(super) fn generate(&self, tenant: &str, seed: u64, count: u32) {
        let now = self.simulator.clock().now();
        let (from, to) = (now - TimeDelta::minutes(20), now - TimeDelta::seconds(5));
        self.simulator.generate(&stream(tenant), seed, count, from, to);
    }

    pub(super) fn push(&self, tenant: &str) {
        let now = self.simulator.clock().now();
        self.simulator.push(&stream(tenant), NewEvent::at(now));
    }

    pub(super) async fn commits(&self, target: &str) -> Vec<Commit> {
        let mut commits = Vec::new();
        for number in 0.. {
            let key = key::commit(&target.parse().unwrap(), number);
            let Some(bytes) = self.archive.read(&key).await.unwrap() else {
                break;
            };
            commits.push(Commit::from_bytes(&bytes).unwrap());
        }
        commits
    }

    pub(super) async fn archived(&self, target: &str) -> usize {
        let commits = self.commits(target).await;
        let written: u64 = commits.iter().map(|commit| commit.counts.written).sum();
        usize::try_from(written).unwrap()
    }

    /// Waits until everything the server has is archived.
    pub(super) async fn all_archived(&self, target: &str) {
        wait_until(&format!("all of `{target}` archived"), async || {
            self.archived(target).await >= self.simulator.count(&stream(target))
        })
        .await;
        assert_eq!(
            self.archived(target).await,
            self.simulator.count(&stream(target)),
            "{target}"
        );
    }
}

pub(super) struct Running {
    pub(super) stop: Stop,
    task: JoinHandle<Result<(), OpenError>>,
    state_dir: PathBuf,
}

impl Running {
    pub(super) async fn stop(self) -> Status {
        self.stop.stop.cancel();
        self.ended().await
    }

    pub(super) async fn ended(self) -> Status {
        timeout(PATIENCE, self.task).await.unwrap().unwrap().unwrap();
        assert!(!Status::is_live(&self.state_dir));
        Status::read(&self.state_dir).unwrap().unwrap()
    }

    /// Waits until the status file says so of a target.
    pub(super) async fn shows(
        &self,
        target: &str,
        what: &str,
        is: impl Fn(&TargetStatus) -> bool,
    ) -> TargetStatus {
        wait_until(&format!("`{target}` is {what}"), async || {
            self.status(target).is_some_and(|status| is(&status))
        })
        .await;
        self.status(target).unwrap()
    }

    /// What the status file says.
    pub(super) fn says(&self) -> Option<Status> {
        let status = Status::read(&self.state_dir).unwrap()?;
        assert!(Status::is_live(&self.state_dir));
        Some(status)
    }

    pub(super) fn status(&self, target: &str) -> Option<TargetStatus> {
        self.says()?
            .targets
            .into_iter()
            .find(|status| status.target == target)
    }
}

pub(super) fn archive_url(directory: &Path) -> Url {
    Url::from_directory_path(directory.join("archive")).unwrap()
}

pub(super) fn stream(tenant: &str) -> StreamId {
    StreamId::tenant("acme", tenant)
}

pub(super) fn target(name: &str, schedule: &str) -> Target {
    let hour = Duration::from_secs(3600);
    Target {
        name: name.parse().unwrap(),
        connection: "cloud".to_owned(),
        organization: "acme".to_owned(),
        tenant: Some(name.to_owned()),
        api: Api::Unified,
        filter: None,
        classic: Classic::default(),
        long_term: true,
        pace: Pace {
            start: Start::Ago(hour * 24),
            retention: hour * 24 * 90,
            settle: Duration::ZERO,
            lookback: hour,
            lookback_daily: hour * 48,
            empty_commit_every: hour,
            takeover_after: None,
        },
        schedule: Schedule::new(schedule, "UTC").unwrap(),
        reconcile: None,
    }
}

pub(super) async fn wait_until(what: &str, is: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(
        timeout(PATIENCE, waiting).await.is_ok(),
        "waited for nothing: {what}"
    );
}

pub(super) fn lines(log: &Captured, target: &str, text: &str) -> Vec<String> {
    let mut lines = log.lines();
    lines.retain(|line| line.contains(&format!("target={target}")) && line.contains(text));
    lines
}

pub(super) fn day(hour: u32, minute: u32) -> Time {
    let text = format!("2026-11-21T{hour:02}:{minute:02}:00Z");
    text.parse::<Time>().unwrap()
}
