//! Two exporters, one of which compares: what is missing is archived once.

use chrono::TimeDelta;
use uipath_audit_exporter::{export::PassError, window::Window};

use super::come_late;
use crate::{
    ledger::Ledger,
    rival::{Rival, each},
    store::Step,
    world::World,
};

/// A world with late events, an exporter that archived the rest, and another one.
async fn two() -> (World, Rival, Rival) {
    let mut world = World::new().await;
    world.settings.targets[0].long_term = false;
    world.settings.archive.max_events = 20;
    world.happen(1, 60, 20);
    let mut first = Rival::started(&world, "audit-1", "a").await;
    let other = Rival::started(&world, "audit-2", "b").await;
    first.pass().await.unwrap();
    come_late(&world, 8);
    (world, first, other)
}

fn span(world: &World) -> Window {
    Window::new(world.now() - TimeDelta::days(14), world.now())
}

#[tokio::test]
async fn who_does_not_own_a_target_does_not_compare_it() {
    let (world, _first, mut other) = two().await;
    let error = other.process().reconcile(span(&world)).await.unwrap_err();
    assert!(matches!(error, PassError::StandBy { .. }), "{error:?}");
    assert_eq!(world.ledger().await.of_kind("backfill"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_exporter_takes_the_target_over_at_every_step_of_a_comparison() {
    let steps = {
        let (world, mut first, _other) = two().await;
        let before = first.line.count();
        first.process().reconcile(span(&world)).await.unwrap();
        1..=first.line.count() - before
    };
    assert!(steps.clone().count() > 20, "{steps:?}");
    let fates = [false, true];
    let cases: Vec<_> = fates
        .into_iter()
        .flat_map(|killed| steps.clone().map(move |step| (killed, step)))
        .collect();
    each(cases, |(killed, step)| async move {
        let (world, mut first, mut other) = two().await;
        let line = std::sync::Arc::clone(&first.line);
        let gate = line.hold(Step::After(line.count() + step));
        let span = span(&world);
        {
            let mut comparing = std::pin::pin!(first.process().reconcile(span));
            // How the history was sliced depends on what was read at once: it may have had fewer steps.
            let ended = tokio::select! {
                biased;
                result = &mut comparing => Some(result),
                () = gate.reached() => None,
            };
            other.take_over().await.unwrap();
            other.process().reconcile(span).await.unwrap();
            gate.open();
            let result = match ended {
                None if killed => None,
                None => Some(comparing.await),
                ended => ended,
            };
            assert!(
                matches!(result, None | Some(Ok(_) | Err(PassError::StandBy { .. }))),
                "{step}: {result:?}"
            );
        }
        if killed {
            first.start(&world).await;
        }
        world.advance(15);
        let _ = first.pass().await;
        other.take_over().await.unwrap();
        other.process().reconcile(span).await.unwrap();
        let ledger: Ledger = world.assert_archive_equals_truth().await;
        assert_eq!(ledger.lines.len(), 68, "{step}");
    })
    .await;
}
