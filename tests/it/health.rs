//! `health`, by the binary: whom it asks, and what its exit code says.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_util::task::TaskTracker;

use crate::machine::Machine;

/// Somebody who answers every request with this status, and the path asked for.
async fn answers(status: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let length = stream.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = request.split(' ').nth(1).unwrap();
            let answer = format!("HTTP/1.1 {status}\r\n\r\nasked {path}\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    };
    TaskTracker::new().spawn(serve);
    address
}

/// A machine whose daemon would listen there.
async fn listening(address: SocketAddr) -> Machine {
    let machine = Machine::new().await;
    let text = machine.text("", "audit-1", "state");
    std::fs::write(
        &machine.config,
        format!("{text}\n[http]\nlisten = \"{address}\"\n"),
    )
    .unwrap();
    machine
}

#[tokio::test]
async fn whoever_listens_where_the_configuration_says_is_asked() {
    let machine = listening(answers("200 OK").await).await;
    let alive = machine.expect(0, &["health"]).await;
    assert_eq!(alive, "asked /livez\n");
    let ready = machine.expect(0, &["health", "--ready"]).await;
    assert_eq!(ready, "asked /readyz\n");
}

#[tokio::test]
async fn an_address_makes_the_configuration_needless() {
    let machine = listening(answers("200 OK").await).await;
    std::fs::write(&machine.config, "a mistake").unwrap();
    machine.expect(3, &["health"]).await;
    let address = answers("200 OK").await.to_string();
    machine.expect(0, &["health", "--address", &address]).await;
}

#[tokio::test]
async fn a_daemon_that_is_unwell_or_not_there_is_no_success() {
    let machine = listening(answers("503 Service Unavailable").await).await;
    let unwell = machine.expect(1, &["health", "--ready"]).await;
    assert!(
        unwell.contains("`/readyz` answers 503: asked /readyz"),
        "{unwell}"
    );
    let silent = Machine::new().await;
    let told = silent.expect(3, &["health"]).await;
    assert!(told.contains("`http.listen` is not configured"), "{told}");
    assert!(told.contains("hint: "), "{told}");
}
