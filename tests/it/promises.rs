//! Promises that need a history of their own: gaps, other streams, altered archives, clocks, secrets, limits.

use chrono::TimeDelta;
use futures::TryStreamExt as _;
use object_store::{ObjectStoreExt as _, PutPayload, path::Path};
use uipath_audit_exporter::{
    error::{Action, Chain},
    export::PassError,
    observe,
    target::Start,
};
use uipath_audit_simulator::{Fault, NewEvent, When};

use crate::world::{TARGET, World, at};

fn days(days: u64) -> std::time::Duration {
    std::time::Duration::from_secs(days * 86_400)
}

fn key(number: u64) -> Path {
    Path::parse(format!("commits/{TARGET}/{number:020}.json")).unwrap()
}

/// Two passes with events in both.
async fn two_commits() -> World {
    let world = World::new().await;
    world.happen(1, 100, 3);
    world.once().await.unwrap();
    world.simulator.push(&world.stream, NewEvent::at(world.now()));
    world.advance(15);
    world.once().await.unwrap();
    world
}

#[tokio::test]
async fn a_span_older_than_the_server_keeps_is_an_admitted_gap() {
    let mut world = World::new().await;
    world.settings.targets[0].pace.start = Start::Ago(days(200));
    world.happen(1, 50, 30);
    world.once().await.unwrap();
    let ledger = world.assert_archive_equals_truth().await;
    let kinds: Vec<_> = ledger.commits.iter().map(|commit| &commit["kind"]).collect();
    assert_eq!(kinds, ["gap", "events"]);
    let gap = &ledger.commits[0];
    assert_eq!(gap["window"]["from"], "2026-05-04T12:00:00.000Z");
    assert_eq!(
        gap["window"]["to"], "2026-08-22T12:00:00.000Z",
        "the retention ends there"
    );
    assert!(gap["reason"].as_str().unwrap().contains("90 days"), "{gap}");
}

#[tokio::test]
async fn an_event_that_says_it_is_ancient_hides_no_gap() {
    let mut world = World::new().await;
    world.settings.targets[0].pace.start = Start::Ago(days(200));
    world.happen(1, 50, 30);
    let filed = world.now() - TimeDelta::days(10);
    let ancient = r#"{"id":"a","createdOn":"0001-01-01T00:00:00"}"#;
    world.simulator.push_raw(&world.stream, filed, ancient);
    world.once().await.unwrap();
    let ledger = world.assert_archive_equals_truth().await;
    let kinds: Vec<_> = ledger.commits.iter().map(|commit| &commit["kind"]).collect();
    assert_eq!(kinds, ["gap", "events"]);
}

/// The first pass begins a little after its start was chosen: what expired in between is no gap, the archive begins there.
#[tokio::test]
async fn an_archive_begins_where_the_server_begins_if_that_is_a_little_after_its_start() {
    for (seconds, shown, first, from) in [
        (30, false, "events", "2026-08-22T12:00:00.000Z"),
        (30, true, "events", "2026-08-22T11:59:50.000Z"),
        (7200, false, "gap", "2026-08-22T10:00:00.000Z"),
    ] {
        let mut world = World::new().await;
        let edge = world.now() - TimeDelta::days(90);
        world.settings.targets[0].pace.start = Start::At(edge - TimeDelta::seconds(seconds));
        world.happen(1, 50, 30);
        if shown {
            let event = NewEvent::at(edge - TimeDelta::seconds(10));
            world.simulator.push(&world.stream, event);
        }
        world.once().await.unwrap();
        let ledger = world.assert_archive_equals_truth().await;
        assert_eq!(ledger.lines.len(), 50 + usize::from(shown));
        let commit = &ledger.commits[0];
        assert_eq!(
            (&commit["kind"], &commit["window"]["from"]),
            (&first.into(), &from.into())
        );
        assert_eq!(commit["lookback_from"], commit["window"]["from"]);
    }
}

