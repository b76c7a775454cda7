//! What to know before the times are taken for a property of the modes.

use std::time::Duration;

use super::measured::Measured;
use super::table::{ratio, short};
use super::{Comparison, RowResult};
use crate::mode::Mode;
use crate::text::seconds;

/// A pause is worth a word if it is at least this share of the time.
const LARGE_SHARE: f64 = 0.1;

/// Shorter pauses than this are what any run has.
const LONG_PAUSE: Duration = Duration::from_millis(50);

/// In shorter runs, most of the time goes into the start of threads and connections, and into chance.
const SHORT_RUN: Duration = Duration::from_millis(100);

/// Single runs that are closer than this may be in another order the next time.
const CLOSE: f64 = 0.05;

/// Runs that use the processor for less than this share of their time wait for most of it.
const WAITING: f64 = 0.25;

/// In runs that use it for more than this share, it limits how fast they are.
const COMPUTING: f64 = 0.5;

/// Times whose ratio is above this are similar.
const SIMILAR: f64 = 0.8;

/// The notes, each a paragraph.
pub(super) fn notes(comparison: &Comparison) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(unfinished(comparison));
    let results = &comparison.results;
    notes.extend(results.iter().find_map(limit));
    notes.extend(results.iter().filter_map(pause_of_retries));
    notes.extend(results.iter().filter_map(pause_of_hosts));
    let have_paused = !notes.is_empty();
    notes.extend(different_files(results));
    notes.extend(limit_of_hosts(results));
    if results.is_empty() && notes.is_empty() {
        notes.push("note: nothing was fetched, so that there is nothing to compare".to_owned());
    }
    let short = too_short(results);
    notes.extend(short.or_else(|| too_close(results)));
    if !have_paused {
        notes.extend(waiting_or_computing(results));
    }
    notes
}

fn unfinished(comparison: &Comparison) -> Option<String> {
    if let Some(run) = &comparison.unfinished {
        return Some(format!(
            "note: the comparison ended early, in {}, which does not count",
            run.name
        ));
    }
    let is_early = comparison.stopped.is_some();
    is_early.then(|| "note: the comparison ended early".to_owned())
}

/// Says that the runs are only of a part of the list.
fn limit(result: &RowResult) -> Option<String> {
    let option = result.typical().limit.as_ref()?;
    Some(format!(
        "note: runs ended when `{option}` was reached, and not at the end of the list"
    ))
}

/// Says that the time of a run is the pause before a retry.
fn pause_of_retries(result: &RowResult) -> Option<String> {
    let (which, run) = worst(result, |run| run.events.retrying)?;
    let (pause, elapsed) = (seconds(run.events.retrying), seconds(run.elapsed));
    let why = match &run.events.retried {
        Some((link, failure)) => format!("pauses before retries, such as of {link} ({failure})"),
        None => "pauses before retries".to_owned(),
    };
    Some(format!("note: {which}: {pause} of {elapsed} are {why}"))
}

/// Says that the time of a run is the pause between the requests to a host.
fn pause_of_hosts(result: &RowResult) -> Option<String> {
    let (which, run) = worst(result, |run| run.events.waiting)?;
    let (pause, elapsed) = (seconds(run.events.waiting), seconds(run.elapsed));
    Some(format!(
        "note: {which}: for {pause} of {elapsed}, nothing was under way, because hosts were paused (by `--wait` or `--rate`, \
         on their own request, or after failures)"
    ))
}

/// The run with the longest pause, and its name, if that is a large part of its time.
fn worst(result: &RowResult, pause: impl Fn(&Measured) -> Duration) -> Option<(String, &Measured)> {
    let runs = (1..).zip(&result.runs);
    let (number, run) = runs.max_by_key(|(_, run)| pause(run))?;
    let is_large = pause(run) >= LONG_PAUSE && ratio(pause(run), run.elapsed) >= LARGE_SHARE;
    let name = match result.runs.len() {
        1 => result.label.clone(),
        _ => format!("{}, run {number}", result.label),
    };
    is_large.then_some((name, run))
}

