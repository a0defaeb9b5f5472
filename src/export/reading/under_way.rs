//! Parts that are being read. The oldest goes first: all wait for it, and what is newer takes memory meanwhile.
//!
//! A server that is near answers sooner than its pages can be looked into. Then the few oldest parts take all the time
//! there is, and answers to the others are left where they are, outside of this process. One that is far away leaves time
//! for all of them.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use crate::clock::Time;
use futures::{future::BoxFuture, task::AtomicWaker};

/// Futures, ordered by the time that they are about.
pub(super) struct UnderWay<'a, T> {
    parts: Vec<Part<'a, T>>,
    /// Whoever waits for any of them.
    desk: Arc<AtomicWaker>,
}

struct Part<'a, T> {
    from: Time,
    news: Arc<News>,
    waker: Waker,
    future: BoxFuture<'a, T>,
}

/// Whether a part can go on.
struct News {
    is_there: AtomicBool,
    desk: Arc<AtomicWaker>,
}

impl Wake for News {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_there.store(true, Ordering::SeqCst);
        self.desk.wake();
    }
}

impl<T> Default for UnderWay<'_, T> {
    fn default() -> Self {
        Self {
            parts: Vec::new(),
            desk: Arc::default(),
        }
    }
}

impl<'a, T> UnderWay<'a, T> {
    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    pub(super) fn push(&mut self, from: Time, future: BoxFuture<'a, T>) {
        let news = Arc::new(News {
            is_there: AtomicBool::new(true),
            desk: Arc::clone(&self.desk),
        });
        let part = Part {
            from,
            waker: Waker::from(Arc::clone(&news)),
            news,
            future,
        };
        let at = self.parts.partition_point(|other| other.from <= from);
        self.parts.insert(at, part);
    }

    /// Waits until one is done. None: there is none.
    pub(super) async fn next(&mut self) -> Option<T> {
        poll_fn(|context| self.poll(context)).await
    }

    /// Lets the oldest of those that can go on do so, once: by then an older one may be able to.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        if self.parts.is_empty() {
            return Poll::Ready(None);
        }
        self.desk.register(context.waker());
        let has_news = |part: &Part<'_, T>| part.news.is_there.swap(false, Ordering::SeqCst);
        let Some(at) = self.parts.iter().position(has_news) else {
            return Poll::Pending;
        };
        let Some(part) = self.parts.get_mut(at) else {
            return Poll::Pending;
        };
        if let Poll::Ready(done) = part.future.as_mut().poll(&mut Context::from_waker(&part.waker)) {
            drop(self.parts.remove(at));
            return Poll::Ready(Some(done));
        }
        let is_there = |part: &Part<'_, T>| part.news.is_there.load(Ordering::SeqCst);
        if self.parts.iter().any(is_there) {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::{sync::oneshot, task::yield_now};

    use super::*;
    use crate::source::sample::at;

    #[tokio::test]
    async fn the_oldest_that_can_go_on_does_until_all_are_done() {
        let mut parts = UnderWay::default();
        let (answer, answered) = oneshot::channel();
        // The oldest waits for an answer; the others need a few steps each.
        parts.push(at(1), answered.map(|_| 1).boxed());
        for second in [3, 2, 4] {
            let steps = async move {
                for _ in 0..3 {
                    yield_now().await;
                }
                second
            };
            parts.push(at(second), steps.boxed());
        }
        assert_eq!(parts.next().await, Some(2));
        answer.send(()).unwrap();
        let mut done = Vec::new();
        while let Some(second) = parts.next().await {
            done.push(second);
        }
        assert_eq!((done, parts.len()), (vec![1, 3, 4], 0));
    }
}
