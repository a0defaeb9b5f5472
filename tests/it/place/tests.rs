//! Each fault does what it says, on every kind of store.

use std::{sync::Arc, time::Instant};

use futures::TryStreamExt as _;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, Result, path::Path};
use uipath_audit_exporter::{archive::Archive, config, settings::ArchiveSettings};

use super::{Place, PlaceKind, Terms, open};
use crate::store::{Fault, Kind, SLOW, Which};

pub async fn create(store: &dyn ObjectStore, key: &str, text: &'static str) -> Result<()> {
    let options = PutOptions::from(PutMode::Create);
    let key = Path::from(key);
    store.put_opts(&key, text.into(), options).await.map(drop)
}

async fn read(store: &dyn ObjectStore, key: &str) -> Result<String> {
    let bytes = store.get(&Path::from(key)).await?.bytes().await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn list(store: &dyn ObjectStore) -> Result<Vec<String>> {
    let mut keys: Vec<_> = store
        .list(None)
        .map_ok(|meta| meta.location.to_string())
        .try_collect()
        .await?;
    keys.sort();
    Ok(keys)
}

/// The way with faults, and with a client that is not as patient as the exporter's.
fn hasty(kind: PlaceKind, place: &Place) -> Arc<dyn ObjectStore> {
    if kind.is_far() {
        open(&place.settings())
    } else {
        place.store()
    }
}

async fn assert_puts_fail(kind: PlaceKind, place: &Place) {
    let (store, direct) = (hasty(kind, place), place.direct());
    for (fault, is_done, fits) in puts() {
        let key = format!("puts/{fault:?}");
        place.fail(Kind::Put, Which::Of(key.clone()), fault);
        let told = create(&*store, &key, "first").await;
        place.mend();
        assert!(fits(&told), "{kind:?}: a put with {fault:?} said {told:?}");
        let there = read(&*direct, &key).await;
        assert_eq!(there.is_ok(), is_done, "{kind:?}: after {fault:?} {there:?}");
    }
    assert_eq!(place.land().await, 1, "{kind:?}");
    assert_eq!(read(&*direct, "puts/Late").await.unwrap(), "first", "{kind:?}");
}

const BODY: &str = "a body, long enough to be cut in half several times over and still not be whole";

type Fits = fn(&Result<()>) -> bool;

/// What a put with a fault tells, and whether the object is there afterwards.
fn puts() -> [(Fault, bool, Fits); 13] {
    // A store's client may have words of its own for a refusal, but tells whether the object exists.
    let exists: Fits = |told| {
        matches!(
            told,
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. })
        )
    };
    let refused: Fits = |told| {
        !matches!(
            told,
            Ok(()) | Err(Error::AlreadyExists { .. } | Error::Precondition { .. })
        )
    };
    [
        (Fault::LostReply, true, refused),
        (Fault::Reset, true, refused),
        (Fault::Failed, false, refused),
        (Fault::Busy, false, refused),
        (Fault::TooMany, false, refused),
        (Fault::Late, false, refused),
        (Fault::Forbidden, false, refused),
        (Fault::Expired, false, refused),
        (Fault::NoPlace, false, refused),
        (Fault::Exists, true, exists),
        (Fault::Conflict, false, exists),
        (Fault::Precondition, false, exists),
        (Fault::Slow, true, Result::is_ok),
    ]
}

