//! What the long-term store tells, read with a ZIP reader that is not the simulator's own.

use std::collections::BTreeSet;
use std::io::{Cursor, Read};

use chrono::{NaiveDate, TimeDelta};
use zip::ZipArchive;
use zip::read::read_zipfile_from_stream;

use super::client::{Got, elements, get};
use super::{acme, noon, production};
use crate::json::{member, text};
use crate::*;

const STORE: &str = "/acme/production/tenantaudit_/api/query/downloadeventsfromlongtermstore";
/// All days that are old enough at [`noon`].
const WEEK: &str = "?from=2025-03-16T13:00:00Z&to=2025-03-24T01:00:00Z";

async fn ask(simulator: &Simulator, query: &str) -> Got {
    get(simulator, &format!("{STORE}{query}")).await.unwrap()
}

/// Names and contents of an archive, those of archives inside it in their place.
fn unpack(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let by_directory = ZipArchive::new(Cursor::new(archive)).unwrap();
    let entries = archive.windows(4).filter(|four| four == b"PK\x01\x02").count();
    let packed = if by_directory.len() == entries {
        from_directory(by_directory)
    } else {
        // The reader's directory keeps one entry of a name.
        one_by_one(archive)
    };
    let mut files = Vec::new();
    for (name, content) in packed {
        if name.ends_with(".zip") {
            files.extend(unpack(&content));
        } else {
            files.push((name, content));
        }
    }
    files
}

fn from_directory(mut archive: ZipArchive<Cursor<&[u8]>>) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for n in 0..archive.len() {
        let mut entry = archive.by_index(n).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        files.push((entry.name().unwrap().into_owned(), content));
    }
    files
}

fn one_by_one(mut archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    while let Some(mut entry) = read_zipfile_from_stream(&mut archive).unwrap() {
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        files.push((entry.name().unwrap().into_owned(), content));
    }
    files
}

fn records(archive: &[u8]) -> Vec<Vec<u8>> {
    let files = unpack(archive);
    let arrays = files
        .iter()
        .map(|(_, content)| content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content));
    arrays.flat_map(elements).collect()
}

fn due(simulator: &Simulator) -> Vec<Vec<u8>> {
    let truth = simulator.long_term_truth(&production());
    let due = truth.into_iter().filter(|event| event.visible);
    due.map(|event| event.raw).collect()
}

#[tokio::test]
async fn a_day_is_an_entry_with_all_its_events_in_the_stores_own_words() {
    let simulator = acme(Switches::default(), 300).await;
    let got = ask(&simulator, "?from=2025-03-20T23:00:00Z&to=2025-03-20T01:00:00Z").await;
    assert_eq!(
        (got.status, got.headers["content-type"].as_str()),
        (200, "application/zip")
    );
    let files = unpack(&got.body);
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].0, "2025-03-20.txt");
    let truth = simulator.truth(&production());
    let day = NaiveDate::from_ymd_opt(2025, 3, 20).unwrap();
    let live: Vec<_> = truth
        .iter()
        .filter(|event| event.instant.date_naive() == day)
        .collect();
    let records = elements(&files[0].1);
    assert!(live.len() > 10 && records.len() == live.len());
    for (record, event) in records.iter().zip(live) {
        let told = |name| member(record, name).and_then(text);
        assert_eq!(told("Identifier"), event.id);
        assert_eq!(
            told("DateCreatedUtc").unwrap(),
            event.created_on.clone().unwrap().replace('Z', "0000Z")
        );
        for (here, there) in [
            ("User", "actorName"),
            ("Action", "eventType"),
            ("Source", "eventSource"),
            ("Category", "eventTarget"),
            ("Status", "status"),
        ] {
            assert_eq!(member(record, here), member(&event.raw, there), "{here}");
        }
        assert!(member(record, "eventSummary").is_none() && record.starts_with(b"{\"OrganizationId\""));
    }
    assert_eq!(
        ask(&simulator, "?from=2025-03-20&to=2025-03-20").await.body,
        got.body
    );
}

#[tokio::test]
async fn whole_days_between_both_bounds_are_told() {
    let simulator = acme(Switches::default(), 300).await;
    let names = |body: &[u8]| -> Vec<String> { unpack(body).into_iter().map(|(name, _)| name).collect() };
    let got = ask(
        &simulator,
        "?from=2025-03-18T23:59:59.999Z&to=2025-03-20T00:00:00Z",
    )
    .await;
    assert_eq!(
        names(&got.body),
        ["2025-03-18.txt", "2025-03-19.txt", "2025-03-20.txt"]
    );
    assert_eq!(ask(&simulator, "?from=yesterday").await.status, 400);
}

