//! A thousand targets, targets that come and go, and what ends: certificates, tokens, signatures.

use std::{collections::BTreeSet, fs, time::Instant};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use uipath_audit_exporter::{
    metrics::{Delivery, Metrics},
    schedule::Schedule,
    secret::SecretRef,
    settings::{ArchiveOption, AuthSettings, Settings, WebhookSettings},
    status::{LastPass, Status},
};

use super::Samples;
use crate::world::{World, at};

/// Valid until 2126-10-29T02:10:20Z.
const CERTIFICATE: &str = include_str!("../../certificate.pem");

fn last_pass() -> Value {
    json!({
        "at": "2026-11-20T11:59:00.000Z", "took_ms": 1500, "result": "done",
        "counts": {"pulled": 1, "written": 1, "duplicate": 0, "late": 0, "conflict": 0},
        "commits": 1, "requests": 1, "pages": 1, "missed": 2, "skew_seconds": -3,
    })
}

/// What a daemon would write down of these targets.
pub fn status(targets: &[String]) -> Status {
    let target = |name: &String| {
        json!({
            "target": name, "state": "idle", "failures": 0, "lag_seconds": null,
            "coverage_end": "2026-11-20T11:58:00.000Z", "read_to": "2026-11-20T11:58:00.000Z",
            "last_success": "2026-11-20T11:59:01.000Z", "next_run": "2026-11-20T12:15:00.000Z",
            "last_commit": {"number": 1, "instance": "audit-1", "at": "2026-11-20T11:59:00.000Z"},
            "last_pass": last_pass(), "last_error": null, "progress": null,
        })
    };
    let targets: Vec<Value> = targets.iter().map(target).collect();
    let status = json!({
        "version": "0.1.0", "instance": "audit-1", "run": null, "pid": 7,
        "started_at": "2026-11-20T11:00:00.000Z", "written_at": "2026-11-20T12:00:00.000Z",
        "targets": targets,
    });
    serde_json::from_value(status).unwrap()
}

fn with_targets(world: &World, names: &[String]) -> Settings {
    let mut settings = world.settings.clone();
    let one = settings.targets.remove(0);
    let named = names.iter().map(|name| {
        let mut target = one.clone();
        target.name = name.parse().unwrap();
        target
    });
    settings.targets = named.collect();
    settings
}

fn shown(metrics: &Metrics, names: &[String]) -> String {
    metrics.text(&status(names), at("2026-11-20T12:00:00Z"))
}

#[tokio::test]
async fn targets_and_connections_that_are_gone_are_not_shown_and_others_count_on() {
    let world = World::new().await;
    let names = ["one", "two"].map(str::to_owned);
    let mut settings = with_targets(&world, &names);
    let metrics = Metrics::default();
    metrics.configure(&settings, &settings.targets, Some((1, 3)));
    let pass: LastPass = serde_json::from_value(last_pass()).unwrap();
    for target in &settings.targets {
        metrics.passed(&target.name, &pass);
    }
    let seen = Samples::read(&shown(&metrics, &names));
    assert_eq!(seen.of_target("missed_runs_total", "one"), Some(2.0));
    assert_eq!(seen.of_target("lag_seconds", "two"), Some(120.0));
    assert_eq!(seen.cloud("clock_skew_seconds"), -3.0);
    assert_eq!(
        (seen.get("shard_index"), seen.get("shard_count")),
        (Some(1.0), Some(3.0))
    );

    settings.targets.remove(0);
    let mut other = settings.connections.remove("cloud").unwrap();
    other.name = "suite".to_owned();
    settings.connections.insert("suite".to_owned(), other);
    settings.targets[0].connection = "suite".to_owned();
    metrics.configure(&settings, &settings.targets, None);
    // A pass that was under way meanwhile.
    metrics.passed(&"one".parse().unwrap(), &pass);
    let text = shown(&metrics, &names);
    assert!(!text.contains("\"one\"") && !text.contains("\"cloud\""), "{text}");
    let seen = Samples::read(&text);
    assert_eq!(seen.of_target("missed_runs_total", "two"), Some(2.0));
    let requests = "requests_total{connection=\"suite\",status=\"200\"}";
    assert_eq!(seen.get(requests), Some(0.0), "there from the start");
    assert_eq!(seen.get("shard_index"), None);

    // It comes back and begins anew.
    let settings = with_targets(&world, &names);
    metrics.configure(&settings, &settings.targets, None);
    let seen = Samples::read(&shown(&metrics, &names));
    assert_eq!(seen.of_target("missed_runs_total", "one"), Some(0.0));
}

