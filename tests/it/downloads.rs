//! Files that the server makes, and days of the long-term store: whole and byte for byte, or not at all. At the level of a
//! source, and of the command.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use uipath_audit_exporter::{
    checkpoint::Known,
    source::{FileKind, Limits, Outcome, Slice, Source, http::Connection},
    target::{Api, Target},
    window::Window,
};
use uipath_audit_simulator::{CutAt, EmptyDay, Fault, Framing, Kind, Switches, When, ZipFault};

use crate::{machine::Machine, world::World};

const LIMITS: Limits = Limits {
    events: 10_000,
    bytes: 16 << 20,
    bytes_of_an_instant: 64 << 20,
};

fn source(world: &World, api: Api) -> Source {
    let connection = Connection::open(
        &world.settings.connections["cloud"],
        world.clock(),
        Arc::default(),
    )
    .unwrap();
    let target = Target {
        api,
        ..world.settings.targets[0].clone()
    };
    Source::of(&target, connection)
}

/// Events of 30 days that have been over for ten.
async fn world(switches: Switches, count: u32) -> World {
    let world = World::new().await;
    world.simulator.set_switches(switches);
    let now = world.now();
    let (from, to) = (now - TimeDelta::days(40), now - TimeDelta::days(10));
    world.simulator.generate(&world.stream, 7, count, from, to);
    world
}

fn span(world: &World) -> Window {
    let now = world.now();
    Window::new(now - TimeDelta::days(41), now - TimeDelta::days(9))
}

/// A span, slice by slice; too big ones narrower.
async fn slices(source: &mut Source, span: Window, limits: Limits) -> Vec<Slice> {
    source.prepare().await.unwrap();
    let (mut slices, mut rest, mut width) = (Vec::new(), span, span.width());
    while !rest.is_empty() {
        let part = rest.split(width).0;
        let known = Known::default();
        match source
            .read(part, &known, limits, None, None, &|_| ())
            .await
            .unwrap()
        {
            Outcome::TooBig { width: less, .. } => {
                assert!(less < part.width());
                width = less;
            }
            Outcome::Complete(slice) => {
                assert_eq!(slice.span.from, rest.from);
                rest = Window::new(slice.span.to, rest.to);
                slices.push(slice);
            }
        }
    }
    slices
}

fn rows(slices: &[Slice]) -> u64 {
    let files = slices.iter().filter_map(|slice| slice.file.as_ref());
    files.map(|file| file.rows).sum()
}

/// Names of switches under which a single reading sees less than there is.
fn hides(name: &str) -> bool {
    name.starts_with("pages.arrival")
        || name.starts_with("records.odd")
        || name.starts_with("long_term.strays")
}

#[tokio::test]
async fn every_spelling_of_a_csv_file_is_taken_with_all_its_rows() {
    for (name, switches) in Switches::each_for(Kind::UnifiedCsv) {
        if hides(name) {
            continue;
        }
        let most = u64::from(switches.downloads.most_rows);
        let world = world(switches, 120).await;
        let mut source = source(&world, Api::UnifiedCsv);
        if let Source::Csv(csv) = &mut source {
            csv.cap_at(most);
        }
        let slices = slices(&mut source, span(&world), LIMITS).await;
        let expected = world.simulator.truth(&world.stream).len() as u64;
        let found = rows(&slices);
        // Where two files meet, a row may stand in both.
        let seams = slices.len() as u64 - 1;
        assert!(
            found >= expected && found <= expected + 40 * seams,
            "{name}: {found} of {expected}"
        );
    }
}

#[tokio::test]
async fn every_spelling_of_the_long_term_store_gives_every_event_once() {
    for (name, switches) in Switches::each_for(Kind::LongTerm) {
        if hides(name) {
            continue;
        }
        let world = world(switches, 400).await;
        let limits = Limits { events: 90, ..LIMITS };
        let slices = slices(&mut source(&world, Api::LongTerm), span(&world), limits).await;
        let mut found = BTreeMap::<Vec<u8>, usize>::new();
        for event in slices.iter().flat_map(|slice| &slice.events) {
            *found.entry(event.raw.to_vec()).or_default() += 1;
        }
        let truth = world.simulator.long_term_truth(&world.stream);
        let mut expected = BTreeMap::<Vec<u8>, usize>::new();
        for event in &truth {
            *expected.entry(event.raw.to_vec()).or_default() += 1;
        }
        assert!(found == expected, "{name}: {} of {}", found.len(), expected.len());
        assert_eq!(truth.len(), 400, "{name}");
    }
}

#[tokio::test]
async fn a_file_cut_off_anywhere_is_never_taken() {
    let whole = async |world: &World| {
        let slices = slices(&mut source(world, Api::UnifiedCsv), span(world), LIMITS).await;
        slices[0].file.clone().unwrap().bytes
    };
    let first = world(Switches::default(), 200).await;
    let expected = whole(&first).await;
    for framing in [Framing::Length, Framing::Chunked, Framing::UntilClose] {
        for at in [CutAt::RowEnd, CutAt::InRow, CutAt::InQuotes] {
            let world = world(Switches::default(), 200).await;
            let fault = world
                .simulator
                .fault(When::downloads().nth(1), Fault::Short(at, framing));
            assert_eq!(whole(&world).await, expected, "{framing:?} {at:?}");
            assert_eq!(world.simulator.struck(fault), 1, "{framing:?} {at:?}");
        }
    }
}

