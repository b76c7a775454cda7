//! The result as one JSON object, for programs.

use std::time::Duration;

use serde::Serialize;

use super::notes::notes;
use super::{Comparison, RowResult};

/// The version of the object. New fields may be added to a version; a field with a changed meaning makes a new one.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    links: u64,
    runs: usize,
    rows: Vec<RowObject<'a>>,
    notes: Vec<String>,
}

/// A row: a mode and a number of links at once. Times are in seconds, sizes in bytes. What the system does not tell is null.
#[derive(Serialize)]
struct RowObject<'a> {
    mode: String,
    at_once: usize,
    elapsed: f64,
    elapsed_min: f64,
    elapsed_max: f64,
    elapsed_of_runs: Vec<f64>,
    speed_up: Option<f64>,
    vs_slowest: f64,
    files: u64,
    bytes: u64,
    failed: u64,
    user: Option<f64>,
    system: Option<f64>,
    peak_memory: Option<u64>,
    threads: Option<u64>,
    most_at_once: usize,
    retry_pause: f64,
    host_pause: f64,
    timeline: Vec<AttemptObject<'a>>,
}

/// An attempt at one of the first links, in the run whose time is the median.
#[derive(Serialize)]
struct AttemptObject<'a> {
    link: usize,
    url: &'a str,
    worker: usize,
    begin: f64,
    end: f64,
    failed: bool,
}

/// A comparison as a line of JSON.
pub(crate) fn json(comparison: &Comparison) -> String {
    let links = comparison.all_runs().map(|run| run.links).max();
    let strip = |note: String| note.trim_start_matches("note: ").to_owned();
    let document = Document {
        schema: SCHEMA,
        links: links.unwrap_or(0),
        runs: comparison.runs,
        rows: comparison
            .results
            .iter()
            .map(|result| object(comparison, result))
            .collect(),
        notes: notes(comparison).into_iter().map(strip).collect(),
    };
    serde_json::to_string(&document).expect("texts and numbers serialize") + "\n"
}

fn object<'a>(comparison: &Comparison, result: &'a RowResult) -> RowObject<'a> {
    let run = result.typical();
    let (least, most) = result.spread();
    let times = result.runs.iter().map(|run| rounded(run.elapsed));
    let attempts = run.events.attempts.iter().map(|attempt| AttemptObject {
        link: attempt.link + 1,
        url: &run.events.links[attempt.link],
        worker: attempt.worker + 1,
        begin: rounded(attempt.begin),
        end: rounded(attempt.end),
        failed: !attempt.is_good,
    });
    RowObject {
        mode: result.row.mode.to_string(),
        at_once: run.at_once,
        elapsed: rounded(result.elapsed()),
        elapsed_min: rounded(least),
        elapsed_max: rounded(most),
        elapsed_of_runs: times.collect(),
        speed_up: comparison.speed_up(result).map(factor),
        vs_slowest: factor(comparison.vs_slowest(result)),
        files: run.files,
        bytes: run.bytes,
        failed: result.failed(),
        user: result.user().map(rounded),
        system: result.system().map(rounded),
        peak_memory: result.peak_memory(),
        threads: result.threads(),
        most_at_once: run.events.most_at_once,
        retry_pause: rounded(run.events.retrying),
        host_pause: rounded(run.events.waiting),
        timeline: attempts.collect(),
    }
}

/// Seconds, to a tenth of a millisecond.
fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10_000.0
}

/// A factor, to a hundredth.
fn factor(factor: f64) -> f64 {
    (factor * 100.0).round() / 100.0
}
