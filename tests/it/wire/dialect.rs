//! How a store's requests are read, and how its refusals are spelled.

use bytes::Bytes;
use hyper::{Request, Response, StatusCode};
use percent_encoding::percent_decode_str;

use crate::store::{Fault, Kind};

mod azure;
mod s3;

pub use azure::Container;
pub use s3::Bucket;

pub trait Dialect: Send + Sync {
    /// What a request asks, and of which keys (or prefix) of the archive; nothing if it does not speak of objects.
    fn operation(&self, request: &Request<Bytes>) -> Option<(Kind, Vec<String>)>;

    /// What the real service refuses and its emulator does not.
    fn refuse(&self, kind: Kind, keys: &[String], request: &Request<Bytes>) -> Option<Response<Bytes>>;

    /// What the real service answers otherwise than its emulator.
    fn correct(&self, kind: Kind, keys: &[String], reply: Response<Bytes>) -> Response<Bytes>;

    /// The reply that a fault makes of it.
    fn reply(&self, fault: Fault, kind: Kind, keys: &[String]) -> Response<Bytes>;

    /// The elements of a listing: that of an object, and within that the one of its name.
    fn elements(&self) -> (&'static str, &'static str);

    /// A key within the archive of one in the store.
    fn within<'a>(&self, name: &'a str) -> &'a str;

    /// The archive's keys in a listing.
    fn listed(&self, listing: &str) -> Vec<String> {
        let (object, name) = self.elements();
        let objects = between(listing, object);
        let names = objects.flat_map(|object| between(object, name));
        names.map(|name| self.within(name).to_owned()).collect()
    }

    /// A listing without one of them.
    fn without(&self, listing: &str, key: &str) -> String {
        let (object, name) = self.elements();
        let is_it = |object: &&str| between(object, name).any(|name| self.within(name) == key);
        let Some(found) = between(listing, object).find(is_it) else {
            return listing.to_owned();
        };
        listing.replace(&format!("<{object}>{found}</{object}>"), "")
    }
}

/// The insides of all elements of a name. Enough of XML for what the emulators write.
fn between<'a>(text: &'a str, element: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, from) = rest.split_once(&*open)?;
        let (inside, after) = from.split_once(&*close)?;
        rest = after;
        Some(inside)
    })
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// A parameter of the query, decoded; empty if it has no value.
fn parameter(request: &Request<Bytes>, name: &str) -> Option<String> {
    let pairs = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    let mut found = pairs.filter(|(key, _)| key == name);
    found.next().map(|(_, value)| value.into_owned())
}

/// The words of a reply: its code and its message.
type Words = (StatusCode, &'static str, &'static str);

fn xml(status: StatusCode, body: String) -> Response<Bytes> {
    let reply = Response::builder()
        .status(status)
        .header("content-type", "application/xml");
    reply.body(body.into()).unwrap()
}