#[tokio::test]
async fn a_thousand_targets_are_told_fast_and_in_a_few_megabytes() {
    let world = World::new().await;
    let names: Vec<String> = (0..1_000)
        .map(|number| format!("acme-production-{number:04}"))
        .collect();
    let mut settings = with_targets(&world, &names);
    // No two have one schedule: that is the slowest there is.
    for (number, target) in settings.targets.iter_mut().enumerate() {
        let cron = format!("{} {}/15 * * * *", number % 60, number / 60 % 15);
        target.schedule = Schedule::new(&cron, "Europe/Berlin").unwrap();
    }
    let metrics = Metrics::default();
    metrics.configure(&settings, &settings.targets, None);
    let status = status(&names);
    let now = at("2026-11-20T12:00:00Z");
    let first = Instant::now();
    assert!(!metrics.text(&status, now).is_empty());
    let first = first.elapsed();
    let began = Instant::now();
    let text = metrics.text(&status, now);
    let took = began.elapsed();
    eprintln!("{} bytes in {took:?}, at first {first:?}", text.len());
    assert!(text.len() < 6 << 20, "{} bytes", text.len());
    assert!(took.as_millis() < 500, "{took:?}");
    assert_eq!(Samples::read(&text).sum("schedule_period_seconds{"), 900_000.0);
}

#[tokio::test]
async fn what_ends_is_told_where_it_says_so_itself() {
    let world = World::new().await;
    let path = |name: &str| world.directory.path().join(name);
    let write = |name: &str, text: &str| {
        fs::write(path(name), text).unwrap();
        path(name)
    };
    let token = |exp: i64| {
        format!(
            "e30.{}.c2ln",
            URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{exp}}}"#))
        )
    };
    let mut settings = world.settings.clone();
    let cloud = settings.connections.get_mut("cloud").unwrap();
    cloud.ca_file = Some(write("ca.pem", CERTIFICATE));
    cloud.client_certificate = Some(path("not-there.pem"));
    cloud.auth = AuthSettings::Bearer {
        token: SecretRef::File(write("token", &token(1_800_000_000))),
    };
    let sas = write("sas", "?sv=2024-11-04&se=2027-01-31T12%3A00%3A00Z&sig=c2VjcmV0");
    settings.archive.options.insert(
        "azure_storage_sas_key".to_owned(),
        ArchiveOption::Secret(SecretRef::File(sas)),
    );
    let metrics = Metrics::default();
    metrics.configure(&settings, &settings.targets, None);
    let now = |time: &str| {
        let text = metrics.text(&status(&[]), at(time));
        assert!(!text.contains("c2VjcmV0"), "a secret");
        Samples::read(&text)
    };
    let of = |samples: &Samples, connection: &str, kind: &str| {
        let connection = match connection {
            "" => String::new(),
            name => format!("connection=\"{name}\","),
        };
        samples.get(&format!(
            "credential_expiry_timestamp_seconds{{{connection}kind=\"{kind}\"}}"
        ))
    };
    let seconds = |time: &str| Some(at(time).timestamp() as f64);
    let seen = now("2026-11-20T12:00:00Z");
    assert_eq!(of(&seen, "cloud", "ca_file"), seconds("2126-10-29T02:10:20Z"));
    assert_eq!(of(&seen, "cloud", "bearer"), Some(1_800_000_000.0));
    assert_eq!(of(&seen, "", "archive_sas"), seconds("2027-01-31T12:00:00Z"));
    assert_eq!(of(&seen, "cloud", "client_certificate"), None, "not there yet");

    // Renewed: seen within a minute or so, and a daemon that is not asked does not look.
    write("token", &token(1_900_000_000));
    write("not-there.pem", CERTIFICATE);
    assert_eq!(
        of(&now("2026-11-20T12:00:59Z"), "cloud", "bearer"),
        Some(1_800_000_000.0)
    );
    let seen = now("2026-11-20T12:01:00Z");
    assert_eq!(of(&seen, "cloud", "bearer"), Some(1_900_000_000.0));
    assert_eq!(
        of(&seen, "cloud", "client_certificate"),
        seconds("2126-10-29T02:10:20Z")
    );
    // A token that does not tell says nothing.
    write("token", "rt_personal");
    assert_eq!(of(&now("2026-11-20T12:02:00Z"), "cloud", "bearer"), None);
}

