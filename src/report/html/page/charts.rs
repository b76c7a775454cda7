//! Bars: one for each outcome, and two for each step of time. They are SVG, whose lengths are attributes, because the policy of the
//! page allows no styles in elements.

use std::fmt::{self, Formatter};
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount};

use crate::outcome::{Counts, Status, StatusKind};
use crate::report::html::timeline::{Step, Timeline};

/// The fewest steps that fill the width: a few bars are not drawn as walls.
const FEWEST: usize = 32;

/// How high the tallest bar is.
const HEIGHT: u64 = 100;

/// The table of outcomes with a bar for each, and one bar for all of them. So many links were not tried.
pub(super) fn outcomes(f: &mut Formatter<'_>, counts: &Counts, untried: u64) -> fmt::Result {
    let all = counts.total() + untried;
    let kinds = [StatusKind::Saved, StatusKind::Neither, StatusKind::Failed];
    f.write_str("<svg class=\"whole\" width=\"100%\" height=\"14\" aria-hidden=\"true\">")?;
    let mut before = 0;
    let counted = kinds.map(|kind| (class(kind), counts.sum(|status| status.kind() == kind)));
    let none = class(StatusKind::Neither);
    for (class, count) in counted.into_iter().chain([(none, untried)]) {
        let (x, width) = (percent(before, all), percent(count, all));
        if count > 0 {
            write!(
                f,
                "<rect class=\"{class}\" x=\"{x}%\" width=\"{width}%\" height=\"14\"/>"
            )?;
        }
        before += count;
    }
    f.write_str(
        "</svg>
<table>
<caption>Links by outcome</caption>
<thead><tr><th scope=\"col\">Outcome</th><th scope=\"col\" class=\"n\">Links</th><th scope=\"col\" class=\"n\">Share</th><td class=\"bar\"></td></tr></thead>
<tbody>
",
    )?;
    let rows = Status::ALL.map(|status| (status.word(), class(status.kind()), counts.of(status)));
    let rows = rows.into_iter().chain([("not tried", none, untried)]);
    let most = rows.clone().map(|(_, _, count)| count).max();
    for (name, class, count) in rows.filter(|(_, _, count)| *count > 0) {
        let width = percent(count, most.unwrap_or_default());
        let (share, number) = (percent(count, all), HumanCount(count));
        writeln!(
            f,
            "<tr><th scope=\"row\">{name}</th><td class=\"n\">{number}</td><td class=\"n\">{share} %</td><td class=\"bar\"><svg width=\"100%\" height=\"10\" aria-hidden=\"true\"><rect class=\"{class}\" width=\"{width}%\" height=\"10\"/></svg></td></tr>"
        )?;
    }
    f.write_str("</tbody>\n</table>\n")
}

/// Whether anything has happened at any time.
pub(super) fn has_any(timeline: &Timeline) -> bool {
    timeline.steps().next().is_some()
}

/// Files and bytes over time.
pub(super) fn over_time(f: &mut Formatter<'_>, timeline: &Timeline) -> fmt::Result {
    let steps: Vec<_> = timeline.steps().collect();
    if steps.is_empty() {
        return Ok(());
    }
    let each = step_length(timeline.step_time());
    write!(
        f,
        "<section id=\"time\" class=\"overview\" aria-labelledby=\"h-time\">
<h2 id=\"h-time\">Over time</h2>
<p>One bar for every {each}, from the first link that ended to the last.</p>
"
    )?;
    let ended = |step: &Step| step.saved + step.failed;
    let most = steps.iter().map(|(_, step)| ended(step)).max();
    let most = most.unwrap_or_default();
    let bars = |step: &Step| [("good", step.saved), ("bad", step.failed)];
    let label = format!(
        "Links: new files, with failures (red) on top of them; up to {} in {each}",
        HumanCount(most)
    );
    chart(f, &label, (&steps, most), bars)?;
    let most = steps.iter().map(|(_, step)| step.bytes).max();
    let most = most.unwrap_or_default();
    if most > 0 {
        let label = format!("Data: up to {} in {each}", HumanBytes(most));
        chart(f, &label, (&steps, most), |step| {
            [("good", step.bytes), ("bad", 0)]
        })?;
    }
    table(f, &steps)?;
    f.write_str("</section>\n")
}

