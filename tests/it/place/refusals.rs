//! Every kind of store refuses whom and what it has to refuse.

use futures::{StreamExt as _, stream};
use object_store::{Error, ObjectStore, ObjectStoreExt as _, Result};
use uipath_audit_exporter::settings::ArchiveOption;

use super::{Place, PlaceKind, Terms, open, tests::create};
use crate::{emulators::azure, store::Kind};

/// A place with an object in it.
async fn furnished(kind: PlaceKind, terms: Terms<'_>) -> Option<Place> {
    let place = Place::or_skip(kind, terms).await?;
    create(&*place.direct(), "there", "a body").await.unwrap();
    Some(place)
}

/// What each operation says, on an object that is there.
async fn all_operations(store: &dyn ObjectStore) -> [(Kind, Result<()>); 4] {
    let there = "there".into();
    let got = async { store.get(&there).await?.bytes().await.map(drop) };
    let listed = async {
        store
            .list(None)
            .collect::<Vec<_>>()
            .await
            .into_iter()
            .try_for_each(|one| one.map(drop))
    };
    [
        (Kind::Put, create(store, "new", "a body").await),
        (Kind::Get, got.await),
        (Kind::List, listed.await),
        (Kind::Delete, store.delete(&there).await),
    ]
}

#[tokio::test]
async fn whoever_lacks_a_permission_is_refused_that_and_nothing_else() {
    for kind in PlaceKind::ALL {
        for lacks in [Kind::Put, Kind::Get, Kind::List, Kind::Delete] {
            let lacks = [lacks];
            let terms = Terms {
                lacks: &lacks,
                ..Terms::default()
            };
            let Some(place) = furnished(kind, terms).await else {
                continue;
            };
            for (operation, told) in all_operations(&*place.store()).await {
                let is_refused = told.is_err();
                assert_eq!(
                    is_refused,
                    lacks.contains(&operation),
                    "{kind:?}: {operation:?} {told:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn whoever_may_not_list_on_s3_is_not_told_that_an_object_is_absent() {
    let terms = Terms {
        lacks: &[Kind::List],
        ..Terms::default()
    };
    let Some(place) = furnished(PlaceKind::S3, terms).await else {
        return;
    };
    let got = place.store().get(&"absent".into()).await;
    let told = got.expect_err("it is refused");
    let is_absent = matches!(told, Error::NotFound { .. });
    assert!(!is_absent && format!("{told:?}").contains("403"), "{told:?}");
}

/// An option, and a value that must not open anything.
fn wrong_credentials() -> Vec<(PlaceKind, Terms<'static>, &'static str, &'static str)> {
    let usual = Terms::default();
    let session = Terms {
        session: true,
        ..usual
    };
    let (s3, azure) = (PlaceKind::S3, PlaceKind::Azure);
    vec![
        (s3, usual, "aws_access_key_id", "AKIAIOSFODNN7EXAMPLE"),
        (s3, usual, "aws_secret_access_key", "wrong"),
        (s3, usual, "aws_session_token", "unasked"),
        (s3, usual, "aws_region", "us-east-1"),
        (s3, session, "aws_secret_access_key", "wrong"),
        (s3, session, "aws_session_token", "wrong"),
        (azure, usual, "azure_storage_account_key", "d3Jvbmc="),
        (azure, usual, "azure_storage_account_name", "another"),
    ]
}

#[tokio::test]
async fn wrong_credentials_are_refused() {
    for (kind, terms, option, wrong) in wrong_credentials() {
        let Some(place) = furnished(kind, terms).await else {
            continue;
        };
        let mut settings = place.settings();
        create(&*open(&settings), "by the right one", "a body")
            .await
            .unwrap();
        let wrong = ArchiveOption::Plain(wrong.to_owned());
        settings.options.insert(option.to_owned(), wrong);
        for (operation, told) in all_operations(&*open(&settings)).await {
            let told = told.expect_err("it is refused").to_string();
            assert!(
                told.contains(" 403") || told.contains(" 400"),
                "{kind:?} with another {option}: {operation:?}: {told}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_written_to_the_file_of_a_secret_is_the_secret() {
    for (kind, option, wrong) in [
        (PlaceKind::S3, "aws_secret_access_key", "wrong"),
        (PlaceKind::Azure, "azure_storage_account_key", "d3Jvbmc="),
    ] {
        let Some(place) = furnished(kind, Terms::default()).await else {
            continue;
        };
        let file = place.secret_file(option);
        let right = std::fs::read(&file).unwrap();
        std::fs::write(&file, wrong).unwrap();
        create(&*open(&place.settings()), "new", "a body")
            .await
            .unwrap_err();
        std::fs::write(&file, right).unwrap();
        create(&*open(&place.settings()), "new", "a body").await.unwrap();
    }
}

#[tokio::test]
async fn a_signature_of_azure_ends_and_is_for_one_container() {
    let terms = Terms {
        lacks: &[Kind::Delete],
        ..Terms::default()
    };
    let Some(place) = furnished(PlaceKind::Azure, terms).await else {
        return;
    };
    let container = place.settings().url.host_str().unwrap().to_owned();
    let mut settings = place.settings();
    for (until, is_valid) in [("2099-01-01T00:00:00Z", true), ("2020-01-01T00:00:00Z", false)] {
        let token = azure::shared_access(&container, "rl", until);
        settings
            .options
            .insert("azure_storage_sas_token".to_owned(), ArchiveOption::Plain(token));
        let got = open(&settings).get(&"there".into()).await;
        assert_eq!(got.is_ok(), is_valid, "{got:?}");
    }
}

#[tokio::test]
async fn of_many_who_create_one_object_at_once_one_succeeds() {
    for kind in PlaceKind::ALL {
        let Some(place) = furnished(kind, Terms::default()).await else {
            continue;
        };
        let store = place.store();
        for round in 0..5 {
            let key = format!("contested/{round}");
            let all = stream::iter(0..8)
                .map(|_| create(&*store, &key, "a body"))
                .buffer_unordered(8);
            let created = all
                .filter(|told| futures::future::ready(told.is_ok()))
                .count()
                .await;
            assert_eq!(created, 1, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn a_locked_place_takes_objects_and_keeps_them() {
    for kind in PlaceKind::ALL {
        let terms = Terms {
            locked: true,
            ..Terms::default()
        };
        let Some(place) = furnished(kind, terms).await else {
            continue;
        };
        let store = place.store();
        create(&*store, "new", "a body").await.unwrap();
        let again = create(&*store, "new", "a body").await;
        assert!(
            matches!(again, Err(Error::AlreadyExists { .. })),
            "{kind:?}: {again:?}"
        );
        let deleted = store.delete(&"new".into()).await;
        let there = place.direct().get(&"new".into()).await;
        if kind == PlaceKind::S3 {
            // A marker hides it; its version stays.
            deleted.unwrap();
            assert!(matches!(there, Err(Error::NotFound { .. })), "{there:?}");
        } else {
            assert!(
                deleted.is_err() && there.is_ok(),
                "{kind:?}: {deleted:?}, {there:?}"
            );
        }
    }
}