#[tokio::test]
async fn reloads_and_announcements_are_told() {
    let world = World::new().await;
    let names = ["one".to_owned()];
    let mut settings = with_targets(&world, &names);
    let metrics = Metrics::default();
    metrics.configure(&settings, &settings.targets, None);
    let seen = Samples::read(&shown(&metrics, &names));
    assert_eq!(seen.get("config_last_reload_successful"), Some(1.0));
    let started = at("2026-11-20T11:00:00Z").timestamp() as f64;
    assert_eq!(seen.get("config_last_reload_timestamp_seconds"), Some(started));
    assert_eq!(seen.sum("webhook_"), 0.0);
    assert_eq!(seen.get("webhook_deliveries_total{result=\"delivered\"}"), None);

    metrics.reloaded(false, at("2026-11-20T11:30:00Z"));
    settings.webhook = Some(WebhookSettings {
        url: "https://siem.acme.example/uipath".parse().unwrap(),
        secret: SecretRef::Env("PATH".to_owned()),
        ca_file: None,
        proxy: None,
        timeout: std::time::Duration::from_secs(15),
        since: std::time::Duration::from_secs(86_400),
    });
    metrics.configure(&settings, &settings.targets, None);
    metrics.announced(Delivery::Delivered);
    metrics.announced(Delivery::Failed);
    metrics.announced(Delivery::Failed);
    metrics.owes(&"one".parse().unwrap(), 7);
    let text = shown(&metrics, &names);
    assert!(!text.contains("siem"), "{text}");
    let seen = Samples::read(&text);
    assert_eq!(seen.get("config_last_reload_successful"), Some(0.0));
    assert_eq!(
        seen.get("config_last_reload_timestamp_seconds"),
        Some(started + 1_800.0)
    );
    let deliveries: Vec<_> = ["delivered", "refused", "failed"]
        .map(|result| seen.get(&format!("webhook_deliveries_total{{result=\"{result}\"}}")))
        .into();
    assert_eq!(deliveries, [Some(1.0), Some(0.0), Some(2.0)]);
    assert_eq!(seen.of_target("webhook_pending_commits", "one"), Some(7.0));
}

/// Labels hold names of the configuration and fixed words alone, however the server answers: checked on the text of a
/// daemon in trouble.
#[tokio::test]
async fn labels_are_few() {
    let mut world = super::world().await;
    world.settings.connections.get_mut("cloud").unwrap().retry_for = std::time::Duration::ZERO;
    for (nth, code) in [(1, 418), (2, 599), (3, 451)] {
        let when = uipath_audit_simulator::When::events().nth(nth);
        world
            .simulator
            .fault(when, uipath_audit_simulator::Fault::status(code));
    }
    world.happen(1, 20, 3);
    let daemon = super::Watched::start(&world, &world.settings);
    daemon.reaches(&world, &super::passes("done"), 1.0).await;
    let text = daemon.text(&world);
    daemon.end(&world).await;
    let names: BTreeSet<&str> = text
        .split(['{', ','])
        .filter_map(|part| part.split_once("=\"").map(|(name, _)| name))
        .filter(|name| name.chars().all(|letter| letter.is_ascii_lowercase()))
        .collect();
    let allowed = [
        "connection",
        "git",
        "kind",
        "le",
        "result",
        "state",
        "status",
        "target",
        "version",
    ];
    assert_eq!(names, BTreeSet::from(allowed));
    assert!(!text.contains("http") && !text.contains("127.0.0.1"), "{text}");
    let seen = Samples::read(&text);
    assert_eq!((seen.requests("4xx"), seen.requests("5xx")), (2.0, 1.0));
}
