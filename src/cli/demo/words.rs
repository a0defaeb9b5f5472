//! What the demo says at its end: what is where, whether it is right, how to look at it.

use std::time::Duration;

use indicatif::{HumanBytes, HumanCount};

use super::{compare::Found, place::Place};
use crate::{cli::out, verify::Report};

/// The closing words.
pub(super) fn summary(place: &Place, found: &[Found], checked: &Report, took: Duration) -> String {
    let program = out::program();
    let config = place.typed("exporter.toml");
    let mut text = verdict(found, took);
    text.push_str(&verified(checked));
    text.push('\n');
    text.push_str(&counts(found));
    let files = [
        ["archive/", "events, commits and catalogues"],
        ["state/", "the checkpoint: a cache, may be lost"],
        [
            "exporter.toml",
            "the configuration it used; the secret is in `secret`",
        ],
    ]
    .map(|[path, what]| [place.typed(path), what.to_owned()]);
    text.push_str(&format!("\nWhat is where:\n{}", indented(&out::table(&files))));
    let commands = [
        format!("{program} verify --config {config} --deep"),
        format!("{program} status --config {config}"),
        format!("{program} cat --config {config} --target acme --from 24h | head -3"),
        duckdb(place),
        format!(
            "{program} demo --directory {}      # some news, then only these are archived",
            out::quoted(&place.show())
        ),
    ];
    text.push_str(&format!(
        "\nLook at it:\n{}",
        indented(&(commands.join("\n") + "\n"))
    ));
    text
}

fn verdict(found: &[Found], took: Duration) -> String {
    let sum = |of: fn(&Found) -> u64| found.iter().map(of).sum::<u64>();
    let (exact, happened, wrong) = (sum(|f| f.exact), sum(|f| f.happened), sum(|f| f.wrong));
    let mut text = format!(
        "\n{} of {} events archived exactly once, byte for byte ({:.1} s)\n",
        HumanCount(exact),
        HumanCount(happened),
        took.as_secs_f64()
    );
    if wrong > 0 {
        text.push_str(&format!(
            "{} of the archive not as they happened\n",
            out::count(wrong, "event")
        ));
    }
    text
}

/// The last line of the report; all of it where something is wrong.
fn verified(checked: &Report) -> String {
    let report = checked.to_string();
    if checked.exit_code() == 0 {
        let last = report.lines().next_back().unwrap_or_default();
        format!("verified from the archive alone: {last}\n")
    } else {
        report
    }
}

fn counts(found: &[Found]) -> String {
    let heads = [
        "TARGET",
        "HAPPENED",
        "ARCHIVED",
        "COMMITS",
        "OBJECTS",
        "EVENTS' BYTES",
        "STORED",
    ];
    let mut rows = vec![heads.map(str::to_owned)];
    rows.extend(found.iter().map(|found| {
        [
            found.target.clone(),
            HumanCount(found.happened).to_string(),
            HumanCount(found.exact).to_string(),
            HumanCount(found.commits).to_string(),
            HumanCount(found.objects).to_string(),
            HumanBytes(found.bytes).to_string(),
            HumanBytes(found.stored).to_string(),
        ]
    }));
    indented(&out::table(&rows))
}

/// Events of an organization have no tenant: hence the union by name.
fn duckdb(place: &Place) -> String {
    let files = place.typed("archive/jsonl/api=unified/**/*.jsonl.zst");
    let files = files.trim_matches('\'');
    format!(
        "duckdb -c \"SELECT target, eventType, count(*) AS events FROM read_json_auto('{files}', \
         hive_partitioning = true, union_by_name = true) GROUP BY ALL ORDER BY events DESC LIMIT 10\""
    )
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