#[tokio::test]
async fn an_archive_that_is_wrong_inside_is_never_taken() {
    for fault in [ZipFault::WrongByte, ZipFault::Encrypted, ZipFault::Bomb(64)] {
        let world = world(Switches::default(), 100).await;
        let all = world
            .simulator
            .fault(When::long_term(), Fault::Zip(fault.clone()));
        let mut source = source(&world, Api::LongTerm);
        let known = Known::default();
        let whole = span(&world);
        // It begins with a day that has events.
        let full = Window::new(whole.from + TimeDelta::days(3), whole.to);
        let read = source.read(full, &known, LIMITS, None, None, &|_| ()).await;
        assert!(read.unwrap_err().hint().is_some(), "{fault:?}");
        world.simulator.clear_fault(all);
        let once = world
            .simulator
            .fault(When::long_term().nth(1), Fault::Zip(fault.clone()));
        let slices = slices(&mut source, span(&world), LIMITS).await;
        assert_eq!(
            slices.iter().map(|slice| slice.events.len()).sum::<usize>(),
            100,
            "{fault:?}"
        );
        assert_eq!(world.simulator.struck(once), 1);
    }
}

#[tokio::test]
async fn a_day_that_takes_too_long_is_asked_for_again_alone() {
    let mut switches = Switches::default();
    switches.long_term.heavy = 2;
    let world = world(switches, 300).await;
    let slices = slices(&mut source(&world, Api::LongTerm), span(&world), LIMITS).await;
    assert_eq!(slices.iter().map(|slice| slice.events.len()).sum::<usize>(), 300);
    let days = 33;
    assert_eq!(world.simulator.requests().len(), 3 * days + 1, "and a token");
}

/// A machine whose events are as old as in [`world`].
async fn machine(api: &str, count: u32) -> (Machine, DateTime<Utc>) {
    let machine = Machine::new().await;
    let text = std::fs::read_to_string(&machine.config).unwrap();
    std::fs::write(&machine.config, format!("{text}api = \"{api}\"\n")).unwrap();
    let now = machine.world.now();
    let (from, to) = (now - TimeDelta::days(40), now - TimeDelta::days(10));
    machine
        .world
        .simulator
        .generate(&machine.world.stream, 7, count, from, to);
    (machine, now)
}

#[tokio::test]
async fn the_command_gives_the_servers_own_file_or_none() {
    let (machine, _) = machine("unified", 500).await;
    let goal = machine.world.directory.path().join("month.csv");
    let output = goal.display().to_string();
    let arguments = [
        "download",
        "--target",
        "acme-production",
        "--from",
        "45d",
        "--output",
        &output,
    ];
    let said = machine.expect(0, &arguments).await;
    assert!(said.contains("500 rows"), "{said}");
    let file = std::fs::read(&goal).unwrap();
    let stdout = machine.run(&arguments[..5]).await;
    assert_eq!(stdout.stdout, file);

    let said = machine.expect(2, &arguments).await;
    assert!(
        said.contains("there is such a file") && said.contains("hint:"),
        "{said}"
    );

    std::fs::remove_file(&goal).unwrap();
    machine
        .world
        .simulator
        .fault(When::downloads(), Fault::Short(CutAt::InQuotes, Framing::Length));
    machine.expect(1, &arguments).await;
    let left: Vec<_> = std::fs::read_dir(machine.world.directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("month"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn files_of_a_span_beyond_the_cap_are_joined_under_one_header() {
    let (machine, _) = machine("unified_csv", 3000).await;
    let arguments = ["download", "--target", "acme-production", "--from", "45d"];
    let whole = String::from_utf8(machine.run(&arguments).await.stdout).unwrap();
    // No room for the file: it comes in pieces.
    let text = std::fs::read_to_string(&machine.config).unwrap();
    let small = text.replace(
        "[archive]\n",
        "[archive]\nmax_bytes = \"64KiB\"\nmax_buffered = \"256KiB\"\n",
    );
    std::fs::write(&machine.config, small).unwrap();
    let output = machine.run(&arguments).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("files were joined"), "{said}");
    let joined = String::from_utf8(output.stdout).unwrap();
    assert_eq!(joined.lines().next(), whole.lines().next());
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines.dedup();
        lines
    };
    assert_eq!(sorted(&joined), sorted(&whole));
}

#[tokio::test]
async fn of_the_long_term_store_the_command_gives_one_day() {
    let (machine, now) = machine("long_term", 2000).await;
    let day = |days| (now - TimeDelta::days(days)).format("%Y-%m-%d").to_string();
    let ask = |from: &str, to: &str| {
        let arguments = [
            "download",
            "--target",
            "acme-production",
            "--from",
            from,
            "--to",
            to,
        ];
        arguments.map(str::to_owned)
    };
    let run = async |arguments: [String; 7]| {
        let arguments = arguments.each_ref().map(String::as_str);
        machine.run(&arguments).await
    };
    let output = run(ask(&day(20), &day(19))).await;
    assert!(output.status.success() && output.stdout.starts_with(b"PK"));
    let output = run(ask(&day(20), &day(18))).await;
    assert_eq!(output.status.code(), Some(2));
    machine
        .world
        .simulator
        .turn(|switches| switches.long_term.empty = EmptyDay::NoContent);
    let output = run(ask(&day(60), &day(59))).await;
    assert!(output.status.success() && output.stdout.is_empty());
}

#[tokio::test]
async fn an_archive_of_rows_is_archived_as_an_archive() {
    let mut switches = Switches::default();
    switches.downloads.wrapping = uipath_audit_simulator::Wrapping::Zip;
    let world = world(switches, 50).await;
    let slices = slices(&mut source(&world, Api::UnifiedCsv), span(&world), LIMITS).await;
    let file = slices[0].file.as_ref().unwrap();
    assert_eq!((file.kind, file.rows), (FileKind::Zip, 50));
    assert!(file.first < file.last);
}
