//! `check`: what is wrong before anything is written, as a checklist on stdout. Writes no event.

mod opening;

use std::{io, path::Path, time::Duration};

use futures::{StreamExt as _, stream};
use tokio::time::Instant;

use super::{
    CliError, Exit, args::Check, connections::Connections, console::Console, out, status::last_commits,
};
use crate::{
    archive::{Archive, ArchiveError, Proof},
    clock::Clock,
    config::Warning,
    error::Chain,
    event::hex,
    export::same_stream,
    settings::{AuthSettings, ConnectionSettings, Settings},
    source::{Source, SourceError},
    target::{Api, Start, Target},
    webhook::{Message, Receiver},
    window::{Window, earlier},
};

/// Targets asked at once, at most. Connections have limits of their own.
const AT_ONCE: usize = 16;
/// How much of the recent past a target is asked for.
const SPAN: Duration = Duration::from_secs(300);
/// A target that begins this much earlier than the live API shows still begins there.
const A_LITTLE: Duration = Duration::from_secs(3600);
/// Clocks this far apart are worth a word, in seconds: the `Date` header has whole ones.
const SKEW: i64 = 5;

/// The checklist, printed as it grows.
#[derive(Default)]
struct List {
    exits: Vec<Exit>,
    /// The last failure and whose it was: not told twice.
    last: Option<(String, String)>,
}

pub(super) async fn run(console: &Console, args: Check) -> Result<Exit, CliError> {
    let (settings, warnings) = console.settings_and_warnings()?;
    let mut list = List::default();
    configuration(&mut list, console, &settings, &warnings)?;
    opening::listen(&mut list, &settings)?;
    if args.offline {
        opening::offline(&mut list, &settings, &console.clock).await?;
        list.ok(
            "not asked",
            "archive, connections and targets, because of --offline",
        )?;
        return list.end();
    }
    list.state_dir(&settings.state_dir)?;
    let archived = archive(&settings).await;
    list.archive(&archived, settings.archive.url.as_str())?;
    if opening::connections(&mut list, &settings, &console.clock, Exit::Person)?
        && let Ok(connections) = Connections::open(&settings, &console.clock)
    {
        targets(&mut list, &settings, &connections, &console.clock).await?;
        beginnings(&mut list, &settings, &connections, &console.clock).await?;
        if archived.is_ok() {
            streams(&mut list, &settings, &connections).await?;
        }
    }
    receiver(&mut list, &settings, &console.clock).await?;
    list.end()
}

/// Whether whoever is told of commits takes a message that tells of none.
async fn receiver(list: &mut List, settings: &Settings, clock: &Clock) -> Result<(), CliError> {
    let Some(webhook) = settings.webhook.clone() else {
        return Ok(());
    };
    let receiver = Receiver::new(webhook, clock.clone());
    let (place, nonce) = (settings.archive.url.as_str(), rand::random::<[u8; 8]>());
    let ping = Message::ping(place, &settings.instance, clock.now(), &hex(&nonce));
    match receiver.tell(&ping).await {
        Ok(()) => list.ok("webhook", &format!("{} took a `ping`", receiver.origin())),
        Err(error) => {
            let what = Chain(&error).to_string();
            list.failed("webhook", &what, error.hint(), error.action().into())
        }
    }
}

fn configuration(
    list: &mut List,
    console: &Console,
    settings: &Settings,
    warnings: &[Warning],
) -> Result<(), CliError> {
    let (targets, connections) = (settings.targets.len() as u64, settings.connections.len() as u64);
    let (targets, connections) = (
        out::count(targets, "target"),
        out::count(connections, "connection"),
    );
    list.ok(
        "configuration",
        &format!(
            "{}: {targets}, {connections}, instance `{}`",
            console.files(),
            settings.instance
        ),
    )?;
    for warning in warnings {
        list.row("warning", "configuration", &warning.to_string())?;
    }
    for connection in settings.connections.values() {
        list.ok(
            &format!("connection {}", connection.name),
            &taken_for(connection, &settings.targets),
        )?;
    }
    Ok(())
}