fn different_files(results: &[RowResult]) -> Option<String> {
    let mut files = results
        .iter()
        .flat_map(|result| result.runs.iter().map(|run| run.files));
    let first = files.next()?;
    files.any(|other| other != first).then(|| {
        "note: not all runs have saved the same number of files, so that their times are not those of the same work".to_owned()
    })
}

/// Says that the number of links at once was not reached.
fn limit_of_hosts(results: &[RowResult]) -> Option<String> {
    let has_limit = |result: &&RowResult| {
        let run = result.typical();
        let most = run.events.most_at_once as u64;
        let at_once = run.at_once as u64;
        run.links >= 2 * at_once && 4 * most <= 3 * at_once
    };
    let result = results
        .iter()
        .filter(has_limit)
        .max_by_key(|result| result.row.at_once)?;
    let run = result.typical();
    Some(format!(
        "note: {}: no more than {} of {} links were under way at once: `--per-host` limits the links of a host",
        result.label, run.events.most_at_once, run.at_once
    ))
}

/// Says that the list is too short to tell.
fn too_short(results: &[RowResult]) -> Option<String> {
    let links = results.iter().map(|result| result.typical().links).max()?;
    let shortest = results.iter().map(RowResult::elapsed).min()?;
    let at_once = concurrent(results)
        .map(|result| result.row.at_once.get())
        .min();
    let is_compared = concurrent(results).count() > 1;
    match links {
        1 => Some("note: one link is too short a list to tell: all modes do the same with it".to_owned()),
        _ if shortest < SHORT_RUN => Some(format!(
            "note: the list is too short to tell: the shortest run took {}, most of which goes into the start. Take a longer list",
            seconds(shortest)
        )),
        _ => at_once.filter(|at_once| is_compared && links <= *at_once as u64).map(|at_once| format!(
            "note: {links} links are too short a list to tell the concurrent modes apart: with {at_once} at once, each link has \
             a thread or a task of its own. Take a longer list, or fewer at once (`-j`)"
        )),
    }
}

/// Says that times are too close to tell.
fn too_close(results: &[RowResult]) -> Option<String> {
    let mut sorted: Vec<_> = concurrent(results).collect();
    sorted.sort_by_key(|result| result.elapsed());
    let mut pairs = sorted.windows(2);
    let is_single = results.iter().all(|result| result.runs.len() == 1);
    if is_single {
        let is_close =
            |pair: &[&RowResult]| ratio(pair[0].elapsed(), pair[1].elapsed()) > 1.0 - CLOSE;
        return pairs.any(is_close).then(|| {
            "note: times of single runs that differ by less than 5% may be in another order the next time: `--runs 5` takes the \
             median, and shows the spread"
                .to_owned()
        });
    }
    let fastest = sorted.first()?;
    let overlaps = |result: &&&RowResult| result.spread().0 <= fastest.spread().1;
    let labels: Vec<_> = sorted
        .iter()
        .filter(overlaps)
        .map(|result| &*result.label)
        .collect();
    let (last, others) = labels.split_last()?;
    (!others.is_empty()).then(|| {
        let others = others.join(", ");
        format!("note: {others} and {last} are too close to tell: their spreads overlap")
    })
}

