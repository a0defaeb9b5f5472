//! What can be opened without asking anybody: certificates, clients, the archive's options. Sends and makes nothing.

use std::{collections::BTreeSet, net::TcpListener, sync::Arc};

use super::{CliError, Exit, List};
use crate::{
    archive::Archive,
    checkpoint::Checkpoint,
    clock::Clock,
    error::Chain,
    fleet::OpenError,
    settings::{ConnectionSettings, Settings},
    source::http::{Connection, HttpError},
    webhook::Receiver,
};

/// All that `run` would refuse, at once.
pub(super) async fn offline(list: &mut List, settings: &Settings, clock: &Clock) -> Result<(), CliError> {
    archive(list, settings)?;
    connections(list, settings, clock, Exit::Config)?;
    if let Some(webhook) = settings.webhook.clone()
        && let Err(error) = Receiver::new(webhook, clock.clone()).open().await
    {
        list.failed("webhook", &Chain(&error).to_string(), error.hint(), Exit::Config)?;
    }
    Ok(())
}

/// Every connection's certificates; `exit` is what a mistake in them comes to. Returns whether there is none.
pub(super) fn connections(
    list: &mut List,
    settings: &Settings,
    clock: &Clock,
    exit: Exit,
) -> Result<bool, CliError> {
    let mut well = true;
    for (name, connection) in &settings.connections {
        for what in mistakes(connection, clock) {
            well = false;
            let hint = format!("see `ca_file`, `client_certificate` and `proxy` in `[connections.{name}]`");
            list.failed(&format!("connection {name}"), &what, Some(hint), exit)?;
        }
    }
    Ok(well)
}

/// What is wrong with a connection's files: with each of the two by itself, since opening ends at the first.
fn mistakes(settings: &ConnectionSettings, clock: &Clock) -> BTreeSet<String> {
    let refused = |settings: &ConnectionSettings| -> Option<HttpError> {
        Connection::open(settings, clock.clone(), Arc::default()).err()
    };
    let Some(error) = refused(settings) else {
        return BTreeSet::new();
    };
    let mut alone = settings.clone();
    alone.ca_file = None;
    let others = refused(&alone);
    let all = [Some(error), others].into_iter().flatten();
    all.map(|error| Chain(&error).to_string()).collect()
}

/// Nothing is made where no directory is yet. Secrets and key files that are not here may be where the exporter runs.
fn archive(list: &mut List, settings: &Settings) -> Result<(), CliError> {
    let url = &settings.archive.url;
    if let Ok(path) = url.to_file_path()
        && let Ok(false) = path.try_exists()
    {
        return list.ok(
            "archive",
            &format!("{url} is not there yet, the exporter makes it"),
        );
    }
    let Err(error) = Archive::open(&settings.archive) else {
        return Ok(());
    };
    let what = Chain(&error).to_string();
    let mut without = settings.archive.clone();
    if without.ca_file.take().is_some() && Archive::open(&without).is_ok() {
        return list.failed("archive", &what, error.hint(), Exit::Config);
    }
    let text = format!("cannot {what}: may this user read it, is it there where the exporter runs?");
    list.row("warning", "archive", &text)
}

/// Whether `run` could listen. Where an exporter holds the state directory, that is who listens there.
pub(super) fn listen(list: &mut List, settings: &Settings) -> Result<(), CliError> {
    let Some(http) = &settings.http else { return Ok(()) };
    if Checkpoint::is_held(&settings.state_dir) {
        return Ok(());
    }
    let Err(source) = TcpListener::bind(http.listen) else {
        return Ok(());
    };
    let error = OpenError::Listen {
        address: http.listen,
        source,
    };
    list.row("warning", "http", &format!("cannot {}", Chain(&error)))?;
    match error.hint() {
        Some(hint) => list.row("", "", &format!("hint: {hint}")),
        None => Ok(()),
    }
}
