//! `reconcile`: a span of each target compared with the server, all at once, and a line about each.

use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{
    CliError, Exit,
    args::Reconcile,
    console::{Console, known_targets},
    out, progress,
};
use crate::{
    clock::spell,
    error::Chain,
    export::{Compared, PassError, Reconciled},
    fleet::Fleet,
    target::TargetName,
    window::Window,
};

pub(super) async fn run(
    console: &Console,
    args: Reconcile,
    stop: CancellationToken,
) -> Result<Exit, CliError> {
    if args.from >= args.to {
        return Err(CliError::EmptySpan);
    }
    let asked = Window::new(args.from, args.to);
    let settings = console.settings()?;
    known_targets(&settings, &args.target)?;
    let mut exporters = {
        let fleet = Fleet::open(&settings, console.clock.clone()).map_err(CliError::Open)?;
        fleet.exporters(&args.target)
    };
    if args.target.is_empty() {
        for exporter in exporters
            .iter()
            .filter(|exporter| exporter.target().api.schema().is_none())
        {
            let target = exporter.target();
            out::line(&format!(
                "{}: not compared: it archives the server's files",
                target.name
            ))?;
        }
        // Nobody asked for these: nothing of them can be compared.
        exporters.retain(|exporter| exporter.target().api.schema().is_some());
    }
    let compare = |mut exporter: crate::export::Exporter| {
        let span = tracing::info_span!("reconcile", target = %exporter.target().name);
        let stop = stop.clone();
        let compare = async move {
            let mut work = Reconciled::of(asked);
            let result = exporter.reconcile(&mut work, &stop).await;
            (work, result)
        };
        compare.instrument(span)
    };
    let ended = progress::at_once(console, exporters, compare, |(_, result)| result.is_ok()).await;
    let mut exits = Vec::new();
    for (target, ended) in &ended {
        exits.push(tell(console, target, ended.as_ref())?);
    }
    Ok(Exit::first(exits))
}

fn tell(
    console: &Console,
    target: &TargetName,
    ended: Option<&(Reconciled, Result<(), PassError>)>,
) -> Result<Exit, CliError> {
    let Some((work, result)) = ended else {
        console.problem(
            target,
            "finish its comparison: its task died",
            Some("this is a mistake in the program: please report it"),
        );
        return Ok(Exit::Again);
    };
    if result.is_ok() || work.live.span.is_some() || work.store.span.is_some() {
        out::line(&format!("{target}: {}", words(work)))?;
    }
    if let Err(error) = result {
        console.problem(target, &Chain(error).to_string(), error.hint().as_deref());
        return Ok(error.into());
    }
    if work.interrupted {
        return Ok(Exit::Again);
    }
    for rest in outside(work) {
        let (from, to) = (spell(rest.from), spell(rest.to));
        console.note(&format!("{target}: not archived, or not yet: {from} to {to}"));
    }
    Ok(Exit::Done)
}

/// What was asked for and is not archived.
fn outside(work: &Reconciled) -> Vec<Window> {
    let asked = work.asked;
    let parts = match work.span {
        None => vec![asked],
        Some(span) => vec![Window::new(asked.from, span.from), Window::new(span.to, asked.to)],
    };
    parts.into_iter().filter(|part| !part.is_empty()).collect()
}

/// What a comparison came to, for people.
fn words(work: &Reconciled) -> String {
    let Some(span) = work.span else {
        return match work.interrupted {
            true => "stopped before anything was compared".to_owned(),
            false => "nothing compared: nothing of this span is archived".to_owned(),
        };
    };
    let mut text = format!("compared {}; its own API: ", spelled(span));
    text.push_str(&match work.live.span {
        None => "not compared, it no longer shows this span".to_owned(),
        Some(_) => side(&work.live, span),
    });
    if work.store.span.is_some() || work.without_store.is_some() {
        text.push_str("; long-term store: ");
        let told = work.store.span.map(|_| side(&work.store, span));
        let parts: Vec<String> = told.into_iter().chain(work.without_store.clone()).collect();
        if work.store.span.is_none() {
            text.push_str("not compared: ");
        }
        text.push_str(&parts.join(": "));
    }
    if work.interrupted {
        text.push_str("; stopped before its end");
    }
    text
}

fn side(side: &Compared, whole: Window) -> String {
    let number = indicatif::HumanCount;
    let mut text = format!("{} shown, ", out::count(side.pulled, "event"));
    if side.missing == 0 {
        text.push_str("none missing");
    } else {
        text.push_str(&format!("{} missing", number(side.missing)));
        if side.conflict > 0 {
            text.push_str(&format!(
                " ({} of them another version of an archived one)",
                number(side.conflict)
            ));
        }
        text.push_str(&format!(", {} archived", number(side.written)));
        if side.commits > 0 {
            text.push_str(&format!(" in {}", out::count(side.commits, "commit")));
        }
    }
    if let Some(part) = side.span.filter(|part| *part != whole) {
        text.push_str(&format!(" ({})", spelled(part)));
    }
    text
}

fn spelled(span: Window) -> String {
    format!("{} to {}", spell(span.from), spell(span.to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: u32, to: u32) -> Window {
        let at = |day: u32| format!("2026-11-{day:02}T00:00:00Z").parse().unwrap();
        Window::new(at(from), at(to))
    }

    #[test]
    fn a_comparison_is_told_in_words() {
        let mut work = Reconciled::of(window(1, 20));
        assert_eq!(words(&work), "nothing compared: nothing of this span is archived");
        assert_eq!(outside(&work), [window(1, 20)]);
        work.span = Some(window(10, 20));
        assert_eq!(
            words(&work),
            "compared 2026-11-10T00:00:00.000Z to 2026-11-20T00:00:00.000Z; \
             its own API: not compared, it no longer shows this span"
        );
        assert_eq!(outside(&work), [window(1, 10)]);
        work.live = Compared {
            span: Some(window(10, 20)),
            pulled: 1_234,
            missing: 3,
            conflict: 1,
            written: 3,
            commits: 1,
        };
        work.without_store = Some("`long_term = false`".to_owned());
        assert_eq!(
            words(&work),
            "compared 2026-11-10T00:00:00.000Z to 2026-11-20T00:00:00.000Z; \
             its own API: 1,234 events shown, 3 missing (1 of them another version of an archived one), 3 archived in 1 commit; \
             long-term store: not compared: `long_term = false`"
        );
        work.store = Compared {
            span: Some(window(10, 18)),
            pulled: 7,
            missing: 7,
            ..Compared::default()
        };
        work.without_store = Some("it has other ids".to_owned());
        work.interrupted = true;
        assert!(
            words(&work).ends_with(
                "; long-term store: 7 events shown, 7 missing, 0 archived \
                 (2026-11-10T00:00:00.000Z to 2026-11-18T00:00:00.000Z): it has other ids; stopped before its end"
            ),
            "{}",
            words(&work)
        );
    }
}
