//! The same for what opens a store: the whole program at its loudest, the crates that speak to stores included, while a
//! store refuses, fails and lies in every way.

use std::path::Path;

use uipath_audit_exporter::settings::ArchiveOption;
use uipath_audit_simulator::NewEvent;

use super::{Search, percent};
use crate::{
    machine::{Machine, said},
    place::{Place, PlaceKind, Terms},
    store::{Fault, Kind, Which},
};

const FAULTS: [(Kind, Fault); 12] = [
    (Kind::List, Fault::Forbidden),
    (Kind::Put, Fault::Forbidden),
    (Kind::Get, Fault::Failed),
    (Kind::Put, Fault::Expired),
    (Kind::List, Fault::NoPlace),
    (Kind::Put, Fault::Reset),
    (Kind::Get, Fault::Truncated),
    (Kind::Put, Fault::Busy),
    (Kind::List, Fault::TooMany),
    (Kind::Put, Fault::Conflict),
    (Kind::Get, Fault::Wrong),
    (Kind::Delete, Fault::Forbidden),
];

/// Another secret of the same kind, so that it is refused.
fn another(secret: &str) -> String {
    let middle = secret.len() / 2;
    let (head, tail) = secret.split_at(middle);
    let other = if tail.starts_with('A') { "B" } else { "A" };
    format!("{head}{other}{}", tail.chars().skip(1).collect::<String>())
}

async fn appear_nowhere(kind: PlaceKind, terms: Terms<'_>) {
    let Some(place) = Place::or_skip(kind, terms).await else {
        return;
    };
    let machine = Machine::at(&place).await;
    let mut search = Search::default();
    let settings = place.settings();
    let secrets = settings.options.iter().filter_map(|(option, value)| match value {
        ArchiveOption::Secret(_) => Some((option.as_str(), place.secret_file(option))),
        ArchiveOption::Plain(_) => None,
    });
    let secrets: Vec<_> = secrets.collect();
    assert!(!secrets.is_empty());
    for (option, file) in &secrets {
        canaries(&mut search, option, file);
    }
    search.place("the settings, debugged", format!("{settings:?} {settings:#?}"));
    let mut run = async |name: &str, arguments: &[&str]| {
        let output = machine.run(&[&["--log", "trace"], arguments].concat()).await;
        search.place(format!("{arguments:?} with {name}"), said(&output));
    };
    machine.world.happen(1, 60, 3);
    run("all well", &["once"]).await;
    run("all well", &["check"]).await;
    for (operation, fault) in FAULTS {
        let now = machine.world.now() - chrono::TimeDelta::seconds(1);
        machine
            .world
            .simulator
            .push(&machine.world.stream, NewEvent::at(now));
        place.fail(operation, Which::Next(12), fault);
        run(&format!("{operation:?} {fault:?}"), &["once"]).await;
        place.mend();
    }
    for (option, file) in &secrets {
        let right = std::fs::read_to_string(file).unwrap();
        for wrong in [another(&right), format!("{right}\nand more"), right.repeat(2)] {
            std::fs::write(file, wrong).unwrap();
            run(&format!("another {option}"), &["check"]).await;
        }
        std::fs::write(file, right).unwrap();
    }
    run("all well again", &["once"]).await;
    run("all well again", &["verify", "--deep"]).await;
    machine.world.assert_events_equal_truth().await;
    search.directory(&machine.checkpoint());
    search.archive(&machine.world).await;
    assert_eq!(search.found(), Vec::<String>::new());
    // It would have been found.
    let secret = std::fs::read_to_string(&secrets[0].1).unwrap();
    search.place("here", format!("key={}", percent(&secret, "", false)));
    assert!(!search.found().is_empty());
}

/// A secret; of a shared access signature, what makes it one.
fn canaries(search: &mut Search, option: &str, file: &Path) {
    let secret = std::fs::read_to_string(file).unwrap();
    let part = secret.split('&').find_map(|part| part.strip_prefix("sig="));
    search.canary(option, part.unwrap_or(&secret));
    // The key that it stands for, and the start of what is longer than it.
    search.canary(option, &another(&secret));
}

#[tokio::test]
async fn a_key_of_s3_appears_nowhere() {
    appear_nowhere(PlaceKind::S3, Terms::default()).await;
}

#[tokio::test]
async fn a_session_of_s3_appears_nowhere() {
    let terms = Terms {
        session: true,
        ..Terms::default()
    };
    appear_nowhere(PlaceKind::S3, terms).await;
}

#[tokio::test]
async fn a_key_of_azure_appears_nowhere() {
    appear_nowhere(PlaceKind::Azure, Terms::default()).await;
}

#[tokio::test]
async fn a_shared_access_signature_appears_nowhere() {
    let terms = Terms {
        lacks: &[Kind::Delete],
        ..Terms::default()
    };
    appear_nowhere(PlaceKind::Azure, terms).await;
}
