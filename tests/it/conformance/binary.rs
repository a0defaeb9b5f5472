//! The binary itself on every kind of store that a process can reach: passes, audits, kills, a lost disk.

use std::time::Duration;

use crate::{
    machine::Machine,
    place::{Place, PlaceKind, Terms},
};

macro_rules! run_on {
    ($($store:ident = $kind:ident),* $(,)?) => {
        $(mod $store {
            use super::*;

            #[tokio::test]
            async fn once_verify_and_recover() {
                super::once_verify_and_recover(PlaceKind::$kind).await;
            }

            #[tokio::test]
            async fn killed_again_and_again() {
                super::killed_again_and_again(PlaceKind::$kind).await;
            }

        })*
    };
}

run_on! {
    directory = File,
    s3 = S3,
    azure = Azure,
}

async fn once_verify_and_recover(kind: PlaceKind) {
    let Some(place) = Place::or_skip(kind, Terms::default()).await else {
        return;
    };
    let machine = Machine::at(&place).await;
    machine.world.happen(1, 700, 30);
    let checked = machine.expect(0, &["check"]).await;
    assert!(checked.contains("refuses to create an object twice"), "{checked}");
    let first = machine.expect(0, &["once"]).await;
    assert!(first.contains("700 events archived"), "{first}");
    machine.expect(0, &["verify", "--deep"]).await;
    std::fs::remove_dir_all(machine.checkpoint()).unwrap();
    machine.expect(0, &["recover"]).await;
    let second = machine.expect(0, &["once"]).await;
    assert!(second.contains("nothing new"), "{second}");
    let verified = machine.expect(0, &["verify", "--deep", "--json"]).await;
    assert!(verified.contains("\"events\":700"), "{verified}");
    let span = ["--target", "acme-production", "--from", "90d", "--to", "0s"];
    let read = machine.run(&[&["cat"], &span[..]].concat()).await;
    assert_eq!(read.stdout.iter().filter(|byte| **byte == b'\n').count(), 700);
    machine.world.assert_archive_equals_truth().await;
}

async fn killed_again_and_again(kind: PlaceKind) {
    let Some(place) = Place::or_skip(kind, Terms::default()).await else {
        return;
    };
    let machine = Machine::at(&place).await;
    machine.configure("max_events = 100\nformats = [\"jsonl\", \"csv\"]");
    machine.world.happen(1, 1_500, 60);
    let mut kills = 0;
    for round in 0..20 {
        let mut child = machine.command(&["once"]).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(20 + round * 15)).await;
        kills += u32::from(child.try_wait().unwrap().is_none());
        child.kill().await.unwrap();
        if round == 10 {
            std::fs::remove_dir_all(machine.checkpoint()).ok();
        }
    }
    eprintln!("killed {kills} times");
    assert!(kills >= 3, "only {kills} of 20 processes died of the kill");
    machine.expect(0, &["once"]).await;
    machine.world.assert_archive_equals_truth().await;
    machine.expect(0, &["verify", "--deep"]).await;
}
