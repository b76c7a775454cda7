//! Four schedulers for the same work. They differ only in who runs it:
//!
//! | mode | who runs a job |
//! | --- | --- |
//! | `sequential` | the calling thread |
//! | `threads` | an OS thread per job |
//! | `pool` | one of a fixed number of OS threads |
//! | `async` | one of a fixed number of tasks, on single-threaded runtimes |
//!
//! Each takes a job only when it can run it. Knows nothing of HTTP, PDF or files.

use std::any::Any;
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;
use std::thread;

use clap::ValueEnum;
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::task::TaskTracker;

use crate::runtime::{Runtimes, SPARE};
use crate::system::limits::NO_MORE_THREADS;
use crate::system::threads::Idle;

/// How links are scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Mode {
    /// One link after the other
    #[value(aliases = ["serial", "sync"])]
    Sequential,
    /// A new OS thread for each link
    #[value(aliases = ["thread", "threading"])]
    Threads,
    /// A fixed pool of OS threads
    #[value(aliases = ["threadpool", "thread-pool", "threadpoolexecutor"])]
    Pool,
    /// Tokio tasks on a few threads
    #[default]
    #[value(aliases = ["asyncio", "tokio", "await"])]
    Async,
}

impl Mode {
    /// The default number of concurrent links.
    pub fn default_jobs(self) -> NonZeroUsize {
        let jobs = match self {
            Self::Sequential => 1,
            Self::Threads | Self::Pool => 16,
            Self::Async => 64,
        };
        NonZeroUsize::new(jobs).expect("none of them is 0")
    }

    /// The runtimes that [`for_each`](Self::for_each) needs.
    ///
    /// # Errors
    ///
    /// If the system is out of threads or file descriptors.
    pub(crate) fn start(self) -> io::Result<Runtimes> {
        Runtimes::start(self == Self::Async)
    }

    /// Runs `work` on each job from `next` until that returns `None`, up to `limit` jobs at once. A job is taken only when it
    /// can run at once. `work` must catch its own panics, with [`caught`]. Threads wait for their jobs in the shared runtime, while
    /// tasks have their own runtimes.
    ///
    /// # Panics
    ///
    /// If called from within a runtime, or without the runtimes that it needs.
    pub(crate) fn for_each<J, N, W, F, G>(
        self,
        runtimes: &Runtimes,
        limit: NonZeroUsize,
        next: N,
        work: W,
    ) where
        J: Send + 'static,
        N: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Option<J>> + Send,
        W: Fn(J) -> G + Send + Sync + 'static,
        G: Future<Output = ()> + Send,
    {
        let runtime = &runtimes.shared;
        match self {
            Self::Sequential => runtime.block_on(run_all(&next, &work)),
            Self::Threads => thread_per_job(runtime, limit, &next, &work),
            Self::Pool => thread::scope(|scope| {
                let run = || runtime.block_on(run_all(&next, &work));
                let spare = Idle::start(SPARE);
                let start = |_: &usize| {
                    let thread = thread::Builder::new();
                    spare.is_ok() && thread.spawn_scoped(scope, run).is_ok()
                };
                let started = 1 + (1..limit.get()).take_while(start).count();
                drop(spare);
                if started < limit.get() {
                    warn_of_few_threads(started); // this one does all the work if there is no other
                }
                run();
            }),
            Self::Async => {
                let (tasks, shared) = (TaskTracker::new(), Arc::new((next, work)));
                for runtime in runtimes.tasks.iter().cycle().take(limit.get()) {
                    let shared = Arc::clone(&shared);
                    let run = async move { run_all(&shared.0, &shared.1).await };
                    tasks.spawn_on(run, runtime.handle());
                }
                tasks.close();
                runtime.block_on(tasks.wait());
            }
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value().expect("no mode is skipped");
        f.write_str(value.get_name())
    }
}

/// Runs `future`, and turns a panic in it into an error.
///
/// # Errors
///
/// The message of the panic.
pub(crate) async fn caught<F: Future>(mut future: Pin<&mut F>) -> Result<F::Output, String> {
    let polled = std::future::poll_fn(|context| {
        // unwind safe: the future is not polled again after a panic
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(message(&*panic))),
        }
    });
    polled.await
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("unknown panic").to_owned()
}

async fn run_all<J, F, G>(next: &impl Fn() -> F, work: &impl Fn(J) -> G)
where
    F: Future<Output = Option<J>>,
    G: Future<Output = ()>,
{
    while let Some(job) = next().await {
        work(job).await;
    }
}

