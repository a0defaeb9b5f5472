//! `sources`: the server's catalogue of sources, targets and types, as a tree.

use super::{
    CliError, Exit,
    args::Sources,
    connections::Connections,
    console::{Console, known_targets},
    out,
};
use crate::{catalog::Catalog, fleet::OpenError};

pub(super) async fn run(console: &Console, args: Sources) -> Result<Exit, CliError> {
    let settings = console.settings()?;
    known_targets(&settings, std::slice::from_ref(&args.target))?;
    let connections = Connections::open(&settings, &console.clock)
        .map_err(|error| CliError::Open(OpenError::Connection(error)))?;
    let source = settings
        .targets
        .iter()
        .find(|target| target.name == args.target)
        .and_then(|target| connections.source(target));
    let Some(source) = source else {
        // Known, so its connection exists: the configuration was checked.
        return Ok(Exit::Config);
    };
    let catalog = match source.catalog().await {
        Ok(Some(catalog)) => catalog,
        Ok(None) => return Err(CliError::NoCatalog { target: args.target }),
        Err(source) => {
            return Err(CliError::Source {
                target: args.target,
                source: Box::new(source),
            });
        }
    };
    if args.json {
        out::write(&catalog.raw)?;
        out::line("")?;
    } else {
        out::write(tree(&catalog).as_bytes())?;
    }
    Ok(Exit::Done)
}

fn tree(catalog: &Catalog) -> String {
    let mut lines = Vec::new();
    for source in &catalog.sources {
        lines.push((0, &source.name, &source.id));
        for target in &source.event_targets {
            lines.push((1, &target.name, &target.id));
            lines.extend(target.event_types.iter().map(|kind| (2, &kind.name, &kind.id)));
        }
    }
    let indented = |depth: usize, name: &str| format!("{}{name}", "  ".repeat(depth));
    let width = lines
        .iter()
        .map(|(depth, name, _)| indented(*depth, name).chars().count())
        .max();
    let width = width.unwrap_or_default();
    lines
        .into_iter()
        .map(|(depth, name, id)| format!("{:width$}  {id}\n", indented(depth, name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalogue_is_printed_as_a_tree() {
        let raw = r#"[{"id":"s1","name":"Identity","eventTargets":[{"id":"t1","name":"Robots","eventTypes":[{"id":"y1","name":"Created"}]}]}]"#;
        let catalog = Catalog::parse(raw.into()).unwrap();
        assert_eq!(
            tree(&catalog),
            "Identity     s1\n  Robots     t1\n    Created  y1\n"
        );
    }
}
