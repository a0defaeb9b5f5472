//! Archives as analysts open them: with DuckDB, by the statements of `docs/query.md`, word for word. What they find is
//! what happened.

use std::{collections::BTreeMap, path::Path, process::Stdio};

use chrono::{DateTime, TimeDelta, Utc};
use object_store::{ObjectStoreExt as _, path::Path as Key};
use serde_json::Value;
use tokio::process::Command;
use uipath_audit_exporter::settings::{ArchiveOption, Compression};
use uipath_audit_simulator::{Fraction, Kind, NewEvent, Odd, Zone};

use crate::{
    emulators::{self, Missing},
    kinds,
    machine::Machine,
    place::{Place, PlaceKind},
    world::{TARGET, World},
};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/analyst/analyst.py");

/// Questions of the document that have no answer in a sound archive that was just read.
const MAY_BE_EMPTY: [&str; 2] = ["SELECT target, \"window\".\"from\"", "SET VARIABLE known"];

/// A world that archives into a place of that kind, with the CSV view.
async fn world(kind: PlaceKind) -> Result<(World, Place), Missing> {
    let place = Place::of(kind).await?;
    let mut world = World::on(place.direct(), place.store()).await;
    world.settings.archive.csv = true;
    Ok((world, place))
}

/// Three passes: a history, late events among news, and failed logins. Times are spelled in every way.
async fn live(world: &mut World, compressions: [Compression; 3]) {
    world.simulator.turn(|switches| {
        switches.records.zone = Zone::Mixed;
        switches.records.fraction = Fraction::Mixed;
    });
    let [first, second, third] = compressions;
    world.settings.archive.compression = first;
    world.settings.archive.max_events = 700;
    world.happen(1, 2_000, 8);
    world.once().await.unwrap();
    world.settings.archive.compression = second;
    world.advance(30);
    let now = world.now();
    for minutes in [3, 7, 20, 40, 50] {
        world
            .simulator
            .push(&world.stream, NewEvent::at(now - TimeDelta::minutes(minutes)));
    }
    world.once().await.unwrap();
    world.settings.archive.compression = third;
    world.advance(30);
    let now = world.now();
    for minutes in 5..10 {
        world.simulator.push(
            &world.stream,
            NewEvent::at(now - TimeDelta::minutes(minutes)).status(1),
        );
    }
    world.once().await.unwrap();
}

