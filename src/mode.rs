//! Four schedulers over one piece of work: they differ in who runs it and in nothing else.
//!
//! Each thread that works has a runtime of its own, so that it hears of its connections itself and no other thread has to
//! wake it. Knows nothing of HTTP, PDF or files.

use std::any::Any;
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread::{self, Scope};

use clap::ValueEnum;
use tokio::runtime::Runtime;
use tokio_util::task::TaskTracker;

use crate::process;

/// How links are scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Mode {
    /// One link after the other
    Sequential,
    /// A new OS thread for each link
    Threads,
    /// A fixed pool of OS threads
    Pool,
    /// Tokio tasks on a few threads
    #[default]
    Async,
}

impl Mode {
    /// How many links are fetched at once unless the user says otherwise.
    #[must_use]
    pub fn default_jobs(self) -> NonZeroUsize {
        let jobs = match self {
            Self::Sequential => 1,
            Self::Threads | Self::Pool => 16,
            Self::Async => 64,
        };
        NonZeroUsize::new(jobs).expect("none of them is 0")
    }

    /// Whether each job has a thread, and the runtime of that thread, to itself.
    #[must_use]
    pub fn has_threads(self) -> bool {
        matches!(self, Self::Threads | Self::Pool)
    }

    /// Takes jobs from `next` until there are none, and runs `work` on each, at most `limit` at once. A job is taken
    /// only when there is room for it. `work` is to catch its own panics, with [`caught`].
    ///
    /// # Errors
    ///
    /// When the system has not what it takes to begin.
    ///
    /// # Panics
    ///
    /// When it is called from within a runtime.
    pub fn for_each<J, N, W, F, G>(self, limit: NonZeroUsize, next: N, work: W) -> io::Result<()>
    where
        J: Send + 'static,
        N: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Option<J>> + Send,
        W: Fn(J) -> G + Send + Sync + 'static,
        G: Future<Output = ()> + Send,
    {
        match self {
            Self::Sequential => in_this_thread(process::runtime_of_thread()?, &next, &work),
            Self::Threads => {
                let first = process::runtime_of_thread()?;
                thread::scope(|scope| {
                    a_thread_each(scope, first, &next, &work);
                    for _ in 1..limit.get() {
                        let Ok(another) = process::runtime_of_thread() else {
                            break; // the system has no more of them: those that are there do all the work
                        };
                        a_thread_each(scope, another, &next, &work);
                    }
                });
            }
            Self::Pool => {
                let first = process::runtime_of_thread()?;
                let another = || {
                    // without one, the others do all the work
                    if let Ok(runtime) = process::runtime_of_thread() {
                        in_this_thread(runtime, &next, &work);
                    }
                };
                thread::scope(|scope| {
                    for _ in 1..limit.get() {
                        if thread::Builder::new().spawn_scoped(scope, another).is_err() {
                            break; // the system has no more threads: those that run do all the work
                        }
                    }
                    in_this_thread(first, &next, &work);
                });
            }
            Self::Async => {
                let runtimes = (0..process::io_threads(limit))
                    .map(|_| process::runtime())
                    .collect::<io::Result<Vec<_>>>()?;
                let (tasks, shared) = (TaskTracker::new(), Arc::new((next, work)));
                for runtime in runtimes.iter().cycle().take(limit.get()) {
                    let shared = Arc::clone(&shared);
                    tasks.spawn_on(
                        async move { work_off(&shared.0, &shared.1).await },
                        runtime.handle(),
                    );
                }
                tasks.close();
                runtimes[0].block_on(tasks.wait());
                runtimes.into_iter().for_each(Runtime::shutdown_background);
            }
        }
        Ok(())
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sequential => "sequential",
            Self::Threads => "threads",
            Self::Pool => "pool",
            Self::Async => "async",
        })
    }
}

/// Runs `future`, and turns a panic in it into an error that says what the panic said.
///
/// # Errors
///
/// The message of the panic.
pub async fn caught<F: Future>(mut future: Pin<&mut F>) -> Result<F::Output, String> {
    let polled = std::future::poll_fn(|context| {
        // after a panic the future is not polled again, so nobody sees what it left half done
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    });
    polled.await.map_err(|panic| message(&*panic))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown panic")
        .to_owned()
}

async fn work_off<J, F, G>(next: &impl Fn() -> F, work: &impl Fn(J) -> G)
where
    F: Future<Output = Option<J>>,
    G: Future<Output = ()>,
{
    while let Some(job) = next().await {
        work(job).await;
    }
}