/// Starts a thread for each job, and joins all of them.
fn thread_per_job<J, F, G>(
    runtime: &Runtime,
    limit: NonZeroUsize,
    next: &(impl Fn() -> F + Sync),
    work: &(impl Fn(J) -> G + Sync),
) where
    J: Send,
    F: Future<Output = Option<J>>,
    G: Future<Output = ()>,
{
    let room = Semaphore::new(limit.get());
    // how many of the permits are not to be used again
    let excess = AtomicUsize::new(0);
    let next = || async {
        let permit = room.acquire().await.expect("it is never closed");
        Some((permit, next().await?))
    };
    let run = |started: &Mutex<Option<(SemaphorePermit<'_>, J)>>| {
        let (permit, job) = started.lock().take().expect("a job runs once");
        runtime.block_on(work(job));
        let less = excess.fetch_update(Relaxed, Relaxed, |excess| excess.checked_sub(1));
        if less.is_ok() {
            permit.forget();
        }
    };
    // until the system refuses a thread, room for what must not wait for one, such as the commands of `--exec`
    let spare = Idle::start(SPARE);
    let (has_room, mut spare) = (spare.is_ok(), Some(spare));
    thread::scope(|scope| {
        while let Some(started) = runtime.block_on(next()) {
            // shared, because a thread that cannot be spawned does not give it back
            let started = Arc::new(Mutex::new(Some(started)));
            let theirs = Arc::clone(&started);
            let work = || {
                let theirs = theirs;
                run(&theirs);
            };
            let thread = thread::Builder::new();
            if !(has_room && thread.spawn_scoped(scope, work).is_ok()) {
                if spare.take().is_some() {
                    let running = limit.get() - room.available_permits();
                    let fewer = (running - 1).max(1);
                    let less = limit.get() - fewer;
                    if less > 0 {
                        warn_of_few_threads(fewer);
                    }
                    excess.store(less - room.forget_permits(less), Relaxed);
                }
                run(&started); // this one does the job
            }
        }
    });
}

fn warn_of_few_threads(jobs: usize) {
    tracing::warn!("`--jobs` is lowered to {jobs}: {NO_MORE_THREADS}");
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::pin::pin;
    use std::sync::atomic::Ordering::SeqCst;

    use proptest::prelude::*;
    use tokio::sync::Barrier;

    use super::*;

    fn runtimes() -> Runtimes {
        Mode::Async.start().expect("runtimes")
    }

    /// Runs `count` jobs. Returns how often each ran, and the highest number that ran at once.
    fn run(mode: Mode, count: usize, limit: usize) -> (Vec<usize>, usize) {
        let limit = NonZeroUsize::new(limit).expect("at least one");
        let state = Arc::new((
            Mutex::new(0..count),
            Mutex::new(vec![0; count]),
            AtomicUsize::new(0),
            AtomicUsize::new(0),
        ));
        let (taken, working) = (Arc::clone(&state), Arc::clone(&state));
        let next = move || {
            let job = taken.0.lock().next();
            async move { job }
        };
        let work = move |job: usize| {
            let state = Arc::clone(&working);
            async move {
                state.3.fetch_max(state.2.fetch_add(1, SeqCst) + 1, SeqCst);
                tokio::task::yield_now().await;
                state.1.lock()[job] += 1;
                state.2.fetch_sub(1, SeqCst);
            }
        };
        mode.for_each(&runtimes(), limit, next, work);
        let runs = state.1.lock().clone();
        (runs, state.3.load(SeqCst))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn each_job_runs_once_within_the_limit(count in 0..60usize, limit in 1..12usize) {
            for mode in Mode::value_variants() {
                let (runs, most) = run(*mode, count, limit);
                prop_assert_eq!(runs, vec![1; count]);
                let allowed = if *mode == Mode::Sequential { 1 } else { limit };
                prop_assert!(most <= allowed);
            }
        }
    }

    /// Runs `count` jobs, each of which waits for all others. Returns the number of threads that they ran on.
    fn threads_of_concurrent_jobs(mode: Mode, count: usize) -> usize {
        let (jobs, together) = (Mutex::new(0..count), Arc::new(Barrier::new(count)));
        let threads = Arc::new(Mutex::new(HashSet::new()));
        let seen = Arc::clone(&threads);
        let next = move || {
            let job = jobs.lock().next();
            async move { job }
        };
        let work = move |_| {
            let (together, seen) = (Arc::clone(&together), Arc::clone(&seen));
            async move {
                together.wait().await;
                let here = thread::current().id();
                seen.lock().insert(here);
            }
        };
        let limit = NonZeroUsize::new(count).expect("some");
        mode.for_each(&runtimes(), limit, next, work);
        threads.lock().len()
    }

    #[test]
    fn jobs_run_concurrently_up_to_the_limit() {
        for mode in [Mode::Threads, Mode::Pool, Mode::Async] {
            // ends only if all eight wait at the same time
            let threads = threads_of_concurrent_jobs(mode, 8);
            assert_eq!(threads == 8, mode != Mode::Async, "{mode}: {threads}");
        }
    }

    #[test]
    fn a_panic_becomes_its_message() {
        let runtime = runtimes().shared;
        assert_eq!(runtime.block_on(caught(pin!(async { 7 }))), Ok(7));
        let panicking = async {
            tokio::task::yield_now().await;
            assert_eq!(std::hint::black_box(1), 2, "one is not two");
        };
        assert!(
            runtime
                .block_on(caught(pin!(panicking)))
                .expect_err("it panics")
                .contains("one is not two")
        );
    }
}
