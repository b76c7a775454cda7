//! Runs into an object store that are killed at any request, again and again, until all is done.
#![cfg(target_os = "linux")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering::SeqCst};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::for_each_mode;
use crate::stores::Stage;

/// How many kills there are in each mode, unless the environment says how many in all (`STORE_KILLS`).
const KILLS: usize = 15;

/// How many links a list has. It takes about a kill for each two of them.
const LINKS: usize = 24;

/// The next kill is after fewer than so many requests. Each has two moments at which it may happen.
const MOST_REQUESTS: usize = 12;

/// A process that is about to be killed, and after how many moments.
#[derive(Default)]
pub(crate) struct Fuse {
    pub(crate) process: AtomicI32,
    pub(crate) left: AtomicUsize,
}

impl Fuse {
    pub(crate) fn burn(&self) {
        if self
            .left
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1))
            == Ok(1)
            && let Some(process) = Pid::from_raw(self.process.load(SeqCst))
        {
            // it may be at its end
            let _ = kill_process(process, Signal::KILL);
        }
    }
}

pub(crate) fn random(state: &mut u64) -> usize {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).expect("31 bits")
}

#[test]
fn kills_leave_no_partial_object_and_make_nothing_twice() {
    let kills = std::env::var("STORE_KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok());
    let kills = kills.map_or(KILLS, |kills: usize| kills.div_ceil(4));
    for_each_mode(|mode| {
        let mut seed = mode
            .bytes()
            .fold(0, |seed, byte| seed * 31 + u64::from(byte));
        let mut killed = 0;
        while killed < kills {
            let fuse = Arc::new(Fuse::default());
            let lit = Arc::clone(&fuse);
            let stage = Stage::with_faults(LINKS, move |_, _| {
                lit.burn();
                None
            });
            let mut earlier = 0;
            loop {
                fuse.left.store(usize::MAX, SeqCst);
                let jobs = ["1", "4", "64"][random(&mut seed) % 3];
                let running = stage.running(mode, "state", &["-j", jobs]);
                let id = i32::try_from(running.id()).expect("an id");
                fuse.process.store(id, SeqCst);
                fuse.left
                    .store(1 + random(&mut seed) % (2 * MOST_REQUESTS), SeqCst);
                let run = running.end();
                stage.assert_clean();
                let made = stage.s3.made().len();
                assert!(made >= earlier);
                earlier = made;
                if run.code.is_some() {
                    run.exits(0);
                    break;
                }
                killed += 1;
            }
            fuse.process.store(0, SeqCst);
            stage.assert_complete();
            let asked = stage.s3.asked("PUT").len();
            let run = stage.run(mode, "state", &[]).exits(0);
            assert_eq!(run.count("present"), LINKS as u64, "{run:#?}");
            assert_eq!(stage.s3.asked("PUT").len(), asked);
        }
    });
}