fn in_this_thread<J, F, G>(runtime: Runtime, next: &impl Fn() -> F, work: &impl Fn(J) -> G)
where
    F: Future<Output = Option<J>>,
    G: Future<Output = ()>,
{
    runtime.block_on(Box::pin(work_off(next, work)));
    // a name that is being looked up is nothing to wait for
    runtime.shutdown_background();
}

/// Starts a thread for the next job, which does the same when it is done with it: no other thread has to be woken for it.
/// The runtime goes from one to the next.
fn a_thread_each<'scope, J, N, W, F, G>(
    scope: &'scope Scope<'scope, '_>,
    runtime: Runtime,
    next: &'scope N,
    work: &'scope W,
) where
    J: Send + 'scope,
    N: Fn() -> F + Sync,
    F: Future<Output = Option<J>>,
    W: Fn(J) -> G + Sync,
    G: Future<Output = ()>,
{
    let mut runtime = runtime;
    while let Some(job) = runtime.block_on(next()) {
        let slot = Arc::new(Mutex::new(Some((runtime, job))));
        let theirs = Arc::clone(&slot);
        let take = |slot: &Mutex<Option<_>>| {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            slot.take().expect("one takes it, and once")
        };
        let run = move || {
            let (runtime, job) = take(&theirs);
            runtime.block_on(Box::pin(work(job)));
            a_thread_each(scope, runtime, next, work);
        };
        if thread::Builder::new().spawn_scoped(scope, run).is_ok() {
            return;
        }
        // the system has no more threads: this one does the job, and is then free for the next one
        let (ours, job) = take(&slot);
        ours.block_on(work(job));
        runtime = ours;
    }
    // a name that is being looked up is nothing to wait for
    runtime.shutdown_background();
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use proptest::prelude::*;
    use tokio::sync::Barrier;

    use super::*;

    /// Runs `count` jobs, and tells how often each ran and how many ran at once at most.
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
            let job = taken.0.lock().expect("no panic").next();
            async move { job }
        };
        let work = move |job: usize| {
            let state = Arc::clone(&working);
            async move {
                state.3.fetch_max(state.2.fetch_add(1, SeqCst) + 1, SeqCst);
                tokio::task::yield_now().await;
                state.1.lock().expect("no panic")[job] += 1;
                state.2.fetch_sub(1, SeqCst);
            }
        };
        mode.for_each(limit, next, work).expect("runtimes");
        let runs = state.1.lock().expect("no panic").clone();
        (runs, state.3.load(SeqCst))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn each_job_runs_once_and_within_the_limit(count in 0..60usize, limit in 1..12usize) {
            for mode in Mode::value_variants() {
                let (runs, most) = run(*mode, count, limit);
                prop_assert_eq!(runs, vec![1; count]);
                let allowed = if *mode == Mode::Sequential { 1 } else { limit };
                prop_assert!(most <= allowed);
            }
        }
    }

    /// Runs so many jobs, all of which wait until they are together, and tells in how many threads they were then.
    fn threads_together(mode: Mode, count: usize) -> usize {
        let (jobs, together) = (Mutex::new(0..count), Arc::new(Barrier::new(count)));
        let threads = Arc::new(Mutex::new(HashSet::new()));
        let seen = Arc::clone(&threads);
        let next = move || {
            let job = jobs.lock().expect("no panic").next();
            async move { job }
        };
        let work = move |_| {
            let (together, seen) = (Arc::clone(&together), Arc::clone(&seen));
            async move {
                together.wait().await;
                let here = thread::current().id();
                seen.lock().expect("no panic").insert(here);
            }
        };
        let limit = NonZeroUsize::new(count).expect("some");
        mode.for_each(limit, next, work).expect("runtimes");
        threads.lock().expect("no panic").len()
    }

    #[test]
    fn as_many_jobs_as_allowed_run_together() {
        for mode in [Mode::Threads, Mode::Pool, Mode::Async] {
            // it ends only if all eight wait at the same time
            let threads = threads_together(mode, 8);
            assert_eq!(threads == 8, mode.has_threads(), "{mode}");
        }
    }

    #[test]
    fn each_of_few_jobs_has_a_thread() {
        for mode in [Mode::Threads, Mode::Pool, Mode::Async] {
            assert_eq!(threads_together(mode, 4), 4, "{mode}");
        }
    }

    #[test]
    fn a_panic_becomes_its_message() {
        let runtime = process::runtime_of_thread().expect("a runtime");
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
