//! The classic download.

use super::client::get;
use super::{LIST, acme_classic, classic};
use crate::*;

/// The rows of the truth as a file, newest first.
fn expected(simulator: &Simulator, header: &str, language: &str, most: usize) -> Vec<u8> {
    let mut rows = simulator.classic_csv_rows(&classic(), language);
    rows.reverse();
    let mut file = format!("{header}\r\n").into_bytes();
    for (_, row) in rows.into_iter().take(most) {
        file.extend_from_slice(&row);
        file.extend_from_slice(b"\r\n");
    }
    file
}

const HEADER: &str = "CreatedOn,Category,Action,AuditLogDetails,UserName,Email,Message,DetailsVersion,Source";

#[tokio::test]
async fn the_file_holds_the_newest_rows() {
    let simulator = acme_classic(Switches::default(), 6000).await;
    for (query, most) in [
        ("", 5000),
        ("?size=13", 13),
        ("?size=100000", 5000),
        ("?size=0", 0),
    ] {
        let got = get(&simulator, &format!("{LIST}/download{query}")).await.unwrap();
        assert!(got.body == expected(&simulator, HEADER, "", most), "{query}");
        assert_eq!(got.headers["content-type"], "text/csv");
        assert_eq!(
            got.headers["content-disposition"],
            "attachment; filename=\"AuditLogs-2025-03-24-12-00-00.csv\""
        );
    }
    let german = get(&simulator, &format!("{LIST}/download?language=de&size=20"))
        .await
        .unwrap();
    assert!(german.body == expected(&simulator, HEADER, "de", 20));
    assert!(german.body != expected(&simulator, HEADER, "en", 20));
    assert_eq!(
        get(&simulator, &format!("{LIST}/download?size=x"))
            .await
            .unwrap()
            .status,
        400
    );
}

#[tokio::test]
async fn a_row_holds_what_the_record_tells() {
    let simulator = acme_classic(Switches::default(), 0).await;
    let raw = br#"{"createdOn":"2025-03-24T11:00:00+00:00","category":"a,b","action":null,"auditLogDetails":"{\r\n}","email":7}"#;
    simulator.push_raw(&classic(), super::noon(), &raw[..]);
    let row = b"2025-03-24T11:00:00+00:00,\"a,b\",,\"{\r\n}\",,7,,,";
    assert_eq!(simulator.classic_csv_rows(&classic(), "en"), [(0, row.to_vec())]);
}

#[tokio::test]
async fn the_file_travels_in_three_ways() {
    let simulator = acme_classic(Switches::default(), 300).await;
    let file = expected(&simulator, HEADER, "", 5000);
    for framing in [Framing::Length, Framing::Chunked, Framing::UntilClose] {
        simulator.turn(|switches| switches.csv.framing = framing);
        let got = get(&simulator, &format!("{LIST}/download")).await.unwrap();
        assert!(got.whole && got.body == file, "{framing:?}");
        assert_eq!(
            got.headers.contains_key("content-length"),
            framing == Framing::Length
        );
        assert_eq!(
            got.headers.contains_key("transfer-encoding"),
            framing == Framing::Chunked
        );
    }
}

#[tokio::test]
async fn each_switch_spells_every_row() {
    for (name, switches) in Switches::each_for(Kind::ClassicCsv) {
        let simulator = acme_classic(switches, 60).await;
        let got = get(&simulator, &format!("{LIST}/download")).await.unwrap();
        assert_eq!(got.status, 200, "{name}");
        let truth = simulator.truth(&classic());
        let most = usize::try_from(simulator.switches().classic.download_cap).unwrap();
        let visible: Vec<u32> = truth
            .iter()
            .filter(|event| event.visible)
            .map(|event| event.index)
            .collect();
        let rows = simulator.classic_csv_rows(&classic(), "");
        let newest = rows
            .iter()
            .rev()
            .filter(|(index, _)| visible.contains(index))
            .take(most);
        for (_, row) in newest {
            assert!(got.body.windows(row.len()).any(|window| window == row), "{name}");
        }
        simulator.stop().await;
    }
}
