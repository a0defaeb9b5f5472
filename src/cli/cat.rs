//! `cat`: the archived events of a span on stdout; what the archive cannot tell about it on stderr.

use tokio::io::AsyncWriteExt as _;

use super::{
    CliError, Exit,
    args::Cat,
    console::{Console, known_targets, readable},
};
use crate::{
    cat::{CatError, CatSummary, cat},
    clock::spell,
    window::Window,
};

pub(super) async fn run(console: &Console, args: Cat) -> Result<Exit, CliError> {
    if args.from >= args.to {
        return Err(CliError::EmptySpan);
    }
    let span = Window::new(args.from, args.to);
    let settings = console.settings()?;
    known_targets(&settings, std::slice::from_ref(&args.target))?;
    let archive = readable(&settings.archive)?;
    let mut stdout = tokio::io::stdout();
    let written = cat(&archive, &args.target, span, &mut stdout).await;
    let written = match (written, stdout.flush().await) {
        (Ok(_), Err(error)) => Err(CatError::Output(error)),
        (written, _) => written,
    };
    match written {
        Ok(summary) => {
            tell(console, &summary);
            Ok(Exit::Done)
        }
        Err(error) if error.is_closed_pipe() => Ok(Exit::Done),
        Err(error) => Err(CliError::Cat(error)),
    }
}

/// Few events may mean that little happened, or that little is known: say which.
fn tell(console: &Console, summary: &CatSummary) {
    for window in &summary.uncovered {
        let (from, to) = (spell(window.from), spell(window.to));
        console.note(&format!("not archived, or not yet: {from} to {to}"));
    }
    for gap in &summary.gaps {
        let (from, to) = (spell(gap.window.from), spell(gap.window.to));
        console.note(&format!("a gap: {from} to {to}: {}", gap.reason));
    }
}
