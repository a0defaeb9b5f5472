//! Log lines to stderr: as text for people, or as one JSON object a line for machines.
//!
//! Must not let a secret out: whatever level is asked for, only our own crates say more than warnings. HTTP and
//! store clients log URLs and headers below that, and nobody promises what is in them. Must not write to stdout.

use std::{
    fmt,
    io::{self, IsTerminal as _},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use indicatif::MultiProgress;
use serde::ser::{SerializeMap as _, Serializer as _};
use serde_json::{Map, Value};
use tracing::{
    Dispatch, Event, Subscriber,
    field::Field,
    level_filters::LevelFilter,
    subscriber::{DefaultGuard, NoSubscriber},
};
use tracing_subscriber::{
    EnvFilter, Layer,
    field::MakeExt as _,
    filter::{ParseError, Targets},
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter,
        format::{JsonFields, Writer, debug_fn},
        time::{FormatTime as _, SystemTime},
    },
    layer::SubscriberExt as _,
    registry::LookupSpan,
};

/// The crates whose levels may be chosen. All others are heard from `warn` on, or less if that is asked for.
const OUR_CRATES: [&str; 2] = ["uipath_audit_exporter", "uipath_audit_simulator"];

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogFormat {
    /// For people; coloured on a terminal unless `NO_COLOR` is set.
    #[default]
    Text,
    /// A JSON object a line: `timestamp`, `level`, `message`, the fields of the event and of the spans around it
    /// (`target` and `commit`, say) side by side, and `module`, the place in the code. The innermost field of a
    /// name wins; a field named like one of ours gets a `_` appended.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A word that is no level. A mistake in usage.
    #[error("read the log level `{level}` (hint: off, error, warn, info, debug or trace)")]
    Level {
        /// As given.
        level: String,
    },
    /// A directive that makes no sense. A mistake in usage.
    #[error(
        "read the log directives `{directives}` (hint: such as `info` or `warn,uipath_audit_exporter::export=debug`)"
    )]
    Directives {
        /// As given.
        directives: String,
        /// What is wrong with them.
        #[source]
        source: ParseError,
    },
    /// Called twice in one process.
    #[error("set up logging: it is set up already")]
    Again,
}

/// Sets up logging to stderr for the whole process. `level` is a level, or directives as of
/// [`EnvFilter`]: `debug`, or `warn,uipath_audit_exporter::export=trace`.
///
/// # Errors
/// When `level` makes no sense, or logging is set up already.
pub fn init(format: LogFormat, level: &str, stderr: Stderr) -> Result<(), LogError> {
    let levels = levels(level)?;
    let plain = !io::stderr().is_terminal();
    tracing::subscriber::set_global_default(subscriber(format, levels, plain, stderr))
        .map_err(|_| LogError::Again)
}

fn levels(text: &str) -> Result<EnvFilter, LogError> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    for part in &parts {
        // EnvFilter would take a misspelled level for the name of a module, and fall silent.
        if part.is_empty() || (!part.contains(['=', '[']) && part.parse::<LevelFilter>().is_err()) {
            return Err(LogError::Level {
                level: (*part).to_owned(),
            });
        }
    }
    EnvFilter::builder()
        .parse(parts.join(","))
        .map_err(|source| LogError::Directives {
            directives: text.to_owned(),
            source,
        })
}

fn cap() -> Targets {
    Targets::new()
        .with_default(LevelFilter::WARN)
        .with_targets(OUR_CRATES.map(|name| (name, LevelFilter::TRACE)))
}

fn subscriber<W>(
    format: LogFormat,
    levels: EnvFilter,
    plain: bool,
    writer: W,
) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let mut lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .fmt_fields(debug_fn(text_field).delimited(" "))
        .log_internal_errors(false);
    if plain {
        // Otherwise it is coloured unless `NO_COLOR` is set: the library's own default.
        lines.set_ansi(false);
    }
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines
            .with_ansi(false)
            .fmt_fields(JsonFields::new())
            .event_format(JsonLine)
            .boxed(),
    };
    tracing_subscriber::registry()
        .with(levels)
        .with(cap())
        .with(lines)
}