/// Says why modes tie, or what makes them differ.
fn waiting_or_computing(results: &[RowResult]) -> Option<String> {
    let results: Vec<_> = concurrent(results).collect();
    let busy = |result: &&RowResult| Some(result.user()? + result.system()?);
    let busy: Vec<_> = results.iter().map(busy).collect::<Option<_>>()?;
    let times = || results.iter().map(|result| result.elapsed());
    let (shortest, longest) = (times().min()?, times().max()?);
    let most = *busy.iter().max()?;
    let is_compared = results.len() > 1 && shortest >= SHORT_RUN;
    let shares = || {
        busy.iter()
            .zip(times())
            .map(|(busy, time)| ratio(*busy, time))
    };
    let is_tie = ratio(shortest, longest) > SIMILAR;
    if !is_compared {
        None
    } else if ratio(most, shortest) < WAITING && (is_tie || ties_at_each_number(&results)) {
        let at = if is_tie {
            ""
        } else {
            " at each number at once"
        };
        Some(format!(
            "note: the concurrent modes tie{at} because they wait: each took {} or more, and used the processor for {} or less. \
             Waiting takes a thread as long as a task",
            seconds(shortest),
            short(most)
        ))
    } else if shares().any(|share| share > COMPUTING) {
        let each = results.iter().zip(&busy).map(|(result, busy)| {
            let (busy, elapsed) = (short(*busy), seconds(result.elapsed()));
            format!("{} {busy} in {elapsed}", result.label)
        });
        let each: Vec<_> = each.collect();
        Some(format!(
            "note: these runs do not only wait: what each mode makes the processors do counts as well ({})",
            each.join(", ")
        ))
    } else {
        None
    }
}

/// Whether the modes with the same number of links at once take about the same time.
fn ties_at_each_number(results: &[&RowResult]) -> bool {
    let mut sorted = results.to_vec();
    sorted.sort_by_key(|result| (result.row.at_once, result.elapsed()));
    let mut groups = sorted.chunk_by(|one, other| one.row.at_once == other.row.at_once);
    groups.all(|group| {
        let (first, last) = (group[0].elapsed(), group[group.len() - 1].elapsed());
        group.len() > 1 && ratio(first, last) > SIMILAR
    })
}

fn concurrent(results: &[RowResult]) -> impl Iterator<Item = &RowResult> {
    let results = results.iter();
    results.filter(|result| result.row.mode != Mode::Sequential)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::commands::compare::rows::Row;

    fn result(mode: Mode, times: (u64, u64)) -> RowResult {
        result_of(mode, NonZeroUsize::MIN, times)
    }

    fn result_of(mode: Mode, at_once: NonZeroUsize, times: (u64, u64)) -> RowResult {
        let mut result = RowResult::new(Row { mode, at_once }, &[]);
        result.push(Measured::sample(times));
        result
    }

    #[test]
    fn modes_tie_while_they_wait_and_differ_by_what_they_compute() {
        for (pool, coroutines, expected) in [
            (
                (500, 20),
                (520, 9),
                Some(
                    "tie because they wait: each took 0.50 s or more, and used the processor for 20 ms",
                ),
            ),
            ((500, 20), (900, 9), None),
            ((500, 200), (520, 9), None),
            (
                (500, 400),
                (900, 1500),
                Some(
                    "do not only wait: what each mode makes the processors do counts as well (pool 400 ms in 0.50 s, async 1.50 s in 0.90 s)",
                ),
            ),
            ((50, 1), (50, 1), None),
        ] {
            let results = [result(Mode::Pool, pool), result(Mode::Async, coroutines)];
            let note = waiting_or_computing(&results);
            let is_expected = match (&note, expected) {
                (Some(note), Some(expected)) => note.contains(expected),
                (note, expected) => note.is_none() && expected.is_none(),
            };
            assert!(is_expected, "{pool:?} {coroutines:?}: {note:?}");
        }
        let mut results = vec![
            result(Mode::Pool, (2000, 20)),
            result(Mode::Async, (2050, 9)),
        ];
        let four = NonZeroUsize::new(4).expect("not 0");
        results.push(result_of(Mode::Async, four, (500, 9)));
        assert_eq!(waiting_or_computing(&results), None);
        results.push(result_of(Mode::Pool, four, (510, 9)));
        let note = waiting_or_computing(&results).expect("a note");
        assert!(
            note.contains("tie at each number at once because"),
            "{note}"
        );
    }
}
