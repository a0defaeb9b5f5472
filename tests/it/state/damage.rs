//! Damage to the database's own files, in many places: the next pass notices, or loses nothing by not noticing.
//! Every place and kind comes from the seed that is printed.

use std::{fs, path::PathBuf, sync::Arc};

use object_store::memory::InMemory;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::{copy, more, put_in_place};
use crate::world::World;

/// A world with a state directory to be damaged, and something new to archive after that.
struct Patient {
    world: World,
    healthy: PathBuf,
    archive: Arc<InMemory>,
}

impl Patient {
    async fn new(passes: usize) -> Self {
        let mut world = World::new().await;
        let archive = Arc::new(InMemory::new());
        world.move_to(archive.clone());
        world.settings.archive.max_events = 120;
        world.happen(3, 300, 3);
        for _ in 0..passes {
            world.once().await.unwrap();
            more(&world);
        }
        let healthy = world.directory.path().join("healthy");
        copy(&world.state_dir(), &healthy);
        Self {
            world,
            healthy,
            archive,
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let checkpoint = self.world.state_dir().join("checkpoint");
        let mut files: Vec<PathBuf> = fs::read_dir(checkpoint)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .collect();
        files.sort();
        files
    }

    /// Archive and state as they were; then the damage; then a pass, and another.
    async fn try_out(&mut self, damage: impl FnOnce(&[PathBuf]) -> String) -> u32 {
        put_in_place(&self.healthy, &self.world.state_dir());
        self.world.move_to(Arc::new(self.archive.fork()));
        let what = damage(&self.files());
        eprintln!("{what}");
        let mut process = self.world.start().await;
        process
            .pass()
            .await
            .unwrap_or_else(|error| panic!("{what}: {error:?}"));
        process
            .pass()
            .await
            .unwrap_or_else(|error| panic!("{what}: {error:?}"));
        let put_aside = process.fleet.shared.checkpoint.quarantined();
        drop(process);
        self.world.assert_archive_equals_truth().await;
        let aside = self.world.state_dir().join("checkpoint.damaged-0").exists();
        assert_eq!(aside, put_aside > 0, "{what}");
        put_aside
    }
}

async fn damaged(seed: u64, times: usize) {
    eprintln!("seed {seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let mut patient = Patient::new(3).await;
    let mut put_aside = 0;
    for _ in 0..times {
        let seed = dice.random::<u64>();
        put_aside += patient
            .try_out(|files| {
                let mut dice = StdRng::seed_from_u64(seed);
                let file = &files[dice.random_range(0..files.len())];
                let mut bytes = fs::read(file).unwrap();
                let end = bytes.len();
                // The database's file is mostly air at its end: aim at what is written.
                let written = bytes
                    .iter()
                    .rposition(|byte| *byte != 0)
                    .map_or(1, |last| last + 1);
                let at = dice.random_range(0..written.max(1));
                let what = match dice.random_range(0..6) {
                    0 => {
                        bytes.truncate(at);
                        "cut"
                    }
                    1 => {
                        if let Some(byte) = bytes.get_mut(at) {
                            *byte ^= 1 << dice.random_range(0..8);
                        }
                        "one bit of"
                    }
                    2 => {
                        let to = (at + dice.random_range(1..600)).min(end);
                        dice.fill(&mut bytes[at..to]);
                        "garbage in"
                    }
                    3 => {
                        let to = (at + dice.random_range(1..6000)).min(end);
                        bytes[at..to].fill(0);
                        "zeros in"
                    }
                    4 => {
                        bytes.clear();
                        "emptied"
                    }
                    _ => {
                        bytes.extend((0..700).map(|_| dice.random::<u8>()));
                        "garbage after"
                    }
                };
                fs::write(file, bytes).unwrap();
                format!("{what} {} at {at} of {end}", file.display())
            })
            .await;
    }
    assert!(put_aside > 0, "nothing was ever noticed");
}

#[tokio::test]
async fn a_damaged_checkpoint_loses_nothing() {
    damaged(20_261_120, 60).await;
}

#[tokio::test]
async fn a_checkpoint_damaged_elsewhere_loses_nothing() {
    damaged(42, 60).await;
}

#[tokio::test]
async fn a_file_of_the_checkpoint_that_is_gone_loses_nothing() {
    let mut patient = Patient::new(2).await;
    for index in 0..patient.files().len() {
        patient
            .try_out(|files| {
                fs::remove_file(&files[index]).unwrap();
                format!("without {}", files[index].display())
            })
            .await;
    }
}

#[tokio::test]
async fn unfinished_snapshots_are_no_damage() {
    let mut patient = Patient::new(2).await;
    for content in ["", "half a snapshot"] {
        let put_aside = patient
            .try_out(|files| {
                let directory = files[0].parent().unwrap();
                for name in [
                    "snap.0000000000000000.generating",
                    "snap.00000000000012AB.generating",
                ] {
                    fs::write(directory.join(name), content).unwrap();
                }
                format!("unfinished: `{content}`")
            })
            .await;
        assert_eq!(put_aside, 0);
    }
}

#[tokio::test]
async fn reading_the_archive_again_shows_that_it_gets_on() {
    let patient = Patient::new(3).await;
    let commits = patient.world.ledger().await.commits.len() as u64;
    fs::remove_dir_all(patient.world.state_dir()).unwrap();
    let mut process = patient.world.start().await;
    process.pass().await.unwrap();
    // Long before the first request to the server. Whoever watches must not take it for dead.
    let looks = process.exporter.progress().look().looks;
    assert!(
        commits > 3 && looks > commits,
        "{looks} looks at {commits} commits"
    );
}
