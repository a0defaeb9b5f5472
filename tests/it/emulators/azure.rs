//! Azure Blob Storage with one account, and what its owner makes: containers, and signatures that let others in.

use std::net::SocketAddr;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hyper::Request;
use object_store::azure::{AzureAccessKey, AzureAuthorizer, AzureCredential};
use sha2::{Digest as _, Sha256};
use url::form_urlencoded::Serializer;

use super::{aws::send, running::Running};

pub const ACCOUNT: &str = "acmeaudit";
/// Made up for these tests.
pub const KEY: &str = "YWNtZSBhdWRpdCBhcmNoaXZlLCBhIGtleSBmb3IgdGVzdHMgYWxvbmUsIG5ldmVyIGEgcmVhbCBvbmU=";
/// A running server.
pub struct Azure {
    pub running: Running,
}

impl Azure {
    pub fn new(running: Running) -> Self {
        Self { running }
    }

    pub fn address(&self) -> SocketAddr {
        self.running.address
    }

    pub async fn create_container(&self, name: &str) {
        let url = format!("http://{}/{ACCOUNT}/{name}?restype=container", self.address());
        let mut request = Request::put(url)
            .header("content-length", "0")
            .body(String::new().into())
            .unwrap();
        let key = AzureCredential::AccessKey(AzureAccessKey::try_new(KEY).unwrap());
        AzureAuthorizer::new(&key, ACCOUNT)
            .try_authorize(&mut request)
            .unwrap();
        send(self.address(), request).await;
    }
}

/// A shared access signature of a container: it permits what the letters say (`rcwdl`), until that time (RFC 3339,
/// seconds, UTC).
pub fn shared_access(container: &str, permissions: &str, until: &str) -> String {
    const VERSION: &str = "2022-11-02";
    let resource = format!("/blob/{ACCOUNT}/{container}");
    // permissions, start, expiry, resource, identifier, addresses, protocol, version, kind of resource, snapshot,
    // encryption scope, and five headers of replies
    let signed = [
        permissions,
        "",
        until,
        &resource,
        "",
        "",
        "",
        VERSION,
        "c",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
    ];
    let key = BASE64_STANDARD.decode(KEY).unwrap();
    let signature = BASE64_STANDARD.encode(hmac(&key, signed.join("\n").as_bytes()));
    Serializer::new(String::new())
        .extend_pairs([("sp", permissions), ("se", until), ("sv", VERSION), ("sr", "c")])
        .append_pair("sig", &signature)
        .finish()
}

/// HMAC-SHA-256 with a key no longer than a block.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new()
        .chain_update(block.map(|byte| byte ^ 0x36))
        .chain_update(message);
    let outer = Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c));
    outer.chain_update(inner.finalize()).finalize().to_vec()
}
