//! A day in its life, compressed: 200 targets over three shards, and all that happens to an installation sooner or later.
//!
//! Real processes, HTTP, a directory as archive, and a real Prometheus with the alerts of `deploy/prometheus`, whose time
//! goes by as much faster as the schedules are shorter. In the evening the archive equals the truth, and nobody is called.

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::time::Instant;
use uipath_audit_simulator::{Fault, When};

mod pod;
mod town;
mod watch;

use pod::Pod;
use town::Town;
use watch::Watch;

/// Whatever is waited for comes by then, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(90);

/// All alerts that may be raised in this day, and must have been.
const RAISED: [&str; 6] = [
    "UipathAuditExporterDown",
    "UipathAuditShardMissing",
    "UipathAuditCheckpointRebuilt",
    "UipathAuditNeedsPerson",
    "UipathAuditConfigReloadFailed",
    "UipathAuditTargetFailing",
];
/// Those that may be raised, where trouble takes long enough.
const ALLOWED: [&str; 2] = ["UipathAuditLag", "UipathAuditThrottled"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_in_its_life() {
    let mut day = Day::begin().await;
    day.a_shard_and_its_disk_are_lost().await;
    day.notes("a shard and its disk were lost");
    day.three_shards_become_two().await;
    day.notes("three shards became two");
    day.a_secret_is_rotated_too_late().await;
    day.notes("a secret was rotated");
    day.the_configuration_is_changed().await;
    day.notes("the configuration was changed");
    day.the_cloud_is_down().await;
    day.notes("the cloud was down");
    day.the_store_is_down().await;
    day.notes("the store was down");
    day.evening().await;
}

struct Day {
    town: Town,
    pods: Vec<Pod>,
    /// None where there is no Prometheus.
    watch: Option<Watch>,
    began: Instant,
}

impl Day {
    async fn begin() -> Self {
        let (began, town) = (Instant::now(), Town::found().await);
        let mut pods: Vec<Pod> = (0..3).map(|index| Pod::new(index, &town.directory())).collect();
        for (index, pod) in pods.iter_mut().enumerate() {
            pod.start(&town.config(), &format!("{index}/3"));
        }
        let day = Self {
            watch: Watch::begin(&town.directory(), &pods).await,
            town,
            pods,
            began,
        };
        if let Some(watch) = &day.watch {
            watch.sees(3).await;
        }
        day.all_are_read("in the morning").await;
        day.no_alert_but(&[]).await;
        day
    }

    async fn a_shard_and_its_disk_are_lost(&mut self) {
        let commits = self.pods[0].status().await.unwrap();
        self.pods[0].kill().await;
        std::fs::remove_dir_all(self.pods[0].state_dir()).unwrap();
        self.raises("UipathAuditExporterDown").await;
        self.raises("UipathAuditShardMissing").await;
        self.pods[0].start(&self.town.config(), "0/3");
        self.all_are_read("after a shard was lost").await;
        self.raises("UipathAuditCheckpointRebuilt").await;
        let rebuilt = self.pods[0].sum("checkpoint_rebuilds_total").await;
        assert!(rebuilt > 0.0, "nothing was rebuilt");
        let after = self.pods[0].status().await.unwrap();
        for (before, after) in targets(&commits).zip(targets(&after)) {
            assert_eq!(before["target"], after["target"]);
            let number = |target: &Value| target["last_commit"]["number"].as_u64();
            assert!(number(before) <= number(after), "{before} {after}");
        }
        self.no_alert_but(&["UipathAuditCheckpointRebuilt"]).await;
    }

    async fn three_shards_become_two(&mut self) {
        let mut last = self.pods.pop().unwrap();
        last.stop().await;
        last.assert_sound();
        if let Some(watch) = &self.watch {
            watch.scrape(&self.pods);
        }
        for (index, pod) in self.pods.iter_mut().enumerate() {
            pod.stop().await;
            pod.start(&self.town.config(), &format!("{index}/2"));
        }
        let pods = &self.pods;
        within("a target that waits for its owner to be gone", async || {
            pods[0].sum("standby").await + pods[1].sum("standby").await > 0.0
        })
        .await;
        self.all_are_read("by two shards").await;
        if let Some(watch) = &self.watch {
            watch.sees(2).await;
        }
        self.no_alert_but(&["UipathAuditCheckpointRebuilt"]).await;
    }

    async fn a_secret_is_rotated_too_late(&mut self) {
        self.town.refuse_secrets_but("rotated");
        self.pods[0]
            .shows("a target that needs a person", |target| {
                target["state"] == "needs_person" && target["last_error"]["hint"].is_string()
            })
            .await;
        self.raises("UipathAuditNeedsPerson").await;
        self.town.write_secret("rotated");
        self.all_are_read("with another secret").await;
        self.no_alert_but(&["UipathAuditCheckpointRebuilt"]).await;
    }

    async fn the_configuration_is_changed(&mut self) {
        self.town.misconfigure();
        self.pods.iter().for_each(Pod::hang_up);
        self.raises("UipathAuditConfigReloadFailed").await;
        for pod in &self.pods {
            let told = pod.sum("config_last_reload_successful").await;
            assert!(told < 0.5, "{} took it over", pod.name);
        }
        self.all_are_read("by the configuration before").await;

        // Nobody is told: its files are looked at.
        let (added, removed, changed) = self.town.reconfigure();
        self.all_are_read("by another configuration").await;
        let mut shown = BTreeSet::new();
        let mut period = 0.0;
        for pod in &self.pods {
            let status = pod.status().await.unwrap();
            shown.extend(targets(&status).map(|target| target["target"].as_str().unwrap().to_owned()));
            let label = format!("target=\"{changed}\"");
            period += pod.sum_of("schedule_period_seconds", &label).await;
        }
        assert!(shown.contains(&added) && !shown.contains(&removed), "{shown:?}");
        assert!((period - 6.0).abs() < 0.1, "{changed} is due each {period} s");
        self.no_alert_but(&["UipathAuditCheckpointRebuilt"]).await;
    }

    async fn the_cloud_is_down(&mut self) {
        self.town.world.simulator.fault(When::any(), Fault::status(503));
        self.is_in_trouble("503").await;
        self.town.world.simulator.clear_faults();
        self.all_are_read("after the cloud came back").await;
        self.no_alert_but(&[]).await;
    }

    async fn the_store_is_down(&mut self) {
        self.town.take_store_away();
        self.is_in_trouble("archive").await;
        self.town.bring_store_back();
        self.all_are_read("after the store came back").await;
    }

    /// For whoever wonders where the time goes.
    fn notes(&self, what: &str) {
        eprintln!("after {:3.0} s: {what}", self.began.elapsed().as_secs_f64());
    }

    /// Every target's passes fail for a reason that names this, and so people are told.
    async fn is_in_trouble(&self, why: &str) {
        for pod in &self.pods {
            pod.shows("a target that fails, and why", |target| {
                let error = target["last_error"]["message"].as_str().unwrap_or_default();
                target["failures"].as_u64() > Some(2) && error.contains(why)
            })
            .await;
            assert!(pod.sum("pass_failures").await > 2.0);
            let page = pod.get("/").await.unwrap();
            assert!(page.contains(why), "the page does not say {why}");
        }
        self.raises("UipathAuditTargetFailing").await;
    }

    async fn evening(mut self) {
        self.town.end_of_news().await;
        self.all_are_read("in the evening").await;
        self.no_alert_but(&[]).await;
        if let Some(watch) = &self.watch {
            let raised = watch.raised().await;
            let missing: Vec<_> = RAISED.iter().filter(|name| !raised.contains(**name)).collect();
            assert!(missing.is_empty(), "never raised: {missing:?}");
            let known = |name: &String| RAISED.contains(&name.as_str()) || ALLOWED.contains(&name.as_str());
            let strange: Vec<_> = raised.iter().filter(|name| !known(name)).collect();
            assert!(strange.is_empty(), "raised for no reason: {strange:?}");
        }
        for pod in &mut self.pods {
            pod.stop().await;
            pod.assert_sound();
        }
        let events = self.town.assert_archive_equals_truth().await;
        self.town.verify().await;
        self.notes(&format!("{events} events are archived, each once"));
    }

    /// A pass over every target begins from now on and is done.
    async fn all_are_read(&self, when: &str) {
        let (since, expected) = (self.town.world.now(), self.town.names());
        let unread = async || {
            let mut unread = expected.clone();
            for pod in &self.pods {
                let status = pod.status().await.unwrap_or_default();
                for target in targets(&status).filter(|target| is_read(target, since)) {
                    unread.remove(target["target"].as_str().unwrap());
                }
            }
            unread
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let unread = unread().await;
            if unread.is_empty() {
                return;
            }
            let few: Vec<_> = unread.iter().take(3).collect();
            assert!(
                Instant::now() < deadline,
                "not read {when}: {} targets, such as {few:?}",
                unread.len()
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn raises(&self, alert: &str) {
        if let Some(watch) = &self.watch {
            let firing = async || watch.firing().await.contains(alert);
            within(&format!("the alert {alert}"), firing).await;
        }
    }

    async fn no_alert_but(&self, allowed: &[&str]) {
        if let Some(watch) = &self.watch {
            let deadline = Instant::now() + PATIENCE;
            loop {
                let mut firing = watch.firing().await;
                firing.retain(|alert| !allowed.contains(&alert.as_str()));
                if firing.is_empty() {
                    return;
                }
                assert!(Instant::now() < deadline, "still raised: {firing:?}");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// The targets of a status.
fn targets(status: &Value) -> impl Iterator<Item = &Value> {
    status["targets"].as_array().into_iter().flatten()
}

fn is_read(target: &Value, since: DateTime<Utc>) -> bool {
    let pass = &target["last_pass"];
    let began = pass["at"]
        .as_str()
        .and_then(|at| at.parse::<DateTime<Utc>>().ok());
    pass["result"] == "done" && began > Some(since)
}

async fn within(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done().await {
        assert!(Instant::now() < deadline, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
