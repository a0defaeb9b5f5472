//! Archives that are in order, whatever their shape: expired, growing, several targets, nothing at all.

use std::sync::Mutex;

use bytes::Bytes;

use super::{commit_key, deeply, run, stray};
use crate::{
    commit::Kind,
    verify::{
        Note, Options, Progress, VerifyError,
        sample::{Sample, event, memory, window},
        verify,
    },
};

fn since(number: u64) -> Options {
    Options {
        since: Some(number),
        ..deeply()
    }
}

fn named(names: &[&str]) -> Options {
    Options {
        targets: names.iter().map(|name| (*name).to_owned()).collect(),
        ..deeply()
    }
}

#[tokio::test]
async fn a_clean_archive_is_complete_and_unaltered() {
    let report = run(&Sample::new("acme").archive().await, deeply()).await;
    assert_eq!(report.exit_code(), 0, "{report}");
    let target = &report.targets[0];
    assert_eq!((target.target.as_str(), target.numbers), ("acme", Some((0, 6))));
    assert_eq!(target.coverage, Some(window("01T00:00:00", "02T06:00:00")));
    assert_eq!((target.commits.events, target.commits.empty), (4, 1));
    assert_eq!((target.commits.gap, target.commits.backfill), (1, 1));
    assert_eq!(
        (target.events.events, target.events.backfill, target.events.sum()),
        (8, 1, 9)
    );
    assert_eq!(target.objects, 12, "each in two formats");
    assert_eq!((target.gaps.len(), target.gaps[0].number), (1, 3));
    assert_eq!(
        target.notes,
        [Note::Duplicates { events: 7 }, Note::Undated { events: 1 }]
    );
    assert_eq!(report.notes, []);
    let text = report.to_string();
    assert!(
        text.contains("acme: commits 0 to 6, 2026-01-01T00:00:00.000Z to"),
        "{text}"
    );
    assert!(text.contains(
        "  gap: 2026-01-02T02:00:00.000Z to 2026-01-02T04:00:00.000Z (commit 3): the server forgot"
    ));
    assert!(
        text.ends_with("unaltered, and complete but for 1 admitted gap: 9 events, 12 objects, 7 commits\n")
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["targets"][0]["coverage"]["to"], "2026-01-02T06:00:00.000Z");
}

#[tokio::test]
async fn progress_reaches_its_totals() {
    let seen = Mutex::new(Vec::<Progress>::new());
    let archive = Sample::new("acme").archive().await;
    verify(&archive, &deeply(), |at| seen.lock().unwrap().push(at.clone()))
        .await
        .unwrap();
    let seen = seen.into_inner().unwrap();
    assert_eq!(seen.len(), 7 + 12);
    let last = seen.last().unwrap();
    assert_eq!(
        (last.commits, last.objects, last.bytes),
        (7, 12, last.bytes_total)
    );
    assert_eq!((last.commits_total, last.objects_total), (7, 12));
}

#[tokio::test]
async fn versions_of_one_event_and_a_clock_that_went_back_are_noted() {
    let mut sample = Sample::new("acme");
    let other = [event("e", "02T05:00:00").replace("\"n\":1", "\"n\":2")];
    sample.commit(
        Kind::Events,
        window("02T06:00:00", "02T08:00:00"),
        "02T05:00:00",
        &other,
    );
    sample.commits[7].counts.conflict = 1;
    sample.commits[7].committed_at = sample.commits[0].committed_at;
    let report = run(&sample.archive().await, deeply()).await;
    assert_eq!(report.exit_code(), 0, "{report}");
    let notes = &report.targets[0].notes;
    for note in [
        Note::Versions { ids: 1, events: 2 },
        Note::Conflicts { events: 1 },
        Note::ClockWentBack { commits: 1 },
    ] {
        assert!(notes.contains(&note), "{notes:?}");
    }
}

#[tokio::test]
async fn objects_that_no_commit_names_are_noted() {
    let mut sample = Sample::new("acme");
    for key in [
        stray(3),
        stray(7),
        "jsonl/README".to_owned(),
        "commits/acme/notes.txt".to_owned(),
        "commits/ACME/00000000000000000000.json".to_owned(),
        "commits/acme/+0000000000000000000.json".to_owned(),
        stray(0).replace("acme", "other"),
    ] {
        sample.extra.insert(key, Bytes::new());
    }
    let archive = sample.archive().await;
    let report = run(&archive, deeply()).await;
    assert_eq!(report.exit_code(), 0, "{report}");
    let notes = &report.targets[0].notes;
    assert!(
        notes.contains(&Note::Unreferenced {
            objects: 1,
            key: stray(3)
        }),
        "{notes:?}"
    );
    assert!(notes.contains(&Note::UnderWay { objects: 1 }), "{notes:?}");
    assert!(
        report
            .notes
            .iter()
            .any(|note| matches!(note, Note::Foreign { objects: 3, .. }))
    );
    assert!(
        report
            .notes
            .iter()
            .any(|note| matches!(note, Note::Foreign { objects: 1, .. }))
    );
    let orphan = Note::NoCommits {
        target: "other".to_owned(),
        objects: 1,
    };
    assert!(report.notes.contains(&orphan), "{:?}", report.notes);
    let report = run(&archive, named(&["acme"])).await;
    assert!(report.targets[0].notes.contains(&Note::UnderWay { objects: 1 }));
    assert!(!report.notes.contains(&orphan), "the other one was not asked for");
}

