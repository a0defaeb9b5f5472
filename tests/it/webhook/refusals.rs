//! Whatever keeps a commit from being announced is told, with what to do, and the commit is announced once it is over.

use std::{sync::Arc, time::Duration};

use object_store::ObjectStore;
use uipath_audit_exporter::{
    error::{Action, Chain},
    follow::{Announce, FollowError, Follower, News},
    target::TargetName,
};

use super::{Heard, announce_all, commits, target, two_commits, world};
use crate::{
    receiver::{Answer, Receiver, SECRET},
    store::{Fault, Kind, Line, Which},
    world::TARGET,
};

/// What one try came to.
async fn refused(follower: &Follower) -> FollowError {
    loop {
        match follower.announce(&target()).await {
            Ok(Announce::Begins { .. }) => {}
            Ok(other) => panic!("announced: {other:?}"),
            Err(error) => return error,
        }
    }
}

#[tokio::test]
async fn what_is_not_taken_is_told_and_tried_again() {
    let (mut world, receiver) = world().await;
    let elsewhere = Receiver::new().await;
    world.happen(1, 20, 3);
    world.settings.webhook.as_mut().unwrap().timeout = Duration::from_secs(1);
    let mut process = world.start().await;
    process.pass().await.unwrap();
    let follower = super::follower(&world, &process);
    let to = |status: u16, name: &'static str, value: &str| Answer::Header(status, name, value.to_owned());
    let cases = [
        (Answer::Status(500), Action::Retry, "status 500", None),
        (to(429, "retry-after", "7"), Action::Retry, "status 429", None),
        (
            Answer::Status(410),
            Action::Stop,
            "status 410",
            Some("wants no messages"),
        ),
        (
            Answer::Status(401),
            Action::Stop,
            "status 401",
            Some("webhook.secret"),
        ),
        (Answer::Status(400), Action::Stop, "status 400", Some("its log")),
        (
            to(308, "location", &elsewhere.url()),
            Action::Stop,
            "status 308",
            Some("redirects are not followed"),
        ),
        (
            Answer::Hang,
            Action::Retry,
            "no reply within 1s",
            Some("answer at once"),
        ),
        (Answer::CutOff, Action::Retry, "the connection broke", None),
    ];
    let mut tries = 0;
    for (answer, action, message, hint) in cases {
        receiver.answer(move |_| answer.clone());
        let error = refused(&follower).await;
        tries += 1;
        let text = Chain(&error).to_string();
        assert!(text.contains(message), "{text}");
        assert!(!text.contains("canary-path"), "{text}");
        assert_eq!(error.action(), action, "{text}");
        let told = error.hint();
        assert_eq!(told.is_some(), hint.is_some(), "{text}: {told:?}");
        assert!(
            told.unwrap_or_default().contains(hint.unwrap_or_default()),
            "{text}"
        );
        let FollowError::Tell(error) = error else {
            panic!("{text}")
        };
        let asked = message.contains("429").then_some(Duration::from_secs(7));
        assert_eq!(error.retry_after(), asked);
    }
    assert_eq!(receiver.told().len(), tries);
    assert!(elsewhere.told().is_empty(), "nothing goes where a redirect leads");
    receiver.answer(|_| Answer::Long);
    announce_all(&follower).await;
    receiver.assert_taken(TARGET, 0..commits(&world).await);
}

#[tokio::test]
async fn a_secret_is_read_for_each_message_and_one_that_is_none_is_told() {
    let (world, receiver) = world().await;
    world.happen(1, 20, 3);
    let mut process = world.start().await;
    process.pass().await.unwrap();
    let follower = super::follower(&world, &process);
    let secret = world.directory.path().join("webhook-secret");
    for (content, message) in [
        ("whsec_*", "no base64"),
        ("short", "5 bytes"),
        ("", "it is empty"),
    ] {
        std::fs::write(&secret, content).unwrap();
        let error = refused(&follower).await;
        let text = Chain(&error).to_string();
        assert!(text.contains(message) && error.hint().is_some(), "{text}");
        assert_eq!(error.action(), Action::Stop);
    }
    std::fs::remove_file(&secret).unwrap();
    assert!(refused(&follower).await.hint().is_some());
    assert!(receiver.told().is_empty());
    // While both secrets are in use, both sign.
    std::fs::write(&secret, format!("another secret, a new one\n{SECRET}\n")).unwrap();
    announce_all(&follower).await;
    receiver.assert_taken(TARGET, 0..commits(&world).await);
    assert!(
        receiver
            .told()
            .iter()
            .all(|told| told.signature.split(' ').count() == 2)
    );
}

#[tokio::test]
async fn an_archive_that_fails_is_asked_again() {
    let (mut world, receiver) = world().await;
    let line = Line::to(&world.store);
    world.way = Arc::clone(&line) as Arc<dyn ObjectStore>;
    world.happen(1, 20, 3);
    let mut process = world.start().await;
    two_commits(&world, &mut process).await;
    let follower = super::follower(&world, &process);
    line.fail(Kind::Get, Which::Of("commits/".to_owned()), Fault::Failed);
    let error = refused(&follower).await;
    assert!(matches!(error, FollowError::Archive(_)), "{error:?}");
    assert!(receiver.told().is_empty());
    line.mend();
    announce_all(&follower).await;
    receiver.assert_taken(TARGET, 0..commits(&world).await);
}

#[tokio::test]
async fn after_a_restart_it_is_known_what_is_left_though_nobody_takes_it() {
    let (world, receiver) = world().await;
    world.happen(1, 20, 3);
    let mut process = world.start().await;
    two_commits(&world, &mut process).await;
    announce_all(&super::follower(&world, &process)).await;
    let taken = commits(&world).await;
    two_commits(&world, &mut process).await;
    drop(process);

    let process = world.start().await;
    receiver.answer(|_| Answer::Status(503));
    let heard: Arc<Heard> = Arc::default();
    let ear = Arc::clone(&heard);
    let hear = Arc::new(move |_: &TargetName, news: News| ear.0.lock().unwrap().push(news));
    let follower = Follower::new(&world.settings, &process.fleet.shared, hear).unwrap();
    follower.announce(&target()).await.unwrap_err();
    let left = commits(&world).await - taken;
    assert!(left > 0);
    assert_eq!(heard.last().unwrap().pending, Some(left));
}