#[tokio::test]
async fn another_stream_under_the_same_name_is_refused() {
    let mut world = two_commits().await;
    world.settings.targets[0].tenant = None;
    let error = world.once().await.unwrap_err();
    assert!(matches!(error, PassError::OtherStream { .. }), "{error:?}");
    assert_eq!(error.action(), Action::Stop);
    assert!(error.hint().unwrap().contains("a new name"));
    world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn an_archive_that_was_rolled_back_stops_its_target_until_a_person_says_so() {
    let world = two_commits().await;
    world.store.delete(&key(1)).await.unwrap();
    let error = world.once().await.unwrap_err();
    assert!(matches!(error, PassError::RolledBack { .. }), "{error:?}");
    assert_eq!(error.action(), Action::Stop);
    world.start().await.exporter.recover().await.unwrap();
    world.once().await.unwrap();
    world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn an_altered_commit_stops_its_target() {
    let world = two_commits().await;
    let bytes = world.store.get(&key(1)).await.unwrap().bytes().await.unwrap();
    let altered = String::from_utf8(bytes.to_vec())
        .unwrap()
        .replace("\"epoch\":", "\"epoch\": ");
    world.store.put(&key(1), PutPayload::from(altered)).await.unwrap();
    let error = world.once().await.unwrap_err();
    assert!(matches!(error, PassError::Altered { number: 1, .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("verify"));
}

#[tokio::test]
async fn a_clock_that_goes_back_moves_nothing() {
    let world = two_commits().await;
    let later = world.now();
    world.simulator.clock().fix(later - TimeDelta::hours(5));
    let error = world.once().await.unwrap_err();
    assert!(matches!(error, PassError::Clock { .. }), "{error:?}");
    world.simulator.clock().fix(later + TimeDelta::minutes(15));
    world.once().await.unwrap();
    world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn an_event_later_than_the_lookback_is_found_by_the_daily_one() {
    let world = two_commits().await;
    let late = world.now() - TimeDelta::hours(20);
    world.simulator.push(&world.stream, NewEvent::at(late));
    world.advance(15);
    assert_eq!(
        world.once().await.unwrap().counts.late,
        0,
        "it is too late for the lookback"
    );
    world.simulator.clock().fix(at("2026-11-21T00:15:00Z"));
    assert_eq!(world.once().await.unwrap().counts.late, 1);
    world.assert_archive_equals_truth().await;
}

#[tokio::test]
async fn a_commit_holds_no_more_bytes_than_the_limit() {
    let mut world = World::new().await;
    world.settings.archive.max_bytes = 64 << 10;
    world.happen(1, 2_000, 10);
    world.once().await.unwrap();
    let ledger = world.assert_archive_equals_truth().await;
    let mut lines = ledger.lines.iter();
    for commit in &ledger.commits {
        let events = usize::try_from(commit["counts"]["written"].as_u64().unwrap()).unwrap();
        let bytes: usize = lines.by_ref().take(events).map(Vec::len).sum();
        assert!(bytes <= 64 << 10, "{bytes} bytes in commit {}", commit["number"]);
    }
}

/// The client secret and every token that was shown to the server: in no object, no file of the state, no log line, no error.
#[tokio::test]
async fn secrets_stand_nowhere() {
    let captured = observe::capture();
    let mut world = World::new().await;
    world.settings.archive.csv = true;
    world.happen(1, 100, 3);
    world.once().await.unwrap();
    let mut told = Vec::new();
    for fault in [Fault::status(401), Fault::status(403), Fault::ForgetTokens] {
        let fault = world.simulator.fault(When::events(), fault);
        let error = world.once().await.unwrap_err();
        told.push(format!("{} {error:?} {:?}", Chain(&error), error.hint()));
        world.simulator.clear_fault(fault);
    }
    told.push(format!("{:?}", world.settings));
    told.extend(captured.lines());
    assert!(told.len() > 5, "{} lines were logged", told.len());

    let requests = world.simulator.requests();
    let tokens = requests.iter().filter_map(|seen| seen.authorization.as_deref());
    let mut secrets: Vec<String> = tokens
        .map(|header| header.trim_start_matches("Bearer ").to_owned())
        .collect();
    secrets.push(world.simulator.client_secret());
    secrets.sort_unstable();
    secrets.dedup();
    assert!(secrets.len() > 2, "several tokens were used");

    let mut stored: Vec<(String, Vec<u8>)> = Vec::new();
    for meta in world.store.list(None).try_collect::<Vec<_>>().await.unwrap() {
        let bytes = world
            .store
            .get(&meta.location)
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        let name = meta.location.to_string();
        let content = if name.ends_with(".zst") {
            zstd::decode_all(&bytes[..]).unwrap()
        } else {
            bytes.to_vec()
        };
        stored.push((name, content));
    }
    for file in files_below(&world.state_dir()) {
        stored.push((file.display().to_string(), std::fs::read(&file).unwrap()));
    }
    assert!(stored.len() > 5, "{} objects and files", stored.len());
    for secret in &secrets {
        let holder = stored.iter().find(|(_, bytes)| {
            bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes())
        });
        assert!(holder.is_none(), "a secret stands in {}", holder.unwrap().0);
        assert!(
            told.iter().all(|line| !line.contains(secret)),
            "a secret was told"
        );
    }
}

fn files_below(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}
