//! The archive has lost something, or something in it was altered: nothing is built upon that.

use object_store::{ObjectStoreExt as _, PutPayload, path::Path as Key};
use uipath_audit_exporter::{error::Action, export::PassError};

use super::{fails, goes_on, three_passes};
use crate::world::World;

fn head_key(number: u64) -> String {
    format!("commits/{}/{number:020}.json", crate::world::TARGET)
}

/// Does something to an object, and gives its bytes back.
async fn take_away(world: &World, key: &str) -> Vec<u8> {
    let path = Key::parse(key).unwrap();
    let bytes = world.store.get(&path).await.unwrap().bytes().await.unwrap();
    world.store.delete(&path).await.unwrap();
    bytes.to_vec()
}

async fn put_back(world: &World, key: &str, bytes: Vec<u8>) {
    world
        .store
        .put(&Key::parse(key).unwrap(), PutPayload::from(bytes))
        .await
        .unwrap();
}

async fn head(world: &World) -> u64 {
    world.ledger().await.commits.len() as u64 - 1
}

#[tokio::test]
async fn an_archive_that_lost_its_last_commits_is_not_written_to() {
    let world = World::new().await;
    three_passes(&world).await;
    let head = head(&world).await;
    for lost in 1..=2 {
        let mut taken = Vec::new();
        for number in (head + 1 - lost)..=head {
            taken.push((head_key(number), take_away(&world, &head_key(number)).await));
        }
        let number = format!("find commit {head}");
        let error = fails(&world, &[&number, "memory:///", "`recover`"]).await;
        assert!(matches!(error, PassError::RolledBack { .. }), "{error:?}");
        assert_eq!(error.action(), Action::Stop);
        for (key, bytes) in taken {
            put_back(&world, &key, bytes).await;
        }
    }
    goes_on(&world).await;
}

#[tokio::test]
async fn an_altered_commit_is_not_built_upon() {
    let world = World::new().await;
    three_passes(&world).await;
    let head = head(&world).await;
    let good = take_away(&world, &head_key(head)).await;
    let text = String::from_utf8(good.clone()).unwrap();
    let mut alterations = vec![
        text.replace("\"events\"", "\"empty\""),
        text.replace("\"late\":", "\"late\": "),
        String::new(),
        "{}".to_owned(),
        text[..text.len() / 2].to_owned(),
    ];
    alterations.push(format!("{text} "));
    for altered in alterations {
        assert_ne!(altered, text);
        put_back(&world, &head_key(head), altered.into_bytes()).await;
        let error = fails(&world, &[&format!("trust commit {head}"), "`verify`"]).await;
        assert!(matches!(error, PassError::Altered { .. }), "{error:?}");
        assert_eq!(error.action(), Action::Stop);
    }
    put_back(&world, &head_key(head), good).await;
    goes_on(&world).await;
}

#[tokio::test]
async fn without_a_state_an_archive_with_holes_is_not_built_upon() {
    let world = World::new().await;
    three_passes(&world).await;
    let ledger = world.ledger().await;
    let head = head(&world).await;
    let object = |number: u64| {
        let commit = &ledger.commits[usize::try_from(number).unwrap()];
        commit["objects"].as_array().unwrap().last().unwrap()["key"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let damaged = |bytes: &[u8]| [bytes, b" "].concat();
    let cut = |bytes: &[u8]| bytes[..bytes.len() - 1].to_vec();
    type Damage<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
    let cases: [(String, Option<Damage<'_>>, &str); 5] = [
        (object(head), None, "it is missing"),
        (object(head), Some(&damaged), "SHA-256"),
        (object(0), Some(&cut), "SHA-256"),
        (head_key(head - 1), None, "missing in the chain"),
        (head_key(head - 1), Some(&damaged), "does not continue it"),
    ];
    for (key, damage, word) in cases {
        std::fs::remove_dir_all(world.state_dir()).unwrap();
        let good = take_away(&world, &key).await;
        if let Some(damage) = damage {
            put_back(&world, &key, damage(&good)).await;
        }
        let error = fails(&world, &[word, "`verify`"]).await;
        assert_eq!(error.action(), Action::Stop, "{key}: {error}");
        put_back(&world, &key, good).await;
        goes_on(&world).await;
    }
}
