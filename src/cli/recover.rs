//! `recover`: the local checkpoint, built again from the archive.

use super::{
    CliError, Exit,
    args::Recover,
    console::{Console, known_targets},
    out,
};
use crate::{error::Chain, fleet::Fleet};

pub(super) async fn run(console: &Console, args: Recover) -> Result<Exit, CliError> {
    let settings = console.settings()?;
    known_targets(&settings, &args.target)?;
    let exporters = {
        let fleet = Fleet::open(&settings, console.clock.clone()).map_err(CliError::Open)?;
        fleet.exporters(&args.target)
    };
    let mut exits = Vec::new();
    for mut exporter in exporters {
        let recovered = exporter.recover().await;
        let target = &exporter.target().name;
        match recovered {
            Ok((Some(number), known)) => {
                let known = out::count(known as u64, "recent event");
                out::line(&format!("{target}: rebuilt up to commit {number}; {known} known"))?;
            }
            Ok((None, _)) => out::line(&format!(
                "{target}: the archive holds no commit; the next pass begins at `start`"
            ))?,
            Err(error) => {
                console.problem(target, &Chain(&error).to_string(), error.hint().as_deref());
                exits.push(Exit::from(&error));
            }
        }
    }
    Ok(Exit::first(exits))
}
