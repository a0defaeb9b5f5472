//! `demo`: simulator and exporter in one process, and the archive compared with what really happened.
//!
//! The exporter's part is the very way that `once` takes. Writes nothing outside its directory.

mod compare;
mod history;
mod place;
mod words;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uipath_audit_simulator::{Cloud, Simulator};

use super::{CliError, Exit, args::Demo, console::Console, once, out, verify};
use crate::{
    archive::Archive,
    config,
    fleet::Fleet,
    settings::Settings,
    verify::{Options, Report},
};
use history::{History, STREAMS};
use place::Place;

pub(super) async fn run(console: &Console, args: Demo, stop: CancellationToken) -> Result<Exit, CliError> {
    let place = Place::claim(&args.directory)?;
    let mut history = place.history()?.unwrap_or_default();
    let again = !history.is_new();
    let events = history.add(args.events, console.clock.now());
    let simulator = start(&history).await?;
    place.write(&history, &simulator)?;
    let what = if again {
        format!(
            "going on with the demo in {}: {} of news",
            place.show(),
            out::count(events.into(), "event")
        )
    } else {
        format!("simulating {} of 90 days", out::count(events.into(), "event"))
    };
    console.note(&format!("{what}; archiving into {}", place.archive().display()));

    // Variables of this process configure other exporters.
    let (settings, _) = config::load(&[place.config()], std::iter::empty()).map_err(CliError::Config)?;
    let began = Instant::now();
    let exit = archive(console, &settings, &stop).await?;
    if exit != Exit::Done {
        return Ok(exit);
    }
    let took = began.elapsed();
    let found = compare::archive_with_truth(&settings, &simulator).await?;
    let checked = check(console, &settings).await?;
    out::write(words::summary(&place, &found, &checked, took).as_bytes())?;
    simulator.stop().await;
    Ok(if found.iter().all(compare::Found::is_exact) {
        Exit::of_archive(checked.exit_code())
    } else {
        Exit::Archive(10)
    })
}

/// What anybody can find out from the archive alone.
async fn check(console: &Console, settings: &Settings) -> Result<Report, CliError> {
    let archive = Archive::open(&settings.archive).map_err(CliError::Archive)?;
    let deep = Options {
        deep: true,
        ..Options::default()
    };
    verify::checked(console, &archive, &deep).await
}

async fn start(history: &History) -> Result<Simulator, CliError> {
    let cloud = STREAMS
        .iter()
        .fold(Cloud::new(), |cloud, stream| match stream.tenant {
            Some(tenant) => cloud.tenant(stream.organization, tenant),
            None => cloud.organization(stream.organization),
        });
    let simulator = Simulator::local(cloud).await.map_err(|source| CliError::Listen {
        address: ([127, 0, 0, 1], 0).into(),
        source,
    })?;
    history.replay(&simulator);
    Ok(simulator)
}

async fn archive(console: &Console, settings: &Settings, stop: &CancellationToken) -> Result<Exit, CliError> {
    let exporters = {
        let fleet = Fleet::open(settings, console.clock.clone()).map_err(CliError::Open)?;
        fleet.exporters(&[])
    };
    let outcomes = once::passes(console, exporters, false, stop).await;
    Ok(once::report(console, &outcomes))
}
