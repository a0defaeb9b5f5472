//! What is typed after `health`.

use std::net::SocketAddr;

use clap::Args;

/// Ask the daemon on this machine whether it is alive, or ready
///
/// For health checks where there is neither a shell nor curl, such as a container's. Prints what it answers and exits
/// with 0; with 1 where it says no, or says nothing within a few seconds.
#[derive(Args, Debug)]
#[command(after_help = "Example: uipath-audit-exporter --config exporter.toml health --ready")]
pub(in crate::cli) struct Health {
    /// Ask whether it is ready, not only alive
    #[arg(long)]
    pub(in crate::cli) ready: bool,
    /// Where it listens; the configuration is not read then [default: http.listen]
    #[arg(long, value_name = "ADDR")]
    pub(in crate::cli) address: Option<SocketAddr>,
}