#[tokio::test]
async fn expired_commits_are_no_alteration() {
    let mut sample = Sample::new("acme");
    sample.dropped = vec![0, 1];
    let report = run(&sample.archive().await, deeply()).await;
    assert_eq!(report.exit_code(), 0, "{report}");
    let target = &report.targets[0];
    assert_eq!(target.numbers, Some((2, 6)));
    assert!(target.notes.contains(&Note::Expired { oldest: 2 }));
    assert!(target.notes.contains(&Note::Before { objects: 2 }));
}

#[tokio::test]
async fn since_begins_there_and_looks_at_the_commit_before() {
    let mut sample = Sample::new("acme");
    let archive = sample.archive().await;
    let report = run(&archive, since(3)).await;
    assert_eq!(
        (report.exit_code(), report.targets[0].numbers),
        (0, Some((3, 6))),
        "{report}"
    );
    let report = run(&archive, since(7)).await;
    assert_eq!(
        (report.exit_code(), report.targets[0].numbers),
        (0, None),
        "nothing new: {report}"
    );
    let report = run(&archive, since(8)).await;
    assert_eq!(report.exit_code(), 10, "a commit was there: {report}");
    assert!(report.to_string().contains(&commit_key(7)));

    sample.commits[2].run = "another".to_owned();
    let report = run(&sample.archive().await, since(3)).await;
    assert_eq!(report.exit_code(), 10, "{report}");
    sample.dropped = vec![2];
    let report = run(&sample.archive().await, since(3)).await;
    assert_eq!(report.exit_code(), 0, "{report}");
    assert!(
        report.targets[0].notes.contains(&Note::Expired { oldest: 3 })
            || report.targets[0].numbers == Some((3, 6))
    );
    sample.dropped = vec![3];
    let report = run(&sample.archive().await, since(3)).await;
    assert_eq!(report.exit_code(), 10, "{report}");
}

#[tokio::test]
async fn each_target_is_checked_by_itself() {
    let archive = memory().await;
    Sample::new("acme").store(&archive).await;
    let mut other = Sample::new("other");
    other.commits[3].window.from = window("02T03:00:00", "02T04:00:00").from;
    other.link();
    other.store(&archive).await;
    let report = run(&archive, deeply()).await;
    assert_eq!((report.targets.len(), report.exit_code()), (2, 11), "{report}");
    assert!(
        report
            .to_string()
            .ends_with("INCOMPLETE: 1 hole that no gap admits, in 18 events, 24 objects, 14 commits\n")
    );
    assert_eq!(run(&archive, named(&["acme"])).await.exit_code(), 0);
    other.commits[3].epoch = 0;
    other.link();
    let altered = memory().await;
    other.store(&altered).await;
    assert_eq!(
        run(&altered, deeply()).await.exit_code(),
        10,
        "altered comes before a hole"
    );
}

#[tokio::test]
async fn nothing_is_never_complete() {
    let empty = memory().await;
    let error = verify(&empty, &Options::default(), |_| {}).await.unwrap_err();
    assert!(matches!(error, VerifyError::Empty { .. }));
    assert_eq!((error.exit_code(), error.hint().is_some()), (12, true));
    let archive = Sample::new("acme").archive().await;
    let report = run(&archive, named(&["acme", "acne"])).await;
    assert_eq!((report.targets.len(), report.exit_code()), (2, 10), "{report}");
    assert!(report.to_string().contains("no commit at all"));
    let error = verify(&archive, &named(&["Acme"]), |_| {}).await.unwrap_err();
    assert_eq!(error.exit_code(), 2);
}

#[cfg(unix)]
#[tokio::test]
async fn an_archive_that_cannot_be_read_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let url = url::Url::from_directory_path(directory.path()).unwrap();
    let archive = crate::archive::Archive::open_url(&url).unwrap();
    let sample = Sample::new("acme");
    sample.store(&archive).await;
    assert_eq!(run(&archive, deeply()).await.exit_code(), 0);
    let path = directory.path().join(commit_key(1));
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&path, &path).unwrap();
    let error = verify(&archive, &deeply(), |_| {}).await.unwrap_err();
    assert_eq!(error.exit_code(), 12, "{error}");
}
