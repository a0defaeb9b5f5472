//! Every fault of the servers, one at a time: bounded tries, a clear message, the right action, nothing lost, nothing
//! twice. Each strikes when part of a history is archived, and is gone when the next pass begins.
//!
//! What makes these tests fail, tried by hand: a link whose endpoint is not compared, redirects that are followed (the
//! stranger is asked), a page without `auditEvents` taken for an empty one, known events that are not dropped, a reply
//! over a limit that is asked for again, a `Retry-After` on which other requests hang.

mod cases;
mod other_kinds;

use std::{
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures::{FutureExt as _, StreamExt as _, future::join, stream};
use uipath_audit_exporter::{
    error::{Action, Chain},
    export::{PassError, Summary},
    target::Target,
};
use uipath_audit_simulator::{Cloud, Fault, Kind, NewEvent, RetryAfter, Simulator, StreamId, When};

use crate::{
    ledger::Ledger,
    world::{Process, TARGET, World},
};

/// Cases under way at once.
const AT_ONCE: usize = 32;
/// No case takes longer.
const PATIENCE: Duration = Duration::from_secs(25);

/// A fault, and what must come of it.
struct Case {
    name: String,
    kind: Kind,
    when: When,
    fault: Fault,
    expected: Expected,
    /// At most so many requests run into it.
    most: u64,
    retry_for: Duration,
}

#[derive(Clone, Debug)]
enum Expected {
    /// The pass succeeds all the same.
    Passes,
    /// The pass fails; its message and hint hold these words.
    Fails(Action, Vec<&'static str>),
}

/// The message and the hint, as a user reads them.
fn told(error: &PassError) -> String {
    format!("{} (hint: {})", Chain(error), error.hint().unwrap_or_default())
}

async fn partly_archived(retry_for: Duration) -> (World, Process) {
    partly_archived_of(Kind::Unified, retry_for).await
}

/// A history of 1,200 events of which 200 are archived (or those that can be read so far), with late ones for the lookback
/// among the others.
async fn partly_archived_of(kind: Kind, retry_for: Duration) -> (World, Process) {
    let mut world = World::of(kind).await;
    for connection in world.settings.connections.values_mut() {
        connection.retry_for = retry_for;
        connection.max_concurrent_requests = 2;
    }
    // Several parts of several pages each.
    world.settings.archive.max_events = 250;
    world.settings.archive.max_bytes = 350 << 10;
    world.happen(7, 200, 20);
    let mut process = world.start().await;
    let written = process.pass().await.unwrap().counts.written;
    assert!(
        written == 200 || kind == Kind::LongTerm && written > 150,
        "{written}"
    );
    let then = world.now();
    world.advance(24 * 60);
    world.happen(8, 990, 1);
    for minute in 0..10 {
        let at = then - chrono::TimeDelta::minutes(3 + 5 * minute);
        world.simulator.push(&world.stream, NewEvent::at(at));
    }
    if kind != Kind::Unified {
        world.settle();
    }
    world.simulator.clear_requests();
    (world, process)
}

async fn assert_all_archived(world: &World, when: &str) {
    let checked = AssertUnwindSafe(world.assert_archive_equals_truth());
    let ledger = checked.catch_unwind().await;
    let ledger = ledger.unwrap_or_else(|_| panic!("{when} the archive is not the truth"));
    let written = ledger.sum("written");
    // A file of the newest records repeats those before.
    assert!(
        written == 1200 || world.kind == Kind::ClassicCsv && written > 1200,
        "{written} {when}"
    );
}

async fn try_out(case: &Case) {
    let (world, mut process) = partly_archived_of(case.kind, case.retry_for).await;
    let fault = world.simulator.fault(case.when.clone(), case.fault.clone());
    let result = process.pass().await;
    let struck = world.simulator.struck(fault);
    assert!(struck > 0, "it did not strike");
    assert!(
        struck <= case.most,
        "{struck} requests ran into it, not {}",
        case.most
    );
    match (&case.expected, &result) {
        (Expected::Passes, Ok(_)) => assert_all_archived(&world, "after the pass").await,
        (Expected::Fails(action, words), Err(error)) => {
            let told = told(error);
            assert_eq!(error.action(), *action, "{told}");
            for word in words {
                assert!(told.contains(word), "`{word}` is not in: {told}");
            }
        }
        (expected, Ok(summary)) => panic!("{expected:?}, but it passed: {summary:?}"),
        (expected, Err(error)) => panic!("{expected:?}, but it failed: {}", told(error)),
    }
    world.simulator.clear_faults();
    process
        .pass()
        .await
        .unwrap_or_else(|error| panic!("the pass after it: {}", told(&error)));
    assert_all_archived(&world, "after the next pass").await;
}

async fn try_all(cases: Vec<Case>) {
    let count = cases.len();
    let failed: Vec<String> = stream::iter(cases)
        .map(|case| async move {
            let tried =
                tokio::time::timeout(PATIENCE, try_out(&case)).map(|done| done.expect("still not done"));
            let outcome = AssertUnwindSafe(tried).catch_unwind().await;
            outcome.err().map(|panic| {
                let said = panic.downcast_ref::<String>().cloned();
                let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                format!("{}: {}", case.name, said.unwrap_or_default())
            })
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    assert!(
        failed.is_empty(),
        "{} of {count} faults:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

#[tokio::test]
async fn a_fault_that_passes_by_is_not_noticed_in_the_archive() {
    try_all(cases::once()).await;
}

#[tokio::test]
async fn a_fault_that_stays_is_given_up_on_after_a_few_tries() {
    try_all(cases::lasting()).await;
}

#[tokio::test]
async fn a_refusal_is_not_tried_again_and_says_who_must_act() {
    try_all(cases::refusals()).await;
}

#[tokio::test]
async fn a_link_to_anywhere_else_or_in_circles_ends_the_pass() {
    try_all(cases::links()).await;
}

#[tokio::test]
async fn without_a_token_nothing_is_asked_and_nothing_is_lost() {
    try_all(cases::tokens()).await;
}

#[tokio::test]
async fn what_is_not_needed_may_fail() {
    try_all(cases::harmless()).await;
}

/// A server of somebody else, which must never see a token.
async fn stranger() -> Simulator {
    Simulator::local(Cloud::new().tenant("acme", "production"))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_stranger_is_never_asked_however_we_are_sent_there() {
    let stranger = stranger().await;
    let url = stranger.url();
    let page = "acme/production/tenantaudit_/api/query/events?before=1";
    let mut ways = vec![
        (When::events().first_page(), cases::link_to(&url)),
        (When::events().later_page(), cases::link_to(&url)),
        (
            When::events(),
            cases::link_to(&url.replace("http://", "http://me:you@")),
        ),
        (
            When::events(),
            cases::link_to(url.trim_start_matches("http:").trim_end_matches('/')),
        ),
    ];
    for status in [301, 302, 303, 307, 308] {
        for when in [When::events(), When::sources(), When::token()] {
            ways.push((when, Fault::Redirect(status, format!("{url}{page}"))));
        }
    }
    for (when, fault) in ways {
        let (world, _) = partly_archived(Duration::from_secs(1)).await;
        // A new process: it has to ask for a token, too.
        world.simulator.fault(when.clone(), fault.clone());
        let result = world.once().await;
        assert_eq!(
            result.is_ok(),
            when == When::sources(),
            "{when:?} {fault:?}: {result:?}"
        );
        assert_eq!(stranger.requests(), [], "{when:?} {fault:?}");
        world.simulator.clear_faults();
        world.once().await.unwrap();
        assert_all_archived(&world, "afterwards").await;
    }
    // The stranger does count who comes.
    let mut world = World::new().await;
    for connection in world.settings.connections.values_mut() {
        connection.url = url.parse().unwrap();
    }
    world.once().await.unwrap();
    assert!(stranger.request_count() > 0);
}

#[tokio::test]
async fn the_server_is_not_asked_sooner_than_it_asks_for() {
    for after in [RetryAfter::Seconds(1), RetryAfter::Date(1)] {
        let (world, mut process) = partly_archived(Duration::from_secs(4)).await;
        world
            .simulator
            .fault(When::events().nth(1), Fault::too_many(after.clone()));
        let begun = tokio::time::Instant::now();
        process.pass().await.unwrap();
        let took = begun.elapsed();
        assert!(took >= Duration::from_secs(1), "{after:?}: {took:?}");
        assert_all_archived(&world, "afterwards").await;
    }
}

/// Lets the time of this thread's runtime jump once a fault has struck: nobody waits half a minute for a silent server.
async fn pass_with_jumps(
    world: &World,
    process: &mut Process,
    (when, fault): (When, Fault),
    jump: Duration,
) -> Result<Summary, PassError> {
    let fault = world.simulator.fault(when, fault);
    let frozen = AtomicBool::new(false);
    let jumps = async {
        for strike in 1..=20 {
            while world.simulator.struck(fault) < strike {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            tokio::time::pause();
            frozen.store(true, Ordering::Relaxed);
            tokio::time::advance(jump).await;
            frozen.store(false, Ordering::Relaxed);
            tokio::time::resume();
        }
        panic!("still not given up");
    };
    let result = tokio::select! {
        result = process.pass() => result,
        () = jumps => unreachable!(),
    };
    if frozen.load(Ordering::Relaxed) {
        tokio::time::resume();
    }
    result
}

#[tokio::test]
async fn a_silent_or_dripping_server_is_given_up_on() {
    for fault in [
        Fault::Silence,
        Fault::Late(Duration::from_secs(3600)),
        Fault::Drip(10, Duration::from_secs(5)),
    ] {
        let (world, mut process) = partly_archived(Duration::from_secs(1)).await;
        let always = (When::events().later_page(), fault.clone());
        let error = pass_with_jumps(&world, &mut process, always, Duration::from_secs(31))
            .await
            .unwrap_err();
        let told = told(&error);
        assert_eq!(error.action(), Action::NextTick, "{fault:?}: {told}");
        assert!(
            told.contains("10 s") || told.contains("nothing came"),
            "{fault:?}: {told}"
        );
        world.simulator.clear_faults();
        process.pass().await.unwrap();
        assert_all_archived(&world, "afterwards").await;
    }
}

#[tokio::test]
async fn a_server_that_stays_silent_once_is_asked_again() {
    let (world, mut process) = partly_archived(Duration::from_secs(30)).await;
    let once = (When::events().later_page().next(1), Fault::Silence);
    let jump = Duration::from_millis(15_100);
    pass_with_jumps(&world, &mut process, once, jump).await.unwrap();
    assert_all_archived(&world, "afterwards").await;
}

/// The world's settings with a second target: another tenant of the same organization, over the same connection.
fn with_neighbour(world: &mut World) -> &Target {
    let neighbour = Target {
        name: "acme-staging".parse().unwrap(),
        tenant: Some("staging".to_owned()),
        ..world.settings.targets[0].clone()
    };
    world.settings.targets.push(neighbour);
    &world.settings.targets[1]
}

#[tokio::test]
async fn a_target_that_fails_keeps_no_other_from_archiving() {
    for fault in [
        Fault::status(503),
        Fault::status(403),
        Fault::EmptyObject,
        Fault::Reset,
        Fault::too_many(RetryAfter::Seconds(3600)),
        cases::link_to("http://127.0.0.1:1/"),
        Fault::Link(uipath_audit_simulator::LinkFault::RepeatingChain),
    ] {
        let mut world = World::new().await;
        world
            .settings
            .connections
            .values_mut()
            .for_each(|connection| connection.retry_for = Duration::from_millis(500));
        with_neighbour(&mut world);
        world.happen(1, 300, 20);
        world.happen_to(&world.neighbour, 2, 300, 20);
        let fleet = world.open_fleet().await;
        let mut exporters = fleet.exporters(&[]).into_iter();
        let (mut sick, mut well) = (exporters.next().unwrap(), exporters.next().unwrap());
        world
            .simulator
            .fault(When::events().of(&world.stream), fault.clone());
        let stop = tokio_util::sync::CancellationToken::new();
        let (failed, passed) = join(sick.pass(false, &stop), well.pass(false, &stop)).await;
        assert!(failed.is_err(), "{fault:?}");
        let passed = passed.unwrap_or_else(|error| panic!("{fault:?}: {}", told(&error)));
        assert_eq!(passed.counts.written, 300);
        assert_holds(&world, "acme-staging", &world.neighbour).await;
        world.simulator.clear_faults();
        sick.pass(false, &stop).await.unwrap();
        assert_holds(&world, TARGET, &world.stream).await;
    }
}

async fn assert_holds(world: &World, target: &str, stream: &StreamId) {
    let ledger = Ledger::read(&*world.store, target).await;
    world.assert_holds_all_of(&ledger, stream);
}
