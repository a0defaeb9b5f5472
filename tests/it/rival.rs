//! An exporter that comes and goes, on its own line to a store that others use, too; and what goes on in its world.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use futures::{StreamExt as _, stream};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uipath_audit_exporter::{
    archive::Archive,
    export::{PassError, Summary},
    settings::Settings,
};

use crate::{
    ledger::Ledger,
    store::{Gate, Line, Step},
    world::{Process, World, open_checkpoint},
};

/// Cases that run at once.
const AT_ONCE: usize = 3;
/// No case takes longer, in seconds, however slow the machine and a far store are: else it hangs.
const DEADLINE: u32 = 240;

/// An exporter with a state directory of its own: a process that comes and goes.
pub struct Rival {
    pub settings: Settings,
    pub line: Arc<Line>,
    pub process: Option<Process>,
}

impl Rival {
    /// Not running yet.
    pub fn new(world: &World, instance: &str, directory: &str) -> Self {
        let mut settings = world.settings.clone();
        settings.instance = instance.to_owned();
        settings.state_dir = world.directory.path().join(directory);
        Self {
            settings,
            line: Line::to(&world.way),
            process: None,
        }
    }

    pub async fn started(world: &World, instance: &str, directory: &str) -> Self {
        let mut rival = Self::new(world, instance, directory);
        rival.start(world).await;
        rival
    }

    /// A new process, with a new line to the store.
    pub async fn start(&mut self, world: &World) {
        self.process = None;
        self.line = Line::to(&world.way);
        let archive = Archive::from_store(Arc::clone(&self.line) as _, "memory:///");
        self.process = Some(world.start_as(&self.settings, archive).await);
    }

    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("it runs")
    }

    pub async fn pass(&mut self) -> Result<Summary, PassError> {
        self.process().pass().await
    }

    pub async fn take_over(&mut self) -> Result<Summary, PassError> {
        let stop = CancellationToken::new();
        self.process().exporter.pass(true, &stop).await
    }

    /// Runs a pass up to that step, does something else, lets the pass go on. None: it was killed after so many
    /// operations more.
    pub async fn pass_around(
        &mut self,
        step: Step,
        meanwhile: impl Future<Output = ()>,
        die_after: Option<usize>,
    ) -> Option<Result<Summary, PassError>> {
        let line = Arc::clone(&self.line);
        let gate = line.hold(step);
        let stop = CancellationToken::new();
        let mut pass = std::pin::pin!(self.process().exporter.pass(false, &stop));
        let ended = tokio::select! {
            biased;
            result = &mut pass => Some(result),
            () = gate.reached() => None,
        };
        meanwhile.await;
        let death = die_after.map(|more| line.hold(Step::After(line.count() + more)));
        gate.open();
        let result = match (ended, &death) {
            // How a history is sliced depends on what was read at once: it may have had fewer steps.
            (Some(result), _) => Some(result),
            (None, None) => Some(pass.await),
            (None, Some(death)) => tokio::select! {
                biased;
                result = &mut pass => Some(result),
                () = death.reached() => return None,
            },
        };
        if let Some(death) = death {
            death.open();
        }
        result
    }

    /// Kills the process at that step of a pass. False: the pass ended before.
    pub async fn die_at(&mut self, step: Step) -> bool {
        let gate = self.line.hold(step);
        let died = reach(self.process(), &gate).await;
        self.process = None;
        died
    }

    /// Its disk is gone. Not while it runs.
    pub async fn lose_state(&mut self) {
        assert!(self.process.is_none());
        // What the dead process left running in the background comes to its end first.
        drop(open_checkpoint(&self.settings.state_dir).await);
        std::fs::remove_dir_all(&self.settings.state_dir).unwrap();
    }
}

/// Tells what the process did where a test fails.
impl Drop for Rival {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "{} in {:?}:\n{:?}",
                self.settings.instance, self.settings.state_dir, self.line
            );
        }
    }
}

async fn reach(process: &mut Process, gate: &Gate) -> bool {
    tokio::select! {
        biased;
        _ = process.pass() => false,
        () = gate.reached() => true,
    }
}

/// A small world whose commits hold few events, in two formats.
pub async fn small_world() -> World {
    small(World::new().await)
}

pub fn small(mut world: World) -> World {
    world.settings.archive.max_events = 20;
    world.settings.archive.csv = true;
    world
}

/// Twenty minutes go by: new events, and some that come late.
pub fn news(world: &World, seed: u64, count: u32) {
    let before = world.now();
    world.advance(20);
    let now = world.now();
    let minutes = TimeDelta::minutes;
    world
        .simulator
        .generate(&world.stream, seed, count, before + minutes(1), now - minutes(3));
    world.simulator.generate(
        &world.stream,
        seed + 1_000_000,
        count.div_ceil(8),
        before - minutes(50),
        before - minutes(3),
    );
}

