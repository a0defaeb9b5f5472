//! What goes wrong between an exporter and an object store, and who has to do what: one clear message, the right exit code,
//! nothing lost; and a daemon goes on by itself once it is mended.
//!
//! What makes these tests fail, tried by hand: a store whose credentials are read once, a missing bucket that reads as an
//! empty archive.

use std::path::PathBuf;

use uipath_audit_simulator::NewEvent;

use crate::{
    machine::{Machine, said, terminate, wait_for},
    place::{Place, PlaceKind, Terms},
    store::{Fault, Kind, Which},
};

/// Something that is wrong, and can be mended while a daemon runs.
enum Trouble {
    /// Every operation of these kinds suffers this.
    All(&'static [Kind], Fault),
    /// The secret of this option is another one.
    Secret(&'static str, &'static str),
    /// Nobody answers.
    Down,
}

const ANY: &[Kind] = &[Kind::Put, Kind::Get, Kind::List, Kind::Delete];

impl Trouble {
    /// Returns what mends it.
    async fn begin(&self, place: &Place) -> Option<(PathBuf, Vec<u8>)> {
        match self {
            Self::All(kinds, fault) => {
                for kind in *kinds {
                    place.fail(*kind, Which::All, *fault);
                }
                None
            }
            Self::Secret(option, wrong) => {
                let file = place.secret_file(option);
                let right = std::fs::read(&file).unwrap();
                std::fs::write(&file, wrong).unwrap();
                Some((file, right))
            }
            Self::Down => {
                place.wire().unwrap().down().await;
                None
            }
        }
    }

    fn end(&self, place: &Place, secret: Option<(PathBuf, Vec<u8>)>) {
        match self {
            Self::All(..) => place.mend(),
            Self::Secret(..) => {
                let (file, right) = secret.unwrap();
                std::fs::write(file, right).unwrap();
            }
            Self::Down => place.wire().unwrap().up(),
        }
    }
}

/// A pass before, `once` and a daemon while it lasts, the same daemon after.
async fn passes(kind: PlaceKind, terms: Terms<'_>, trouble: Trouble, code: i32, words: &[&str]) {
    let Some(place) = Place::or_skip(kind, terms).await else {
        return;
    };
    let machine = Machine::at(&place).await;
    let world = &machine.world;
    world.happen(1, 50, 3);
    machine.expect(0, &["once"]).await;
    let before = world.ledger().await.commits;
    assert_eq!(world.assert_archive_equals_truth().await.lines.len(), 50);
    let secret = trouble.begin(&place).await;
    let now = world.now() - chrono::TimeDelta::seconds(1);
    world.simulator.push(&world.stream, NewEvent::at(now));

    let told = machine.expect(code, &["once"]).await;
    told_well(&told, words);
    assert_eq!(
        told.contains("hint:"),
        code == 4 || matches!(trouble, Trouble::Down),
        "{told}"
    );
    let checked = machine.expect(code, &["check"]).await;
    told_well(&checked, words);

    let child = machine.command(&["run"]).spawn().unwrap();
    let first = words.first().unwrap();
    wait_for("the daemon to notice", async || {
        // The archive cannot be asked; what the daemon itself tells can.
        let status = said(&machine.run(&["status"]).await);
        status.contains(first)
    })
    .await;
    assert_eq!(world.ledger().await.commits, before, "something was committed");
    trouble.end(&place, secret);
    wait_for("the daemon to go on", async || {
        world.ledger().await.lines.len() == 51
    })
    .await;
    terminate(&child).await;
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    world.assert_archive_equals_truth().await;
}

/// Once, in one line, with a hint.
fn told_well(told: &str, words: &[&str]) {
    for word in words {
        assert!(told.contains(word), "`{word}` is not in: {told}");
    }
    for ugly in ["<?xml", "<Error>", "Generic", "Error performing", "panicked"] {
        assert!(!told.contains(ugly), "`{ugly}` is in: {told}");
    }
}

macro_rules! troubles {
    ($($test:ident: $kind:ident, $terms:expr, $trouble:expr, $code:literal, $words:expr;)*) => {
        $(#[tokio::test]
        async fn $test() {
            passes(PlaceKind::$kind, $terms, $trouble, $code, &$words).await;
        })*
    };
}

const USUAL: Terms<'static> = Terms {
    locked: false,
    lacks: &[],
    session: false,
};
const SESSION: Terms<'static> = Terms {
    session: true,
    ..USUAL
};

troubles! {
    a_bucket_that_is_missing: S3, USUAL, Trouble::All(ANY, Fault::NoPlace), 4,
        ["does not exist", "the bucket `acme-audit-", "archive.url"];
    a_container_that_is_missing: Azure, USUAL, Trouble::All(ANY, Fault::NoPlace), 4,
        ["does not exist", "the container `acme-audit-", "archive.url"];
    a_wrong_secret_key: S3, USUAL, Trouble::Secret("aws_secret_access_key", "wrong"), 4,
        ["the credentials are refused", "`aws_secret_access_key`"];
    a_wrong_account_key: Azure, USUAL, Trouble::Secret("azure_storage_account_key", "d3Jvbmc="), 4,
        ["the credentials are refused", "key"];
    credentials_that_have_expired: S3, SESSION, Trouble::All(ANY, Fault::Expired), 4,
        ["the credentials have expired", "`aws_session_token`"];
    a_session_token_of_another_time: S3, SESSION, Trouble::Secret("aws_session_token", "wrong"), 4,
        ["credentials"];
    a_right_to_list_that_is_missing: S3, USUAL, Trouble::All(&[Kind::List], Fault::Forbidden), 4,
        ["permission", "`s3:ListBucket`"];
    a_right_to_list_on_azure_that_is_missing: Azure, USUAL, Trouble::All(&[Kind::List], Fault::Forbidden), 4,
        ["permission", "list"];
    a_right_to_create_that_is_missing: S3, USUAL, Trouble::All(&[Kind::Put], Fault::Forbidden), 4,
        ["permission", "`s3:PutObject`"];
    an_endpoint_that_is_down: S3, USUAL, Trouble::Down, 1, ["127.0.0.1"];
    an_endpoint_on_azure_that_is_down: Azure, USUAL, Trouble::Down, 1, ["127.0.0.1"];
    a_store_that_is_overrun: S3, USUAL, Trouble::All(ANY, Fault::Busy), 1, ["SlowDown"];
}

