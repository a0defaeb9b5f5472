//! Events that appear later, or change.

use chrono::TimeDelta;

use super::client::walk;
use super::{EVENTS, acme, noon, production};
use crate::{Appears, Edits, NewEvent, Respell, Switches};

#[tokio::test]
async fn late_events_wait_for_their_time_their_turn_or_their_release() {
    let simulator = acme(Switches::default(), 0).await;
    let hour_ago = || NewEvent::at(noon() - TimeDelta::hours(1));
    simulator.push_when(
        &production(),
        hour_ago(),
        Appears::At(noon() + TimeDelta::minutes(1)),
    );
    simulator.push_when(&production(), hour_ago(), Appears::AfterRequests(2));
    let held = simulator.push_when(&production(), hour_ago(), Appears::WhenReleased);
    assert_eq!(walk(&simulator, EVENTS).await.len(), 0);
    assert_eq!(walk(&simulator, EVENTS).await.len(), 0);
    assert_eq!(walk(&simulator, EVENTS).await.len(), 1);
    simulator.clock().advance(TimeDelta::minutes(1));
    assert_eq!(walk(&simulator, EVENTS).await.len(), 2);
    assert_eq!(
        simulator
            .truth(&production())
            .iter()
            .filter(|event| event.visible)
            .count(),
        2
    );
    simulator.release_one(&production(), held);
    assert_eq!(walk(&simulator, EVENTS).await.len(), 3);
}

#[tokio::test]
async fn a_stream_held_back_shows_nothing_new_until_its_release() {
    let simulator = acme(Switches::default(), 5).await;
    simulator.hold_back(&production());
    simulator.push(&production(), NewEvent::at(noon()));
    simulator.generate(&production(), 9, 4, noon() - TimeDelta::hours(1), noon());
    assert_eq!(walk(&simulator, EVENTS).await.len(), 5);
    simulator.release(&production());
    assert_eq!(walk(&simulator, EVENTS).await.len(), 10);
}

#[tokio::test]
async fn future_events_are_not_told_before_their_time() {
    let simulator = acme(Switches::default(), 0).await;
    simulator.push(&production(), NewEvent::at(noon() + TimeDelta::hours(1)));
    assert!(walk(&simulator, EVENTS).await.is_empty());
    assert_eq!(
        walk(&simulator, &format!("{EVENTS}?to=2025-03-24T13:00:00Z"))
            .await
            .len(),
        1
    );
    simulator.clock().advance(TimeDelta::hours(1));
    assert_eq!(walk(&simulator, EVENTS).await.len(), 1);
}

#[tokio::test]
async fn bytes_are_told_as_they_were_pushed() {
    let simulator = acme(Switches::default(), 0).await;
    simulator.push_raw(
        &production(),
        noon(),
        &b"{ \"id\" : \"x\",\r\n\t\"n\":1e400 }"[..],
    );
    let told = walk(&simulator, EVENTS).await;
    assert_eq!(told, [b"{ \"id\" : \"x\",\t\"n\":1e400 }"]);
    assert_eq!(simulator.truth(&production())[0].raw, told[0]);
    assert_eq!(simulator.truth(&production())[0].id.as_deref(), Some("x"));
}

#[tokio::test]
async fn a_respelled_event_is_known_in_every_spelling() {
    let mut switches = Switches::default();
    switches.bodies.respell = Respell::Both;
    let simulator = acme(switches, 20).await;
    let (first, second) = (walk(&simulator, EVENTS).await, walk(&simulator, EVENTS).await);
    assert_ne!(first, second);
    let truth = simulator.truth(&production());
    for told in first.iter().chain(&second) {
        assert_eq!(truth.iter().filter(|event| event.accepts(told)).count(), 1);
    }
    assert!(truth.iter().all(|event| event.versions.len() == 2));
}

#[tokio::test]
async fn edited_events_keep_their_id_and_the_truth_keeps_both() {
    let mut switches = Switches::default();
    switches.bodies.edits = Edits::OnceAfterRequests(1);
    let simulator = acme(switches, 50).await;
    let (first, second) = (walk(&simulator, EVENTS).await, walk(&simulator, EVENTS).await);
    let changed = first.iter().zip(&second).filter(|(a, b)| a != b).count();
    assert!(changed > 2, "{changed}");
    assert_eq!(walk(&simulator, EVENTS).await, second);
    let truth = simulator.truth(&production());
    assert!(
        first
            .iter()
            .chain(&second)
            .all(|told| truth.iter().any(|event| event.accepts(told)))
    );

    assert!(simulator.replace(&production(), 0, &b"{\"id\":\"other\"}"[..]));
    let truth = simulator.truth(&production());
    assert!(truth[0].accepts(br#"{"id":"other"}"#) && truth[0].accepts(first.last().unwrap()));
}