/// Everything goes on: news, then a pass of each. Whoever does not own the target stands by.
pub async fn go_on(world: &World, seed: u64, rivals: &mut [&mut Rival]) {
    for round in 0.. {
        news(world, seed + round, 6);
        let mut owners = 0;
        for rival in rivals.iter_mut() {
            match rival.pass().await {
                Ok(_) => owners += 1,
                Err(PassError::StandBy { .. }) => {}
                Err(error) => panic!("round {round} of {}: {error:?}", rival.settings.instance),
            }
        }
        if round > 0 && owners == 1 {
            return;
        }
        assert!(round < 4, "{owners} own the target");
    }
}

/// The runs that wrote the chain, one for each stretch, and a check that epochs never decrease along it.
pub fn reigns(ledger: &Ledger) -> Vec<String> {
    let epochs: Vec<u64> = ledger
        .commits
        .iter()
        .map(|commit| commit["epoch"].as_u64().unwrap())
        .collect();
    assert!(epochs.is_sorted(), "epochs decrease: {epochs:?}");
    let run = |commit: &Value| commit["run"].as_str().unwrap().to_owned();
    let mut runs: Vec<String> = ledger.commits.iter().map(run).collect();
    runs.dedup();
    runs
}

/// As [`reigns`]; nobody may come back who was overthrown without asking for it.
pub fn assert_no_fighting(ledger: &Ledger, changes: usize) {
    let reigns = reigns(ledger);
    assert!(reigns.len() <= changes + 1, "the owner changed: {reigns:?}");
    assert_eq!(reigns.iter().collect::<BTreeSet<_>>().len(), reigns.len());
}

/// So many exporters fight for the target while events keep happening.
pub async fn race(world: World, seed: u64, instances: &'static [&'static str]) {
    let mut random = StdRng::seed_from_u64(seed);
    let world = Arc::new(world);
    world.happen(seed * 100, 30, 3);
    let over = Arc::new(AtomicBool::new(false));
    let passes = Arc::new(AtomicUsize::new(0));
    let tracker = TaskTracker::new();
    let mut runners = Vec::new();
    for (number, instance) in instances.iter().enumerate() {
        let mut rival = Rival::new(&world, instance, &format!("state-{number}"));
        rival.settings.archive.max_events = random.random_range(10..25);
        let (world, over, passes) = (Arc::clone(&world), Arc::clone(&over), Arc::clone(&passes));
        let mut random = StdRng::seed_from_u64(seed + 1000 * (number as u64 + 1));
        runners.push(tracker.spawn(async move {
            rival.start(&world).await;
            while !over.load(Ordering::SeqCst) {
                match rival.take_over().await {
                    Ok(_) | Err(PassError::StandBy { .. } | PassError::Overtaken { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
                passes.fetch_add(1, Ordering::SeqCst);
                if random.random_bool(0.1) {
                    rival.start(&world).await;
                }
                tokio::time::sleep(Duration::from_millis(random.random_range(0..4))).await;
            }
            rival
        }));
    }
    for round in 1..=4_usize {
        news(&world, seed * 100 + round as u64, 15);
        tokio::time::sleep(Duration::from_millis(random.random_range(5..40))).await;
        // However slow the store is, they meet.
        while passes.load(Ordering::SeqCst) < round * instances.len() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    over.store(true, Ordering::SeqCst);
    let mut rivals = Vec::new();
    for runner in runners {
        rivals.push(runner.await.unwrap());
    }
    go_on(
        &world,
        seed * 100 + 50,
        &mut rivals.iter_mut().collect::<Vec<_>>(),
    )
    .await;
    reigns(&world.assert_archive_equals_truth().await);
}

/// Counted second by second: a machine that stands still for a minute has not worked for one.
async fn deadline() {
    for _ in 0..DEADLINE {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Runs every case, a few at once; a failure tells which.
pub async fn each<C, F>(cases: Vec<C>, run: impl Fn(C) -> F + Send + Sync)
where
    C: std::fmt::Debug + Clone + Send + Sync,
    F: Future<Output = ()> + Send + 'static,
{
    let tracker = TaskTracker::new();
    let count = cases.len();
    let started = tokio::time::Instant::now();
    stream::iter(cases)
        .for_each_concurrent(AT_ONCE, |case| {
            let story = run(case.clone());
            let task = tracker.spawn(async move {
                // The story is dropped while this panics: its rivals tell what they did.
                let mut story = std::pin::pin!(story);
                tokio::select! {
                    biased;
                    () = &mut story => {}
                    () = deadline() => panic!("it does not come to an end"),
                }
            });
            async move {
                if let Err(died) = task.await {
                    panic!("failed: {case:?} ({died})");
                }
            }
        })
        .await;
    eprintln!("{count} cases in {:?}", started.elapsed());
}
