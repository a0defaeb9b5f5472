//! `simulate`: the simulator alone, and what to tell an exporter about it.

use std::io;

use tokio_util::sync::CancellationToken;
use uipath_audit_simulator::{Description, ServeOptions, serve_forever};

use crate::clock::spell;

use super::{CliError, Exit, args::Simulate, console::Console, out};

/// The port that the example in `config/examples` names.
const EXAMPLE: &str = "http://127.0.0.1:8787/";

pub(super) async fn run(
    console: &Console,
    args: Simulate,
    stop: CancellationToken,
) -> Result<Exit, CliError> {
    let mut told = Ok(());
    let spanned = args.since.is_some() || args.until.is_some();
    let options = ServeOptions {
        listen: args.listen,
        events: args.events,
        limit: args.limit(),
        tenant: args.tenant,
        since: args.since,
        until: args.until,
        events_per_second: args.news.into(),
        event_bytes: args.event_bytes,
        latency: args.latency,
        ..ServeOptions::default()
    };
    let serving = serve_forever(options, |description| {
        told = if args.json {
            out::write(format!("{}\n", serde_json::json!(description)).as_bytes())
        } else {
            let start = if spanned {
                spell(description.since)
            } else {
                "30d".to_owned()
            };
            out::write(describe(description, &news(args.news), &start).as_bytes())
        };
        console.note(&format!("serving at {}, until a signal ends it", description.url));
    });
    tokio::select! {
        () = stop.cancelled() => {}
        served = serving => served.map_err(|source: io::Error| CliError::Listen { address: args.listen, source })?,
    }
    told?;
    Ok(Exit::Done)
}

fn news(each_second: u16) -> String {
    match each_second {
        0 => String::new(),
        1 => ", and a new one each second".to_owned(),
        many => format!(", and {many} new ones each second"),
    }
}

/// Ready to be pasted: TOML, with everything else in comments.
fn describe(simulated: &Description, news: &str, start: &str) -> String {
    let Description {
        url,
        client_id,
        client_secret,
        scope,
        organization,
        organization_id,
        tenants,
        requests_url,
        ..
    } = simulated;
    let program = out::program();
    let config = if url == EXAMPLE {
        "config/examples/simulator.toml"
    } else {
        "simulator.toml"
    };
    let events = out::count(simulated.events.into(), "event");
    let mut text = format!(
        "\
# A simulated UiPath platform
#   URL            {url}
#   token URL      {}
#   client id      {client_id}
#   client secret  {client_secret}
#   scope          {scope}
#   organization   {organization} ({organization_id})
#   tenants        {}
#   requests       {requests_url} tells how many
#   events         {events} since {}{news}
#
# In another terminal, with the configuration below as {config}:
#   export SIMULATOR_SECRET={client_secret}
#   {program} check --config {config}
#   {program} once --config {config}
#
# Every other audit API is served as well: docs/apis.md has a target for each, config/examples/apis.toml all of them.

state_dir = \"simulated/state\"

[archive]
url = \"file://./simulated/archive\"

[connections.simulator]
url = \"{url}\"

[connections.simulator.auth.client_credentials]
client_id = \"{client_id}\"
client_secret = {{ env = \"SIMULATOR_SECRET\" }}

[defaults]
schedule = \"*/10 * * * * *\"
start = \"{start}\"
settle = \"5s\"

[[targets]]
name = \"{organization}\"
organization = \"{organization}\"
",
        simulated.token_url,
        tenants.join(", "),
        simulated.since.format("%Y-%m-%d"),
    );
    for tenant in tenants {
        text.push_str(&format!(
            "\n[[targets]]\nname = \"{organization}-{tenant}\"\norganization = \"{organization}\"\ntenant = \"{tenant}\"\n"
        ));
    }
    text.push_str(&format!(
        "\n[[targets]]\nname = \"{organization}-classic\"\norganization = \"{organization}\"\napi = \"classic\"\n"
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_begins_where_the_events_do() {
        let simulated = Description {
            url: EXAMPLE.to_owned(),
            token_url: format!("{EXAMPLE}token"),
            client_id: "id".to_owned(),
            client_secret: "secret".to_owned(),
            scope: "scope".to_owned(),
            organization: "acme".to_owned(),
            tenants: vec!["production".to_owned()],
            organization_id: "guid".to_owned(),
            events: 7,
            since: "2026-11-01T00:00:00Z".parse().unwrap(),
            until: "2026-11-02T00:00:00Z".parse().unwrap(),
            requests_url: format!("{EXAMPLE}_simulator/requests"),
        };
        let text = describe(&simulated, &news(0), &spell(simulated.since));
        assert!(text.contains("7 events since 2026-11-01\n"));
        assert!(text.contains("\nstart = \"2026-11-01T00:00:00.000Z\"\n"));
        assert!(describe(&simulated, &news(5), "30d").contains("2026-11-01, and 5 new ones each second\n"));
        assert!(serde_json::json!(simulated)["requests_url"].is_string());
    }
}