/// Stderr as the log writes it: lines go above progress bars, and a closed stderr is no error.
#[derive(Clone, Debug, Default)]
pub struct Stderr {
    bars: Option<MultiProgress>,
}

impl Stderr {
    /// Writes above these progress bars: they are cleared for each line and drawn again.
    #[must_use]
    pub fn above(bars: MultiProgress) -> Self {
        Self { bars: Some(bars) }
    }
}

impl io::Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let write = || {
            // Nobody is left to tell when this fails.
            let _ = io::stderr().lock().write_all(line);
        };
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Stderr {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// How a field looks in a line of text. Control characters are spelled out, so that nothing a server sends looks
/// like a line of ours or moves the cursor.
fn text_field(line: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    if field.name() != "message" {
        write!(line, "{}=", field.name())?;
    }
    for character in format!("{value:?}").chars() {
        match character {
            control if control.is_control() => write!(line, "{}", control.escape_default())?,
            other => line.write_char(other)?,
        }
    }
    Ok(())
}

/// See [`LogFormat::Json`].
struct JsonLine;

impl<S: Subscriber + for<'a> LookupSpan<'a>> FormatEvent<S, JsonFields> for JsonLine {
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Map::new();
        for span in context
            .event_scope()
            .into_iter()
            .flat_map(|spans| spans.from_root())
        {
            if let Some(text) = span.extensions().get::<FormattedFields<JsonFields>>() {
                fields.extend(parse(text));
            }
        }
        let mut text = String::new();
        context.format_fields(Writer::new(&mut text), event)?;
        fields.extend(parse(&text));

        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let line_of_json = json_line(&timestamp, event.metadata(), fields).map_err(|_| fmt::Error)?;
        writeln!(line, "{line_of_json}")
    }
}

fn parse(fields: &str) -> Map<String, Value> {
    serde_json::from_str(fields).unwrap_or_default()
}

fn json_line(
    timestamp: &str,
    metadata: &tracing::Metadata<'_>,
    mut fields: Map<String, Value>,
) -> serde_json::Result<String> {
    let message = fields.remove("message");
    let mut line = Vec::new();
    let mut serializer = serde_json::Serializer::new(&mut line);
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("timestamp", timestamp)?;
    map.serialize_entry("level", metadata.level().as_str())?;
    if let Some(message) = message {
        map.serialize_entry("message", &message)?;
    }
    for (name, value) in &fields {
        match name.as_str() {
            "timestamp" | "level" | "module" => map.serialize_entry(&format!("{name}_"), value)?,
            name => map.serialize_entry(name, value)?,
        }
    }
    map.serialize_entry("module", metadata.target())?;
    map.end()?;
    Ok(String::from_utf8_lossy(&line).into_owned())
}

/// What this thread logs, kept in memory for a test until it is dropped. See [`capture`].
#[derive(Debug)]
pub struct Captured {
    memory: Memory,
    _guard: DefaultGuard,
}

#[derive(Clone, Debug, Default)]
struct Memory(Arc<Mutex<Vec<String>>>);

/// For tests: captures what the current thread logs, at every level that may be heard at all.
#[must_use = "capturing ends when this is dropped"]
pub fn capture() -> Captured {
    // While there is but one subscriber, `tracing` asks the one of whichever thread comes by a log line first whether
    // anybody hears it, and believes that thread for all. With a second one it asks all of them.
    static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));
    LazyLock::force(&ANOTHER);
    let memory = Memory::default();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(memory.clone())
        .fmt_fields(debug_fn(text_field).delimited(" "))
        .with_ansi(false)
        .without_time();
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(cap()).with(lines));
    Captured {
        memory,
        _guard: guard,
    }
}

impl Captured {
    /// The lines so far: level first, no time.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.memory
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The warnings and errors so far.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut lines = self.lines();
        lines.retain(|line| line.starts_with("WARN") || line.starts_with("ERROR"));
        lines
    }
}

impl io::Write for Memory {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line).trim().to_owned();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Memory {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests;