/// A SAS ends; whoever writes a new one to its file need not restart anything.
#[tokio::test]
async fn a_shared_access_signature_that_has_ended() {
    let terms = Terms {
        lacks: &[Kind::Delete],
        ..USUAL
    };
    let Some(place) = Place::or_skip(PlaceKind::Azure, terms).await else {
        return;
    };
    let container = place.settings().url.host_str().unwrap().to_owned();
    drop(place);
    let ended = crate::emulators::azure::shared_access(&container, "rcl", "2020-01-01T00:00:00Z");
    let ended: &'static str = Box::leak(ended.into_boxed_str());
    let trouble = Trouble::Secret("azure_storage_sas_token", ended);
    passes(PlaceKind::Azure, terms, trouble, 4, &["credentials", "SAS"]).await;
}

/// What is wrong in the configuration itself: it is told, and mended by another configuration.
#[tokio::test]
async fn what_is_configured_wrongly_is_told_with_what_is_right() {
    for (option, right, wrong, words) in [
        (
            "aws_region",
            "eu-west-1",
            "us-east-1",
            ["the bucket is in `eu-west-1`", "aws_region = \"eu-west-1\""],
        ),
        (
            "aws_access_key_id",
            "",
            "AKIAIOSFODNN7EXAMPLE",
            ["the credentials are refused", "`aws_access_key_id`"],
        ),
    ] {
        let Some(place) = Place::or_skip(PlaceKind::S3, USUAL).await else {
            return;
        };
        let mut machine = Machine::at(&place).await;
        machine.world.happen(1, 20, 3);
        let good = machine.archive.clone();
        let begin = good.find(&format!("{option} = \"{right}")).unwrap();
        let end = begin + good[begin..].find([',', '}']).unwrap();
        machine.archive = format!("{}{option} = \"{wrong}\"{}", &good[..begin], &good[end..]);
        machine.configure("");
        told_well(&machine.expect(4, &["once"]).await, &words);
        told_well(&machine.expect(4, &["check"]).await, &words);
        assert_eq!(machine.world.ledger().await.commits.len(), 0);
        machine.archive = good;
        machine.configure("");
        machine.expect(0, &["once"]).await;
        machine.world.assert_archive_equals_truth().await;
    }
}

/// Keys and region in AWS's own files, both wrong at first: a daemon reads them again.
#[tokio::test]
async fn a_profile_with_the_wrong_region_or_key_is_read_again() {
    for (wrong_key, wrong_region, words) in [
        (true, false, "credentials are refused"),
        (false, true, "eu-west-1"),
    ] {
        let Some(place) = Place::or_skip(PlaceKind::S3, USUAL).await else {
            return;
        };
        let mut machine = Machine::at(&place).await;
        machine.world.happen(1, 20, 3);
        let settings = place.settings();
        let plain = |name: &str| match settings.options.get(name) {
            Some(uipath_audit_exporter::settings::ArchiveOption::Plain(text)) => text.clone(),
            other => panic!("{other:?}"),
        };
        let secret = std::fs::read_to_string(place.secret_file("aws_secret_access_key")).unwrap();
        let (keys, config) = (
            machine.world.directory.path().join("credentials"),
            machine.world.directory.path().join("config"),
        );
        let write = |wrong_key: bool, wrong_region: bool| {
            let secret = if wrong_key { "wrong" } else { &secret };
            let region = if wrong_region { "us-east-1" } else { "eu-west-1" };
            let id = plain("aws_access_key_id");
            std::fs::write(
                &keys,
                format!("[audit]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"),
            )
            .unwrap();
            std::fs::write(&config, format!("[profile audit]\nregion = {region}\n")).unwrap();
        };
        let (url, endpoint) = (&settings.url, plain("aws_endpoint"));
        machine.archive = format!("url = \"{url}\"\noptions = {{ aws_endpoint = \"{endpoint}\" }}");
        machine.variables = vec![
            ("AWS_PROFILE", "audit".to_owned()),
            ("AWS_SHARED_CREDENTIALS_FILE", keys.display().to_string()),
            ("AWS_CONFIG_FILE", config.display().to_string()),
        ];
        machine.configure("");
        write(wrong_key, wrong_region);
        told_well(&machine.expect(4, &["once"]).await, &[words]);
        let child = machine.command(&["run"]).spawn().unwrap();
        wait_for("the daemon to notice", async || {
            said(&machine.run(&["status"]).await).contains(words)
        })
        .await;
        write(false, false);
        wait_for("the daemon to go on", async || {
            machine.world.ledger().await.lines.len() == 20
        })
        .await;
        terminate(&child).await;
        child.wait_with_output().await.unwrap();
        machine.world.assert_archive_equals_truth().await;
    }
}