#[tokio::test]
async fn events_of_an_organization_have_no_tenant() {
    let simulator = acme(Switches::default(), 0).await;
    let acme = StreamId::organization("acme");
    simulator.generate(
        &acme,
        3,
        20,
        noon() - TimeDelta::days(9),
        noon() - TimeDelta::days(5),
    );
    let target = "/acme/orgaudit_/api/Query/downloadEventsFromLongTermStore?from=2025-03-10&to=2025-03-24";
    let got = get(&simulator, target).await.unwrap();
    let records = records(&got.body);
    assert_eq!(records.len(), 20);
    assert!(
        records
            .iter()
            .all(|record| member(record, "TenantId") == Some(b"null"))
    );
}

#[tokio::test]
async fn young_days_are_empty_until_they_are_old_enough() {
    let simulator = acme(Switches::default(), 300).await;
    let yesterday = "?from=2025-03-22&to=2025-03-22";
    let count = async || records(&ask(&simulator, yesterday).await.body).len();
    let all = simulator.long_term_truth(&production());
    assert_eq!(all.len(), 300);
    // 48 hours after the end of the 22nd it is the 25th.
    simulator.clock().advance(TimeDelta::minutes(12 * 60 - 1));
    assert_eq!(count().await, 0);
    let empty = ask(&simulator, yesterday).await.body;
    assert_eq!(empty.len(), 22, "an end-of-directory record alone");
    simulator.clock().advance(TimeDelta::minutes(1));
    let all = count().await;
    assert!(all > 1);
    simulator.turn(|switches| switches.long_term.lag_from = LagFrom::Event);
    simulator.clock().advance(TimeDelta::hours(-12));
    let some = count().await;
    assert!(some > 0 && some < all, "a young day is there in part");
}

#[tokio::test]
async fn events_are_kept_for_two_years() {
    let simulator = acme(Switches::default(), 0).await;
    for days in [729, 731] {
        simulator.push(&production(), NewEvent::at(noon() - TimeDelta::days(days)));
    }
    assert_eq!(
        records(&ask(&simulator, "?from=2000-01-01&to=2025-03-20").await.body).len(),
        1
    );
    simulator.turn(|switches| switches.long_term.retention_days = 5 * 365);
    assert_eq!(
        records(&ask(&simulator, "?from=2000-01-01&to=2025-03-20").await.body).len(),
        2
    );
}

#[tokio::test]
async fn every_switch_tells_the_same_bytes_on_each_call() {
    let mut all = Switches::each_for(Kind::LongTerm);
    for seed in 0..40 {
        all.push(("mixed", Switches::seeded_for(Kind::LongTerm, seed)));
    }
    for (name, mut switches) in all {
        if name == "mixed" {
            switches.long_term.heavy = 0;
            // Neither way of reading copes with entries of one name and sizes that follow.
            switches.long_term.streamed &= !matches!(
                switches.long_term.entries,
                Entries::OneName | Entries::ZipPerHourOneName
            );
        }
        let names = switches.names();
        let heavy = switches.long_term.heavy;
        let simulator = acme(switches, 250).await;
        for _ in 0..heavy {
            assert_eq!(ask(&simulator, WEEK).await.status, 504);
        }
        let got = ask(&simulator, WEEK).await;
        assert!(got.whole && got.status == 200, "{name} {names:?}");
        let due: BTreeSet<_> = due(&simulator).into_iter().collect();
        let told = records(&got.body);
        assert_eq!(told.len(), due.len(), "{name} {names:?}");
        assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), due, "{name} {names:?}");
        assert_eq!(
            ask(&simulator, WEEK).await.body,
            got.body,
            "{name}: bytes are stable"
        );
        simulator.stop().await;
    }
}

#[tokio::test]
async fn entries_are_named_and_divided_as_the_switches_say() {
    let simulator = acme(Switches::default(), 300).await;
    let day = "?from=2025-03-20&to=2025-03-20";
    let names = async |entries, names| {
        simulator.turn(|switches| {
            switches.long_term.entries = entries;
            switches.long_term.names = names;
        });
        let body = ask(&simulator, day).await.body;
        let raw = String::from_utf8_lossy(&body).into_owned();
        (raw, unpack(&body))
    };
    let (raw, files) = names(Entries::ZipPerHour, EntryNames::Day).await;
    assert!(raw.contains("2025-03-20-09.zip") && files.iter().all(|(name, _)| name == "2025-03-20.txt"));
    let (raw, _) = names(Entries::ZipPerHourOneName, EntryNames::Day).await;
    assert!(raw.matches("2025-03-20.zip").count() > 4);
    let (raw, _) = names(Entries::OneName, EntryNames::Climbing).await;
    assert!(raw.matches("../../2025-03-20.txt").count() > 4);
    let (raw, _) = names(Entries::Folders, EntryNames::Absolute).await;
    assert!(raw.contains("/tmp/0/2025-03-20.txt") && raw.contains("/tmp/1/2025-03-20.txt"));
    let (raw, _) = names(Entries::Numbered, EntryNames::Backslashes).await;
    assert!(raw.contains("..\\..\\2025-03-20_0.txt"));
}

