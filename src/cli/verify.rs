//! `verify`: is the archive complete and unaltered?

use super::{
    CliError, Exit,
    args::Verify,
    console::{Console, known_targets, readable},
};
pub(super) async fn run(console: &Console, args: Verify) -> Result<Exit, CliError> {
    let archive = match &args.archive {
        Some(url) => readable(url)?,
        None => {
            let settings = console.settings()?;
            known_targets(&settings, &args.target)?;
            readable(&settings.archive.url)?
        }
    };
    // CALL SITE: let report = crate::verify::verify(&archive, &options, progress).await?;
    // out::write(json or Display); Ok(Exit::Archive(report.exit_code()) or Exit::Done for 0)
    let _ = (archive, args.since, args.json, args.deep);
    Err(CliError::NotYet { command: "verify" })
}
