//! Order, size and count of the classic list's pages.

use chrono::TimeDelta;

use super::classic::{assert_all, list, rows, told};
use super::client::get;
use super::{LIST, acme_classic, classic, noon};
use crate::json::member;
use crate::*;

#[tokio::test]
async fn rows_are_sorted_by_any_member() {
    let simulator = acme_classic(Switches::default(), 60).await;
    let told_by = async |query: &str, name: &str| -> Vec<Option<String>> {
        rows(&simulator, query)
            .await
            .iter()
            .map(|row| told(row, name))
            .collect()
    };
    let actions = told_by("sortBy=Action&sortOrder=asc", "action").await;
    assert!(actions.is_sorted() && actions.first() != actions.last());
    assert!(
        told_by("sortBy=createdOn", "createdOn")
            .await
            .into_iter()
            .rev()
            .is_sorted()
    );
    assert!(
        told_by("sortBy=colour&sortOrder=asc", "createdOn")
            .await
            .into_iter()
            .rev()
            .is_sorted()
    );
    simulator.turn(|switches| switches.classic.unknown_sort = UnknownSort::Refused);
    for query in [
        "sortBy=colour",
        "top=many",
        "skip=-1",
        "sortOrder=up",
        "top=3000000000",
    ] {
        assert_eq!(
            get(&simulator, &format!("{LIST}?{query}")).await.unwrap().status,
            400,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_coarse_sort_is_not_ascending() {
    let mut switches = Switches::default();
    switches.classic.precision = SortPrecision::Seconds;
    let simulator = acme_classic(switches, 0).await;
    for n in 0..10 {
        simulator.push(
            &classic(),
            NewEvent::at(noon() - TimeDelta::milliseconds(999 - 9 * n)),
        );
    }
    let rows = rows(&simulator, "sortBy=createdOn&sortOrder=asc").await;
    assert!(!rows.iter().map(|row| told(row, "createdOn")).is_sorted());
    assert_all("seconds", &simulator, &rows);
}

#[tokio::test]
async fn ties_stand_as_the_switch_says() {
    let simulator = acme_classic(Switches::default(), 0).await;
    let mut expected = Vec::new();
    for n in 0..8 {
        simulator.push(&classic(), NewEvent::at(noon()).summary(&n.to_string()));
        expected.push(n.to_string());
    }
    let order = async |ties: Ties, order: &str| -> Vec<String> {
        simulator.turn(|switches| switches.classic.ties = ties);
        let rows = rows(&simulator, &format!("sortOrder={order}")).await;
        rows.iter().map(|row| told(row, "message").unwrap()).collect()
    };
    assert_eq!(order(Ties::Insertion, "asc").await, expected);
    assert_eq!(order(Ties::Insertion, "desc").await, expected);
    let mut turned = order(Ties::Stable, "desc").await;
    turned.reverse();
    assert_eq!(order(Ties::Stable, "asc").await, turned);
    assert_ne!(
        order(Ties::Shuffled, "asc").await,
        order(Ties::Shuffled, "asc").await
    );
    expected.reverse();
    assert_eq!(order(Ties::Reversed, "asc").await, expected);
    assert_eq!(order(Ties::Reversed, "desc").await, expected);
}

#[tokio::test]
async fn pages_are_capped_short_or_repeated() {
    let simulator = acme_classic(Switches::default(), 300).await;
    simulator.turn(|switches| switches.classic.page_cap = Some(50));
    assert_eq!(rows(&simulator, "top=1000").await.len(), 50);
    assert_eq!(rows(&simulator, "top=0").await.len(), 0);
    assert_eq!(rows(&simulator, "skip=300&top=7").await.len(), 0);
    let last = rows(&simulator, "skip=293&top=7").await;
    simulator.turn(|switches| switches.classic.beyond = Beyond::LastPage);
    assert_eq!(rows(&simulator, "skip=5000&top=7").await, last);
    simulator.turn(|switches| switches.classic.short_pages = true);
    let mut lengths = Vec::new();
    for skip in 0..20 {
        lengths.push(rows(&simulator, &format!("top=10&skip={skip}")).await.len());
    }
    assert!(lengths.iter().all(|n| (1..=10).contains(n)) && lengths.iter().any(|n| *n < 10));
}

#[tokio::test]
async fn the_total_is_told_in_five_ways_and_no_rows_in_two() {
    let simulator = acme_classic(Switches::default(), 30).await;
    let total = async |total: TotalCount| {
        simulator.turn(|switches| switches.classic.total = total);
        list(&simulator, "top=1").await.0
    };
    assert_eq!(total(TotalCount::Capped(20)).await.as_deref(), Some("20"));
    assert_eq!(total(TotalCount::Absent).await, None);
    assert_eq!(total(TotalCount::Null).await.as_deref(), Some("null"));
    assert_eq!(total(TotalCount::Stale).await.as_deref(), Some("30"));
    simulator.push(&classic(), NewEvent::at(noon()));
    assert_eq!(total(TotalCount::Stale).await.as_deref(), Some("30"));
    assert_eq!(total(TotalCount::Exact).await.as_deref(), Some("31"));
    for (results, spelled) in [(NoResults::Empty, "[]"), (NoResults::Null, "null")] {
        simulator.turn(|switches| switches.classic.no_results = results);
        let got = get(&simulator, &format!("{LIST}?skip=99")).await.unwrap();
        assert_eq!(member(&got.body, "results").unwrap(), spelled.as_bytes());
    }
}