/// Which platform a connection is taken for, and where its tokens come from. Nothing was asked yet.
fn taken_for(connection: &ConnectionSettings, targets: &[Target]) -> String {
    let (platform, url) = (connection.platform, &connection.url);
    let asked = targets.iter().find(|target| target.connection == connection.name);
    let tokens = match (&connection.auth, connection.auth.token_url(), asked) {
        (AuthSettings::Bearer { token }, _, _) => format!("token from {token}"),
        (_, Some(configured), _) => format!("tokens from {configured}"),
        (_, None, Some(target)) => {
            format!("tokens from {}", platform.token_url(url, &target.organization))
        }
        (_, None, None) => "no target".to_owned(),
    };
    format!("{url} as {}, {tokens}", platform.title())
}

async fn archive(settings: &Settings) -> Result<Proof, ArchiveError> {
    let archive = Archive::open(&settings.archive)?;
    archive
        .probe(&format!("check-{}", hex(&rand::random::<[u8; 4]>())))
        .await
}

async fn targets(
    list: &mut List,
    settings: &Settings,
    connections: &Connections,
    clock: &Clock,
) -> Result<(), CliError> {
    let sources = settings
        .targets
        .iter()
        .filter_map(|target| Some((target, connections.source(target)?)));
    let asked = sources.map(|(target, mut source)| async move {
        let began = Instant::now();
        let answer = ask(&mut source, clock).await;
        (target, began.elapsed(), answer)
    });
    let mut answers = stream::iter(asked).buffered(AT_ONCE);
    while let Some((target, took, answer)) = answers.next().await {
        let name = format!("target {}", target.name);
        match answer {
            Ok(skew) => {
                list.ok(
                    &name,
                    &format!("answered in {} ms, token included", took.as_millis()),
                )?;
                if let Some(skew) = skew.filter(|skew| skew.abs() >= SKEW) {
                    let way = if skew > 0 { "ahead of" } else { "behind" };
                    let text = format!("the server's clock is {} s {way} this machine's", skew.abs());
                    list.row("warning", &name, &text)?;
                }
            }
            Err(error) => {
                let what = Chain(&error).to_string();
                list.failed(&name, &what, error.hint(), error.action().into())?;
            }
        }
    }
    Ok(())
}

/// Whether what a target is to begin with can still be read, where that is older than the live API shows.
async fn beginnings(
    list: &mut List,
    settings: &Settings,
    connections: &Connections,
    clock: &Clock,
) -> Result<(), CliError> {
    let now = clock.now();
    for target in settings
        .targets
        .iter()
        .filter(|target| target.api == Api::Unified)
    {
        let begins = match target.pace.start {
            Start::At(time) => time,
            Start::Ago(age) => earlier(now, age),
        };
        let shown = earlier(now, target.pace.retention);
        if earlier(shown, A_LITTLE) <= begins {
            continue;
        }
        let name = format!("target {}", target.name);
        let gap = |why: &str| {
            format!("what is older than `retention` becomes a gap, if nothing is archived yet: {why}")
        };
        let span = Window::new(begins, shown);
        match connections.store(target) {
            None if target.filter.is_some() => {
                list.row("warning", &name, &gap("the long-term store knows no filter"))?;
            }
            None => list.row("warning", &name, &gap("`long_term = false`"))?,
            Some(store) => match store.open(span).await {
                Ok(_) => list.ok(
                    &name,
                    "the long-term store answers for what is older than `retention`",
                )?,
                Err(error) if error.is_not_there() => {
                    list.row("warning", &name, &gap(&Chain(&error).to_string()))?;
                }
                Err(error) => {
                    let what = Chain(&error).to_string();
                    list.failed(&name, &what, error.hint(), error.action().into())?;
                }
            },
        }
    }
    Ok(())
}

/// Whether each target is the stream that its archive holds under that name.
async fn streams(list: &mut List, settings: &Settings, connections: &Connections) -> Result<(), CliError> {
    let Ok(archive) = Archive::open(&settings.archive) else {
        return Ok(());
    };
    for target in &settings.targets {
        let name = format!("target {}", target.name);
        let Some(source) = connections.source(target) else {
            continue;
        };
        match last_commits(&archive, target).await {
            Ok(Some((last, _))) => {
                if let Err(error) = same_stream(&last.source, target, source.endpoint()) {
                    let what = Chain(&error).to_string();
                    list.failed(&name, &what, error.hint(), (&error).into())?;
                }
            }
            Ok(None) => {}
            Err(trouble) => list.failed(&name, &trouble.message, trouble.hint, trouble.action.into())?,
        }
    }
    Ok(())
}

