//! A panic in one session stays in that session.

use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

/// Runs a future to its end; a panic in it becomes the error, with its message.
///
/// What the future held is dropped as usual. State it shares with others is behind locks that
/// survive poisoning or behind storage transactions that roll back, so nothing half-done is
/// seen elsewhere; that is what makes the assertion of unwind safety true.
pub async fn isolate<F: Future>(future: F) -> Result<F::Output, String> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(payload) => Poll::Ready(Err(message(payload.as_ref()))),
    })
    .await
}

/// The text a panic was raised with.
fn message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "panic without a message".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn panics_become_errors() {
        assert_eq!(isolate(async { 7 }).await, Ok(7));
        let number = 3;
        let broken = isolate(async move {
            tokio::task::yield_now().await;
            if number == 3 {
                panic!("number {number}");
            }
        });
        assert_eq!(broken.await, Err("number 3".to_owned()));
    }
}