#[tokio::test]
async fn days_without_events_are_told_in_four_ways() {
    let simulator = acme(Switches::default(), 10).await;
    let empty = async |empty| {
        simulator.turn(|switches| switches.long_term.empty = empty);
        ask(&simulator, "?from=2024-06-01&to=2024-06-02").await
    };
    assert!(unpack(&empty(EmptyDay::EmptyZip).await.body).is_empty());
    let files = unpack(&empty(EmptyDay::EmptyArray).await.body);
    let content = |name: &str| (name.to_owned(), b"[]".to_vec());
    assert_eq!(files, [content("2024-06-01.txt"), content("2024-06-02.txt")]);
    let got = empty(EmptyDay::EmptyBody).await;
    assert_eq!((got.status, got.body.len()), (200, 0));
    assert_eq!(empty(EmptyDay::NoContent).await.status, 204);
}

#[tokio::test]
async fn heavy_days_time_out() {
    let simulator = acme(Switches::default(), 100).await;
    let status = async |day: u32| {
        let query = format!("?from=2025-03-{day}&to=2025-03-{day}");
        ask(&simulator, &query).await.status
    };
    simulator.set_heavy_day(&production(), NaiveDate::from_ymd_opt(2025, 3, 19).unwrap());
    assert_eq!(
        [status(18).await, status(19).await, status(19).await],
        [200, 504, 504]
    );
    let week = ask(&simulator, WEEK).await;
    assert_eq!(
        (week.status, week.body.as_slice()),
        (504, &b"upstream request timeout"[..])
    );
    simulator.clear_heavy_days();
    assert_eq!(status(19).await, 200);
    simulator.turn(|switches| switches.long_term.heavy = 2);
    assert_eq!(
        [status(20).await, status(20).await, status(20).await],
        [504, 504, 200]
    );
}

#[tokio::test]
async fn what_is_held_back_is_not_there_however_old() {
    let simulator = acme(Switches::default(), 0).await;
    let count = async || records(&ask(&simulator, WEEK).await.body).len();
    let old = || NewEvent::at(noon() - TimeDelta::days(5));
    simulator.push_when(&production(), old(), Appears::AfterRequests(1));
    simulator.push_when(&production(), old(), Appears::WhenReleased);
    assert_eq!([count().await, count().await], [0, 1]);
    simulator.release(&production());
    assert_eq!(count().await, 2);
    let truth = simulator.long_term_truth(&production());
    assert!(truth.iter().all(|event| event.visible));
}

#[tokio::test]
async fn stores_may_differ() {
    let simulator = acme(Switches::default(), 200).await;
    simulator.turn(|switches| switches.long_term.strays = Strays::OnlyLive(10));
    let kept = simulator.long_term_truth(&production()).len();
    assert!((150..200).contains(&kept), "{kept}");
    assert!(simulator.truth(&production()).iter().all(|event| event.visible));
    simulator.turn(|switches| switches.long_term.strays = Strays::OnlyLongTerm(10));
    assert_eq!(simulator.long_term_truth(&production()).len(), 200);
    let truth = simulator.truth(&production());
    let shown = truth.iter().filter(|event| event.visible).count();
    assert_eq!(shown, kept);
}

#[tokio::test]
async fn archives_break_in_the_ways_archives_do() {
    let fails = async |fault: ZipFault, packing| {
        let simulator = acme(Switches::default(), 100).await;
        simulator.turn(|switches| switches.long_term.packing = packing);
        simulator.fault(When::long_term(), Fault::Zip(fault));
        let got = ask(&simulator, WEEK).await;
        assert!(got.whole);
        let mut archive = ZipArchive::new(Cursor::new(got.body)).unwrap();
        let mut entry = match archive.by_index(0) {
            Ok(entry) => entry,
            Err(error) => return error.to_string(),
        };
        let size = entry.size();
        match entry.read_to_end(&mut Vec::new()) {
            Ok(_) => format!("{size} bytes"),
            Err(error) => error.to_string(),
        }
    };
    for packing in [Packing::Stored, Packing::Deflated] {
        assert_eq!(fails(ZipFault::WrongByte, packing).await, "Invalid checksum");
        assert!(fails(ZipFault::Encrypted, packing).await.contains("assword"));
        assert_eq!(fails(ZipFault::Bomb(3), packing).await, "3145730 bytes");
    }
    let simulator = acme(Switches::default(), 100).await;
    let whole = ask(&simulator, WEEK).await.body.len();
    simulator.fault(When::long_term().nth(1), Fault::Truncated(500));
    simulator.fault(When::long_term().nth(2), Fault::CutOff(1000));
    simulator.fault(
        When::long_term().nth(3),
        Fault::ErrorAsSuccess(ErrorBody::Orchestrator),
    );
    let truncated = ask(&simulator, WEEK).await;
    assert!(truncated.whole && truncated.body.len() == whole / 2);
    assert!(ZipArchive::new(Cursor::new(truncated.body)).is_err());
    let cut = ask(&simulator, WEEK).await;
    assert!(!cut.whole && cut.body.len() == 1000);
    let error = ask(&simulator, WEEK).await;
    assert!(error.status == 200 && error.body.starts_with(b"{\"message\""));
}