/// One page of the last minutes, as a pass would ask for it. Returns the server's clock minus ours, in seconds.
async fn ask(source: &mut Source, clock: &Clock) -> Result<Option<i64>, SourceError> {
    source.prepare().await?;
    let now = clock.now();
    let opening = source.open(Window::new(earlier(now, SPAN), now)).await?;
    Ok(opening.date.map(|date| (date - clock.now()).num_seconds()))
}

impl List {
    fn row(&mut self, mark: &str, subject: &str, text: &str) -> Result<(), CliError> {
        out::line(&format!("{mark:9}{subject:24}  {text}"))
    }

    fn ok(&mut self, subject: &str, text: &str) -> Result<(), CliError> {
        self.row("ok", subject, text)
    }

    fn failed(
        &mut self,
        subject: &str,
        what: &str,
        hint: Option<String>,
        exit: Exit,
    ) -> Result<(), CliError> {
        self.exits.push(exit);
        if let Some((_, whose)) = self.last.as_ref().filter(|(last, _)| last == what) {
            let text = format!("as {whose}");
            return self.row("FAILED", subject, &text);
        }
        self.row("FAILED", subject, &format!("failed to {what}"))?;
        self.last = Some((what.to_owned(), subject.to_owned()));
        match hint {
            Some(hint) => self.row("", "", &format!("hint: {hint}")),
            None => Ok(()),
        }
    }

    /// What was proven, no more.
    fn archive(&mut self, probe: &Result<Proof, ArchiveError>, place: &str) -> Result<(), CliError> {
        match probe {
            Ok(Proof { kept: None }) => self.ok(
                "archive",
                &format!("{place} list, put, get, delete allowed; refuses to create an object twice"),
            ),
            Ok(Proof { kept: Some(error) }) => {
                self.ok(
                    "archive",
                    &format!("{place} list, put, get allowed; refuses to create an object twice"),
                )?;
                let why = Chain(error);
                let text = format!("objects that a crash leaves behind stay: cannot {why}");
                self.row("note", "archive", &text)
            }
            Err(error) => {
                let what = Chain(error).to_string();
                self.failed("archive", &what, error.hint(), error.action().into())
            }
        }
    }

    /// Whether it can be written, without taking it from an exporter that runs.
    fn state_dir(&mut self, directory: &Path) -> Result<(), CliError> {
        let place = directory.display();
        match writable(directory) {
            Ok(true) => self.ok("state directory", &format!("{place} can be written")),
            Ok(false) => self.ok(
                "state directory",
                &format!("{place} is not there yet, the first pass makes it"),
            ),
            Err(error) => {
                let exit = match error.kind() {
                    io::ErrorKind::StorageFull => Exit::Again,
                    _ => Exit::Person,
                };
                let hint = "this user must be able to write it; see `state_dir`. Is the exporter run by another user?";
                let what = format!("write `{place}`: {error}");
                self.failed("state directory", &what, Some(hint.to_owned()), exit)
            }
        }
    }

    fn end(&mut self) -> Result<Exit, CliError> {
        let exit = Exit::first(std::mem::take(&mut self.exits));
        let text = match exit {
            Exit::Done => "\nall is well",
            Exit::Config => "\nthe configuration needs a person: see FAILED above",
            Exit::Person => "\nsomething needs a person: see FAILED above",
            _ => "\nsomething failed that may be well again later: see FAILED above",
        };
        out::line(text)?;
        Ok(exit)
    }
}

/// False: the directory is not there.
fn writable(directory: &Path) -> io::Result<bool> {
    if !directory.try_exists()? {
        return Ok(false);
    }
    let file = directory.join(format!("check-{}", hex(&rand::random::<[u8; 4]>())));
    std::fs::File::create_new(&file)?;
    std::fs::remove_file(&file)?;
    Ok(true)
}