async fn assert_reads_fail(kind: PlaceKind, place: &Place) {
    let store = hasty(kind, place);
    create(&*store, "b/first", BODY).await.unwrap();
    create(&*store, "a/second", "another").await.unwrap();

    place.fail(Kind::Get, Which::Next(1), Fault::Wrong);
    let wrong = read(&*store, "b/first").await.unwrap();
    assert_eq!(
        (wrong.len(), wrong == BODY),
        (BODY.len(), false),
        "{kind:?}: {wrong}"
    );
    assert_eq!(read(&*store, "b/first").await.unwrap(), BODY, "{kind:?}");

    place.fail(Kind::Get, Which::All, Fault::Truncated);
    let cut = read(&*store, "b/first").await;
    assert_ne!(cut.ok().as_deref(), Some(BODY), "{kind:?}");
    place.mend();

    place.fail(Kind::Get, Which::Next(1), Fault::Slow);
    let started = Instant::now();
    assert_eq!(read(&*store, "b/first").await.unwrap(), BODY, "{kind:?}");
    assert!(started.elapsed() >= SLOW, "{kind:?}");

    place.fail(Kind::List, Which::Next(1), Fault::Stale);
    assert_eq!(list(&*store).await.unwrap(), ["b/first"], "{kind:?}");
    assert_eq!(list(&*store).await.unwrap(), ["a/second", "b/first"], "{kind:?}");

    for kind_of in [Kind::Get, Kind::List, Kind::Delete] {
        place.fail(kind_of, Which::All, Fault::Failed);
    }
    assert!(read(&*store, "b/first").await.is_err(), "{kind:?}");
    assert!(list(&*store).await.is_err(), "{kind:?}");
    assert!(store.delete(&Path::from("b/first")).await.is_err(), "{kind:?}");
    place.mend();
    assert_eq!(
        list(&*store).await.unwrap().len(),
        2,
        "{kind:?}: it was not deleted"
    );
    store.delete(&Path::from("b/first")).await.unwrap();
    assert_eq!(list(&*place.direct()).await.unwrap(), ["a/second"], "{kind:?}");
}

#[tokio::test]
async fn every_fault_does_what_it_says() {
    for kind in PlaceKind::ALL {
        let Some(place) = Place::or_skip(kind, Terms::default()).await else {
            continue;
        };
        let another = Place::of(kind).await.unwrap();
        futures::join!(assert_puts_fail(kind, &place), assert_reads_fail(kind, &another));
    }
}

#[tokio::test]
async fn an_object_is_created_once() {
    for kind in PlaceKind::ALL {
        let Some(place) = Place::or_skip(kind, Terms::default()).await else {
            continue;
        };
        let store = place.store();
        create(&*store, "a/b", "first").await.unwrap();
        let again = create(&*store, "a/b", "second").await;
        assert!(
            matches!(again, Err(Error::AlreadyExists { .. })),
            "{kind:?}: {again:?}"
        );
        assert_eq!(read(&*place.direct(), "a/b").await.unwrap(), "first", "{kind:?}");
    }
}

#[tokio::test]
async fn the_log_tells_what_was_asked() {
    for kind in PlaceKind::ALL {
        let Some(place) = Place::or_skip(kind, Terms::default()).await else {
            continue;
        };
        let store = place.store();
        create(&*store, "a/b=c", "first").await.unwrap();
        read(&*store, "a/b=c").await.unwrap();
        list(&*store).await.unwrap();
        store.delete(&Path::from("a/b=c")).await.unwrap();
        read(&*place.direct(), "a/b=c").await.unwrap_err();
        let asked = [
            (Kind::Put, "a/b=c"),
            (Kind::Get, "a/b=c"),
            (Kind::List, ""),
            (Kind::Delete, "a/b=c"),
        ];
        let asked = asked.map(|(kind, key)| (kind, key.to_owned()));
        assert_eq!(place.log(), asked, "{kind:?}");
        assert_eq!(place.count(Kind::Put), 1);
    }
}

#[tokio::test]
async fn its_settings_lead_to_the_same_objects() {
    // What is in memory is not found by its name.
    for kind in [PlaceKind::File, PlaceKind::S3, PlaceKind::Azure] {
        let Some(place) = Place::or_skip(kind, Terms::default()).await else {
            continue;
        };
        for (key, settings) in [("a/b", place.settings()), ("a/c", as_written(&place))] {
            let archive = Archive::open(&settings).unwrap();
            archive.create(key, "first".into()).await.unwrap();
            assert_eq!(read(&*place.direct(), key).await.unwrap(), "first", "{kind:?}");
        }
    }
}

/// Its settings by way of a file.
fn as_written(place: &Place) -> ArchiveSettings {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("exporter.toml");
    let rest = r#"
[connections.cloud]
url = "https://cloud.uipath.com/"
[connections.cloud.auth.bearer]
token = { file = "token" }
[[targets]]
name = "acme"
organization = "acme"
"#;
    std::fs::write(&file, place.toml() + rest).unwrap();
    let (settings, _) = config::load(&[file], std::iter::empty()).unwrap();
    settings.archive
}
