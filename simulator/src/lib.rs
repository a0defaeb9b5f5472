//! A stand-in for UiPath's audit and token APIs, written from the public record alone. It shares no type with the
//! exporter, takes every undocumented choice as a switch ([`Switches`]), breaks on demand ([`Fault`]), and keeps
//! the truth ([`TruthEvent`]) for a test to compare an archive with.
//!
//! ```
//! use uipath_audit_simulator::{Cloud, Fault, LinkForm, Simulator, StreamId, When};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cloud = Cloud::new().tenant("acme", "production");
//! let simulator = Simulator::local(cloud).await?;
//! let production = StreamId::tenant("acme", "production");
//!
//! let now = simulator.clock().now();
//! simulator.turn(|switches| switches.links.form = LinkForm::Absolute);
//! simulator.generate(&production, 1, 500, now - chrono::TimeDelta::days(7), now);
//! simulator.fault(When::events().of(&production).nth(2), Fault::status(503));
//!
//! // An exporter is pointed at simulator.url(), with simulator.client_id() and simulator.client_secret().
//!
//! let truth = simulator.truth(&production);
//! assert_eq!(truth.len(), 500);
//! assert!(truth.iter().all(|event| event.accepts(&event.raw)));
//! # Ok(())
//! # }
//! ```

#![cfg_attr(
    doc,
    expect(
        rustdoc::broken_intra_doc_links,
        reason = "[D], [C] and [I] are marks that say where a fact is from"
    )
)]

mod instant;
mod dice;
mod json;

mod clock;
mod cloud;
mod switches;
mod fault;
mod script;

mod catalog;
mod classic;
mod odd;
mod event;
mod generate;
mod truth;
mod view;
mod stream;
mod kept;
mod retention;

mod ask;
mod page;
mod link;
mod spelling;
mod body;
mod token;
mod assertion;
mod platform;
mod seen;
mod zipped;
mod long_term;
mod downloads;
mod rules;
mod limit;
mod world;
mod stores;
mod counts;

mod reply;
mod csv;
mod spoil;
mod server;
mod simulator;
mod service;

#[cfg(test)]
mod tests;

pub use clock::Clock;
pub use cloud::{Cloud, StreamId};
pub use event::NewEvent;
pub use fault::{CutAt, DateFault, ErrorBody, Fault, LinkFault, RetryAfter, ZipFault};
pub use limit::{ComeBack, RateLimit};
pub use platform::Platform;
pub use rules::ExclusionRule;
pub use script::{Endpoint, FaultId, When};
pub use seen::Seen;
pub use service::{Description, ServeOptions, Service, serve_forever};
pub use simulator::Simulator;
pub use stream::{Appears, EventIndex};
pub use switches::*;
pub use truth::TruthEvent;
