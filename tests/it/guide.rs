//! The examples of `docs/apis.md`, run as they stand there: UiPath's `curl` lines as requests, ours in a shell, both against
//! the service that `simulate` starts. What they show must be what happened, and ours must hold what UiPath's shows.

mod document;
mod place;
mod truth;

use std::collections::BTreeSet;

use serde_json::Value;

use self::{
    document::{Example, document, examples},
    place::{Place, Reply, zipped_records},
};
use crate::kinds::rows::rows;

/// The configuration of the examples.
const CONFIG: &str = include_str!("../../config/examples/apis.toml");

/// What an example's commands showed, one after the other.
struct Shown {
    command: String,
    output: Vec<u8>,
}

#[tokio::test]
async fn each_example_of_the_document_shows_what_happened() {
    let place = Place::new().await;
    let (mut compared, mut commands) = (0, 0);
    for example in examples() {
        let mut shown = Vec::new();
        for command in &example.commands {
            let output = place.run(command).await;
            let is_compared = place.assert_is_what_happened(command, &output).await;
            compared += usize::from(is_compared);
            shown.push(Shown {
                command: command.clone(),
                output,
            });
        }
        commands += shown.len();
        if let Some(asked) = &example.asked {
            let reply = place.ask(asked, example.target()).await;
            assert_is_shown(&place, &example, &reply, &shown);
        }
    }
    assert!(commands > 30 && compared > 15, "{compared} of {commands}");
}

#[test]
fn each_line_of_the_guide_has_ours_beside_it() {
    let examples = examples();
    let asked: Vec<&Example> = examples
        .iter()
        .filter(|example| example.asked.is_some())
        .collect();
    assert!(asked.len() > 15, "{}", asked.len());
    for example in asked {
        assert!(!example.commands.is_empty(), "{}", example.title);
    }
    for endpoint in [
        "/orgaudit_/api/query/events?",
        "/tenantaudit_/api/query/events?",
        "/orgaudit_/api/query/sources",
        "/tenantaudit_/api/query/sources",
        "/orgaudit_/api/query/downloadevents?",
        "/tenantaudit_/api/query/downloadevents?",
        "{organizationName}/audit_/api/auditlogs?",
        "{tenantName}/audit_/api/auditlogs/?",
        "/audit_/api/auditlogs/{partitionGlobalId}",
        "https://cloud.uipath.com/audit_/api/auditlogs?",
        "/audit_/api/auditlogs/download?",
        "/orgaudit_/api/query/downloadeventsfromlongtermstore?",
        "/orgaudit_/api/EventConfig/rules",
    ] {
        let has = |example: &Example| example.asked.as_ref().is_some_and(|line| line.contains(endpoint));
        assert!(examples.iter().any(has), "{endpoint}");
    }
}

#[test]
fn the_configuration_of_the_document_is_that_of_the_examples() {
    let mut targets = 0;
    for block in document::blocks(&document(), "toml") {
        assert!(
            CONFIG.contains(&block),
            "config/examples/apis.toml lacks:\n{block}"
        );
        targets += 1;
    }
    assert_eq!(CONFIG.matches("\n[[targets]]\n").count(), targets);
}

/// Ours holds what UiPath's line shows.
fn assert_is_shown(place: &Place, example: &Example, reply: &Reply, shown: &[Shown]) {
    let title = &example.title;
    let last = &shown.last().unwrap().output;
    if reply.path.ends_with("/query/events") || reply.path.contains("/auditlogs") && reply.is_json() {
        let page = reply.json();
        let records = page.get("auditEvents").or_else(|| page.get("results")).unwrap();
        let records = records.as_array().unwrap();
        assert!(!records.is_empty(), "{title}: UiPath's line shows nothing");
        assert_holds(title, &values(last), records);
    } else if reply.path.ends_with("/query/sources") {
        let json: Value = serde_json::from_slice(last).unwrap();
        assert_eq!(json, reply.json(), "{title}");
    } else if reply.path.ends_with("/rules") {
        let ours = String::from_utf8_lossy(last);
        assert!(
            ours.contains(&*String::from_utf8_lossy(&reply.body)),
            "{title}: {ours}"
        );
    } else if reply.path.ends_with("longtermstore") {
        let records = zipped_records(&reply.body);
        assert!(!records.is_empty(), "{title}: the store has nothing of that day");
        let cat = shown.iter().find(|shown| shown.command.contains(" cat "));
        assert_holds(title, &values(&cat.unwrap().output), &records);
        let mut days = shown.iter().filter(|shown| shown.command.contains(" download "));
        assert!(
            days.all(|day| zipped_records(&day.output) == records),
            "{title}: another day"
        );
    } else {
        assert_rows_are_shown(place, title, reply, shown);
    }
}

/// UiPath's file and ours have the same rows; of a list that has no span, its begin.
fn assert_rows_are_shown(place: &Place, title: &str, reply: &Reply, shown: &[Shown]) {
    let theirs = rows(&reply.body, true);
    assert!(!theirs.is_empty(), "{title}: UiPath's line shows nothing");
    let download = shown.iter().find(|shown| shown.command.contains(" download "));
    if let Some(download) = download {
        let ours = rows(&download.output, true);
        if reply.path.ends_with("/auditlogs/download") {
            assert_eq!(ours[..theirs.len()], theirs, "{title}");
        } else {
            assert_eq!(ours, theirs, "{title}");
        }
        return;
    }
    let theirs: BTreeSet<Vec<u8>> = theirs.into_iter().collect();
    let ours: BTreeSet<Vec<u8>> = place.rows_of(&shown.last().unwrap().output).into_iter().collect();
    assert!(
        !ours.is_empty() && ours.is_subset(&theirs),
        "{title}: {} of {}",
        ours.len(),
        theirs.len()
    );
}

fn assert_holds(title: &str, ours: &BTreeSet<String>, theirs: &[Value]) {
    for record in theirs {
        assert!(ours.contains(&record.to_string()), "{title}: ours lacks {record}");
    }
}

/// The lines, each as a JSON value spelled in one way.
fn values(lines: &[u8]) -> BTreeSet<String> {
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let value = |line| serde_json::from_slice::<Value>(line).unwrap().to_string();
    lines.map(value).collect()
}