/// A bar for each step, made of parts with these classes and lengths. The longest bar is `most`.
fn chart(
    f: &mut Formatter<'_>,
    label: &str,
    (steps, most): (&[(std::time::SystemTime, Step)], u64),
    parts: impl Fn(&Step) -> [(&'static str, u64); 2],
) -> fmt::Result {
    let width = steps.len().max(FEWEST);
    write!(
        f,
        "<figure><figcaption>{label}</figcaption><svg class=\"chart\" viewBox=\"0 0 {width} {HEIGHT}\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
    )?;
    for (x, (_, step)) in steps.iter().enumerate() {
        let mut top = HEIGHT;
        for (class, length) in parts(step) {
            let height =
                u64::try_from(u128::from(length) * u128::from(HEIGHT) / u128::from(most.max(1)));
            // what there is can be seen
            let height = height.unwrap_or(HEIGHT).max(2).min(top);
            if length > 0 {
                top -= height;
                write!(
                    f,
                    "<rect class=\"{class}\" x=\"{x}.1\" y=\"{top}\" width=\".8\" height=\"{height}\"/>"
                )?;
            }
        }
    }
    f.write_str("</svg></figure>\n")
}

fn table(f: &mut Formatter<'_>, steps: &[(std::time::SystemTime, Step)]) -> fmt::Result {
    f.write_str(
        "<details><summary>The same as a table</summary>
<table>
<caption>New files, failures and data over time; times without any are left out</caption>
<thead><tr><th scope=\"col\">From</th><th scope=\"col\" class=\"n\">New files</th><th scope=\"col\" class=\"n\">Failed</th><th scope=\"col\" class=\"n\">Data</th></tr></thead>
<tbody>
",
    )?;
    for (begin, step) in steps.iter().filter(|(_, step)| *step != Step::default()) {
        writeln!(
            f,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            precise_time(*begin),
            HumanCount(step.saved),
            HumanCount(step.failed),
            HumanBytes(step.bytes)
        )?;
    }
    f.write_str("</tbody>\n</table>\n</details>\n")
}

/// `2026-11-27 01:52:10.5`, without the fraction if there is none.
fn precise_time(time: std::time::SystemTime) -> String {
    let text = humantime::format_rfc3339_millis(time).to_string();
    let text = text.trim_end_matches('Z').replace('T', " ");
    text.trim_end_matches("00")
        .trim_end_matches(".0")
        .to_owned()
}

/// The length of a step in words.
fn step_length(time: Duration) -> String {
    let of = |count: u64, one: &str, many: &str| match count {
        1 => one.to_owned(),
        count => format!("{count} {many}"),
    };
    match time.as_secs() {
        0 => format!("{} s", time.as_secs_f64()),
        s @ 1..60 => of(s, "second", "seconds"),
        s @ 60..3600 => of(s / 60, "minute", "minutes"),
        s @ 3600..86_400 => of(s / 3600, "hour", "hours"),
        s => of(s / 86_400, "day", "days"),
    }
}

/// The class of the bars of a kind of status.
fn class(kind: StatusKind) -> &'static str {
    match kind {
        StatusKind::Saved => "good",
        StatusKind::Neither => "none",
        StatusKind::Failed => "bad",
    }
}

/// `part` of `all` in percent, with one decimal.
fn percent(part: u64, all: u64) -> String {
    let (part, all) = (u128::from(part), u128::from(all.max(1)));
    let thousandths = (part * 1000 + all / 2) / all;
    format!("{}.{}", thousandths / 10, thousandths % 10)
}
