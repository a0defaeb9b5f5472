//! Rows vanish at the front and slip in while somebody pages.

use std::collections::HashSet;

use super::*;

/// Rows that are there all the time are read, each once; those that come or go meanwhile once at most.
#[tokio::test]
async fn what_stays_is_read_exactly_once_whatever_comes_and_goes() {
    for seed in 0..80 {
        let mut dice = Dice(seed);
        let (every, gone, cap) = (1 + dice.below(5), dice.below(12), [20, 50, 200][dice.below(3)]);
        let rows = history(seed, 1500);
        let late = history(seed + 1000, 1500);
        let model = Model::of(rows.clone())
            .with(|state| state.most = cap)
            .script(move |state| {
                let turn = state.requests;
                if !turn.is_multiple_of(every) || turn > 400 {
                    return;
                }
                let gone = gone.min(state.rows.len());
                state.rows.drain(..gone);
                let row = late[turn * 37 % late.len()].clone();
                let place = state.rows.partition_point(|other| other.time <= row.time);
                state.rows.insert(place, row);
            });
        let begin = time_of(&rows[dice.below(1000)]);
        let span = Window::new(begin, time_of(&rows[1000 + dice.below(499)]));
        let (read, _) = model.all(span, LIMITS).await;
        let mut left: Vec<String> = read.clone();
        let stayed: HashSet<String> = model.state().rows.iter().map(line).collect();
        for row in lines(&rows, span) {
            if let Ok(place) = left.binary_search(&row) {
                left.remove(place);
            } else {
                assert!(
                    !stayed.contains(&row),
                    "seed {seed}: a row that stayed is missing: {row}"
                );
            }
        }
        // What is left slipped in: each of these is a row of its own, with its own name and time.
        let distinct: HashSet<&String> = left.iter().collect();
        assert_eq!(distinct.len(), left.len(), "seed {seed}: a row was read twice");
    }
}

#[tokio::test]
async fn a_list_that_loses_all_its_rows_while_it_is_read_comes_to_an_end() {
    let rows = history(2, 800);
    let model = Model::of(rows).with(|state| state.most = 50).script(|state| {
        let gone = state.rows.len().min(60);
        state.rows.drain(..gone);
    });
    let slice = model.read(whole(), &Known::default(), LIMITS).await.unwrap();
    assert!(slice.events.len() < 800);
}