/// Runs the document over an archive. Returns what it found.
async fn ask(python: &Path, place: &Place, more: &[&str]) -> Value {
    let settings = place.settings();
    let mut command = Command::new(python);
    command.arg(SCRIPT).arg("--csv").args(more);
    if settings.url.scheme() == "file" {
        command.arg("--archive").arg(settings.url.to_file_path().unwrap());
    } else {
        let option = |name: &str| match &settings.options[name] {
            ArchiveOption::Plain(text) => text.clone(),
            ArchiveOption::Secret(_) => std::fs::read_to_string(place.secret_file(name)).unwrap(),
        };
        command.args(["--archive", settings.url.as_str()]);
        for (argument, name) in [
            ("--s3-endpoint", "aws_endpoint"),
            ("--s3-region", "aws_region"),
            ("--s3-key-id", "aws_access_key_id"),
            ("--s3-secret", "aws_secret_access_key"),
        ] {
            command.arg(argument).arg(option(name));
        }
    }
    let output = command.stdin(Stdio::null()).output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What happened, as an analyst would count it.
#[derive(Default)]
struct Truth {
    events: u64,
    failed: u64,
    addresses: u64,
    seconds: u64,
    days: BTreeMap<String, u64>,
    types: BTreeMap<String, u64>,
    actors: BTreeMap<String, u64>,
    times: Vec<DateTime<Utc>>,
}

impl Truth {
    fn of(world: &World) -> Self {
        let mut truth = Self::default();
        for event in world.simulator.truth(&world.stream) {
            let json: Value = serde_json::from_slice(&event.raw).unwrap();
            let details: Value = serde_json::from_str(json["eventDetails"].as_str().unwrap()).unwrap();
            let text = |key: &str| json[key].as_str().unwrap().to_owned();
            truth.events += 1;
            truth.failed += json["status"].as_u64().unwrap();
            truth.addresses += u64::from(json["clientInfo"]["ipAddress"].is_string());
            truth.seconds += details["timeBudgetSeconds"].as_u64().unwrap_or_default();
            *truth
                .days
                .entry(event.instant.date_naive().to_string())
                .or_default() += 1;
            *truth.types.entry(text("eventType")).or_default() += 1;
            *truth.actors.entry(text("actorName")).or_default() += 1;
            truth.times.push(event.instant);
        }
        truth.times.sort_unstable();
        truth
    }
}

/// Whatever the way and the compression: each event once, typed right, and every example has an answer.
fn assert_finds_what_happened(found: &Value, world: &World) {
    let truth = Truth::of(world);
    for count in ["rows", "ids", "written", "lines", "history", "history_again"] {
        assert_eq!(found[count], truth.events, "{count}");
    }
    for count in ["rows", "ids"] {
        assert_eq!(found["csv"][count], truth.events, "{count} of the CSV view");
    }
    let resumed = &found["history_resumed"];
    assert!(resumed["before"].as_u64() < Some(truth.events), "{resumed}");
    assert_eq!(resumed["after"], truth.events, "{resumed}");
    for (name, count) in [("failed", truth.failed), ("addresses", truth.addresses)] {
        assert_eq!(found[name], count, "{name}");
        assert_eq!(found["csv"][name], count, "{name} of the CSV view");
    }
    assert!(truth.failed > 50 && truth.addresses > 500);
    assert_eq!(found["seconds"], truth.seconds);
    for (name, counts) in [
        ("days", truth.days),
        ("types", truth.types),
        ("actors", truth.actors),
    ] {
        assert_eq!(found[name], serde_json::to_value(counts).unwrap(), "{name}");
    }
    assert_eq!(
        (&found["undated"], &found["out_of_place"]),
        (&0.into(), &0.into())
    );
    for (name, time) in [("first", truth.times.first()), ("last", truth.times.last())] {
        let told = format!("{}Z", found[name].as_str().unwrap());
        let told: DateTime<Utc> = told.parse().unwrap();
        let off = (told - *time.unwrap()).abs();
        assert!(off < TimeDelta::microseconds(1), "{name}: {told}, not {time:?}");
    }
    let scanned = found["scanned"]
        .as_array()
        .expect("a filter opens only some of the files");
    assert!(scanned[0].as_u64() < scanned[1].as_u64(), "{scanned:?}");
    assert_eq!(scanned[1], found["objects"]);
    assert_examples_answer(found);
}

fn assert_examples_answer(found: &Value) {
    let examples = found["examples"].as_array().unwrap();
    assert!(examples.len() > 10, "{examples:?}");
    for example in examples {
        let begins = example["begins"].as_str().unwrap();
        let may_be_empty = MAY_BE_EMPTY.iter().any(|question| begins.starts_with(question));
        let answered = example["rows"].as_u64() > Some(0);
        assert!(
            answered || example["asks"] == false || may_be_empty,
            "no answer: {begins}"
        );
    }
}

/// With each compression, in a place of that kind.
async fn each_event_is_found_once(kind: PlaceKind) -> Result<(), Missing> {
    let python = emulators::python()?;
    for compression in [Compression::Zstd, Compression::Gzip, Compression::None] {
        let (mut world, place) = world(kind).await?;
        live(&mut world, [compression; 3]).await;
        let found = ask(python, &place, &[]).await;
        assert_finds_what_happened(&found, &world);
    }
    Ok(())
}

#[tokio::test]
async fn the_documents_statements_find_each_event_once_in_a_directory() {
    if let Err(missing) = each_event_is_found_once(PlaceKind::File).await {
        emulators::skip("analysts, over a directory", &missing);
    }
}

#[tokio::test]
async fn the_documents_statements_find_each_event_once_in_s3() {
    if let Err(missing) = each_event_is_found_once(PlaceKind::S3).await {
        emulators::skip("analysts, over S3", &missing);
    }
}

#[tokio::test]
async fn an_archive_is_one_table_although_its_compression_changed() {
    let python = match emulators::python() {
        Ok(python) => python,
        Err(missing) => return emulators::skip("analysts, another compression", &missing),
    };
    let (mut world, place) = world(PlaceKind::File).await.unwrap();
    live(
        &mut world,
        [Compression::None, Compression::Gzip, Compression::Zstd],
    )
    .await;
    let found = ask(python, &place, &[]).await;
    assert_finds_what_happened(&found, &world);
}

#[tokio::test]
async fn what_no_commit_names_is_not_read() {
    let python = match emulators::python() {
        Ok(python) => python,
        Err(missing) => return emulators::skip("analysts, exact reading", &missing),
    };
    let (mut world, place) = world(PlaceKind::File).await.unwrap();
    live(&mut world, [Compression::Zstd; 3]).await;
    let named = world.ledger().await.keys(TARGET);
    let key = named.iter().find(|key| key.starts_with("jsonl/")).unwrap();
    let object = world.store.get(&Key::from(key.as_str())).await.unwrap();
    let bytes = object.bytes().await.unwrap();
    let (day, _) = key.rsplit_once('/').unwrap();
    let stray = format!("{day}/{:020}-0123456789abcdef.jsonl.zst", 99);
    world.store.put(&Key::from(stray), bytes.into()).await.unwrap();

    let found = ask(python, &place, &[]).await;
    assert_finds_what_happened(&found, &world);
    assert!(
        found["named_and_not"].as_u64() > found["rows"].as_u64(),
        "{found}"
    );
}

/// What DuckDB says where it refuses a file for one event, and the oddity that makes it.
const REFUSED: [(&str, Odd); 2] = [
    ("has duplicate key", Odd::DoubledKeys),
    ("surrogate", Odd::LoneSurrogates),
];

#[tokio::test]
async fn odd_events_are_all_there_as_lines_and_as_cells() {
    let python = match emulators::python() {
        Ok(python) => python,
        Err(missing) => return emulators::skip("analysts, odd events", &missing),
    };
    for odd in Odd::ALL {
        let (world, place) = world(PlaceKind::File).await.unwrap();
        world
            .simulator
            .turn(|switches| switches.records.odd = [odd].into());
        world.happen(1, 100, 3);
        world.once().await.unwrap();
        let found = ask(python, &place, &["--odd"]).await;
        assert_eq!(found["lines"], 100, "{odd:?}");
        let cells = (&found["csv"]["rows"], &found["csv"]["ids"]);
        assert_eq!(cells, (&100.into(), &100.into()), "{odd:?}");
        let examples = found["examples"].as_array().unwrap().iter();
        let refused: Vec<&str> = examples
            .filter_map(|example| example["refused"].as_str())
            .collect();
        let told = REFUSED.iter().find(|(_, of)| *of == odd);
        assert_eq!(refused.is_empty(), told.is_none(), "{odd:?}: {refused:?}");
        for refusal in refused {
            assert!(told.is_some_and(|(text, _)| refusal.contains(text)), "{refusal}");
        }
    }
}

#[tokio::test]
async fn what_other_apis_brought_is_found_by_the_documents_statements() {
    let python = match emulators::python() {
        Ok(python) => python,
        Err(missing) => return emulators::skip("analysts, other APIs", &missing),
    };
    for (kind, only) in [
        (Kind::Classic, "classic"),
        (Kind::LongTerm, "stored"),
        (Kind::UnifiedCsv, "files"),
    ] {
        let (mut world, place) = world(PlaceKind::File).await.unwrap();
        kinds::configure(&mut world.settings, kind);
        (world.kind, world.stream) = (kind, kinds::stream(kind));
        world.happen(1, 800, 20);
        world.settle();
        world.once().await.unwrap();
        let found = ask(python, &place, &["--only", only]).await;
        assert_eq!(found["rows"], 800, "{kind:?}: {found}");
        assert_eq!(found["written"], 800, "{kind:?}: {found}");
        assert!(
            found["first"].as_str() < found["last"].as_str(),
            "{kind:?}: {found}"
        );
        let examples = found["examples"].as_array().unwrap();
        assert_eq!(examples.len(), 3, "{examples:?}");
        assert!(examples[2]["rows"].as_u64() > Some(0), "{examples:?}");
    }
}

/// The blocks of a document that are in that language, without what says so.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let path = format!("{}/docs/{document}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let begins = format!("\n```{language}\n");
    let found = text.split(&begins).skip(1);
    found
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn what_is_to_be_copied_from_the_document_on_stores_is_well_formed() {
    let policies = blocks("stores.md", "json");
    assert_eq!(policies.len(), 3);
    for policy in policies {
        let policy: Result<Value, _> = serde_json::from_str(&policy);
        assert!(policy.is_ok(), "{policy:?}");
    }
    let machine = Machine::new().await;
    let archives = blocks("stores.md", "toml");
    assert_eq!(archives.len(), 5);
    let own = std::fs::read_to_string(&machine.config).unwrap();
    for archive in archives {
        // In place of the machine's own archive. What is shown behind a `#` is an example, too.
        let (before, rest) = own.split_once("[archive]").unwrap();
        let (_, after) = rest.split_once("\n[").unwrap();
        let archive = archive.replace("\n#", "\n");
        std::fs::write(&machine.config, format!("{before}{archive}\n[{after}")).unwrap();
        machine.expect(0, &["check", "--offline"]).await;
    }
}
