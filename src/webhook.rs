//! The outgoing signal: one signed POST that says which commit is in the archive now. Knows neither order nor cursor.
//!
//! What is sent and how it is signed is in `docs/webhook.md`; signatures are those of Standard Webhooks. The address may
//! itself be a secret, as some services have it: messages and log lines name its origin alone.

mod error;
mod message;
mod receiver;
mod signature;

pub use error::TellError;
pub use message::Message;
pub use receiver::Receiver;
pub use signature::{BadKey, Keys};
