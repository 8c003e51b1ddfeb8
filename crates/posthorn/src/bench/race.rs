//! Several connections working at once on one pile of work.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::BenchError;

/// Lets every worker take numbers below `count` until none is left; answers how long that took
/// from the first to the last. One thread per worker; the clock starts once all of them run.
pub(super) fn race<W: Send>(
    workers: Vec<W>,
    count: usize,
    step: impl Fn(&mut W, usize) -> Result<(), BenchError> + Sync,
) -> Result<Duration, BenchError> {
    let next = AtomicUsize::new(0);
    let ready = Barrier::new(workers.len() + 1);
    let failure = Mutex::new(None);
    let run = |mut worker: W| {
        ready.wait();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return worker;
            }
            if let Err(error) = step(&mut worker, number) {
                // The others stop at their next message; the first reason is the one told.
                next.store(count, Ordering::Relaxed);
                failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                return worker;
            }
        }
    };
    let elapsed = thread::scope(|scope| {
        // The workers come back, so that closing their connections is not in the time.
        let threads: Vec<_> =
            workers.into_iter().map(|worker| scope.spawn(|| run(worker))).collect();
        ready.wait();
        let start = Instant::now();
        let finished: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        let elapsed = start.elapsed();
        if finished.iter().any(Result::is_err) {
            return Err(BenchError::Plan("the thread of a connection panicked".to_owned()));
        }
        Ok(elapsed)
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => elapsed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_taken_once() {
        let taken: Vec<AtomicUsize> = (0..1000).map(|_| AtomicUsize::new(0)).collect();
        race(vec![(); 8], 1000, |(), number| {
            taken[number].fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
        .unwrap();
        assert!(taken.iter().all(|count| count.load(Ordering::Relaxed) == 1));
    }

    #[test]
    fn the_first_failure_ends_it() {
        let outcome = race(vec![(); 4], usize::MAX / 2, |(), number| {
            if number == 100 { Err(BenchError::closed()) } else { Ok(()) }
        });
        assert!(matches!(outcome, Err(BenchError::Io(_))));
    }
}
