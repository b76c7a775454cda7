//! The tables that can be searched: hosts, failed links, and files that need a look.

use std::fmt::{self, Formatter};
use std::time::Duration;

use indicatif::HumanCount;

use super::markup::{Text, WithCode, links, plural, reason};
use crate::link::SourceLine;
use crate::outcome::Status;
use crate::report::html::failures::{Failures, Group, Row};
use crate::report::html::host_table::{HostRow, HostTable};
use crate::report::html::tally::Notes;
use crate::report::reasons::{Reason, hint};
use crate::text::{printable, seconds};

/// How many hosts the sentences above the table name.
const NAMED: usize = 5;

/// Whether there is anything to say about hosts.
pub(super) fn has_hosts(hosts: &HostTable) -> bool {
    !hosts.shown().hosts.is_empty()
}

/// The hosts that fail most, that were paused, and that are slowest.
pub(super) fn hosts(f: &mut Formatter<'_>, table: &HostTable) -> fmt::Result {
    let shown = table.shown();
    if shown.hosts.is_empty() {
        return Ok(());
    }
    f.write_str(
        "<section id=\"hosts\" aria-labelledby=\"h-hosts\">\n<h2 id=\"h-hosts\">Hosts</h2>\n",
    )?;
    if shown.hosts.len() > 1 {
        in_short(f, &shown.hosts)?;
    }
    f.write_str(
        "<div class=\"wide\" role=\"region\" aria-label=\"Table of hosts\" tabindex=\"0\">
<table class=\"list sortable\">
<caption>Links by host, those with the most failures first. The times are those of a link, from its first attempt to its end, within 3 %.</caption>
<thead><tr><th scope=\"col\">Host</th><th scope=\"col\" class=\"n\">Saved</th><th scope=\"col\" class=\"n\">Failed</th><th scope=\"col\" class=\"n\">Median</th><th scope=\"col\" class=\"n\">95th percentile</th><th scope=\"col\" class=\"n\">Paused</th></tr></thead>
<tbody>
",
    )?;
    for (host, row) in &shown.hosts {
        host_row(f, &printable(host), row)?;
    }
    f.write_str("</tbody>\n")?;
    let (count, rest) = &shown.rest;
    if *count > 0 {
        f.write_str("<tbody class=\"rest\">\n")?;
        host_row(f, &plural(*count, "other host", "other hosts"), rest)?;
        f.write_str("</tbody>\n")?;
    }
    f.write_str("</table>\n</div>\n</section>\n")
}

/// The worst hosts in a sentence each.
fn in_short(f: &mut Formatter<'_>, hosts: &[(&str, &HostRow)]) -> fmt::Result {
    f.write_str("<dl class=\"short\">")?;
    let failing = hosts.iter().filter(|(_, row)| row.failed() > 0);
    let failing = failing.map(|(host, row)| {
        let (failed, all) = (row.failed(), row.failed() + row.saved);
        (*host, format!("{} of {}", HumanCount(failed), links(all)))
    });
    named(f, "Failing", failing)?;
    let mut slowest: Vec<_> = hosts
        .iter()
        .filter_map(|(host, row)| Some((row.median()?, *host)))
        .collect();
    slowest.sort_by_key(|(time, host)| (std::cmp::Reverse(*time), *host));
    let slowest = slowest.into_iter();
    named(
        f,
        "Slowest",
        slowest.map(|(time, host)| (host, format!("median {}", seconds(time)))),
    )?;
    let paused = hosts.iter().filter(|(_, row)| row.pauses > 0);
    named(
        f,
        "Paused",
        paused.map(|(host, row)| (*host, times(row.pauses))),
    )?;
    f.write_str("</dl>\n")
}

fn named<'a>(
    f: &mut Formatter<'_>,
    what: &str,
    hosts: impl Iterator<Item = (&'a str, String)>,
) -> fmt::Result {
    let mut hosts = hosts.peekable();
    if hosts.peek().is_none() {
        return Ok(());
    }
    write!(f, "<div><dt>{what}</dt><dd>")?;
    for (number, (host, fact)) in hosts.take(NAMED).enumerate() {
        let separator = if number == 0 { "" } else { ", " };
        let host = printable(host);
        write!(
            f,
            "{separator}{} <span class=\"dim\">({fact})</span>",
            Text(&host)
        )?;
    }
    f.write_str("</dd></div>")
}

fn host_row(f: &mut Formatter<'_>, name: &str, row: &HostRow) -> fmt::Result {
    write!(f, "<tr><th scope=\"row\">{}", Text(name))?;
    let mut notes = Vec::new();
    notes.extend(row.mostly().map(|status| format!("mostly {status}")));
    if row.is_given_up() {
        notes.push("given up".to_owned());
    }
    write!(f, "<div class=\"dim\">{}", notes.join(", "))?;
    if row.pauses > 0 {
        // a narrow screen has no room for the column
        let separator = if notes.is_empty() { "" } else { ", " };
        let pauses = times(row.pauses);
        write!(
            f,
            "<span class=\"narrow\">{separator}paused {pauses}</span>"
        )?;
    }
    f.write_str("</div></th>")?;
    number(f, row.saved)?;
    number(f, row.failed())?;
    for time in [row.median(), row.percentile_95()] {
        let text = time.map_or_else(|| "–".to_owned(), seconds);
        let value = time.as_ref().map_or(0, Duration::as_millis);
        write!(f, "<td class=\"n\" data-v=\"{value}\">{text}</td>")?;
    }
    let pauses = if row.pauses > 0 {
        times(row.pauses)
    } else {
        "–".to_owned()
    };
    writeln!(
        f,
        "<td class=\"n\" data-v=\"{}\">{pauses}</td></tr>",
        row.pauses
    )
}

fn number(f: &mut Formatter<'_>, number: u64) -> fmt::Result {
    write!(
        f,
        "<td class=\"n\" data-v=\"{number}\">{}</td>",
        HumanCount(number)
    )
}

/// How often.
fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{} times", HumanCount(count)),
    }
}

/// The links that failed, a table for each reason. `unlisted` is what is said of those that are not listed.
pub(super) fn failures(
    f: &mut Formatter<'_>,
    failures: &Failures,
    unlisted: Option<&str>,
) -> fmt::Result {
    let groups = failures.groups();
    let mut statuses = groups.iter().map(|((status, ..), _)| *status);
    let name = if statuses.any(|status| status == Status::Interrupted) {
        "Failed and interrupted links"
    } else {
        "Failed links"
    };
    writeln!(
        f,
        "<section id=\"failed\" aria-labelledby=\"h-failed\">\n<h2 id=\"h-failed\">{name}</h2>"
    )?;
    if groups.is_empty() {
        f.write_str("<p class=\"overview\">None.</p>\n")?;
    }
    if let Some(unlisted) = unlisted {
        writeln!(f, "<p class=\"notice\">{}</p>", Text(unlisted))?;
    }
    for (number, (reason, group)) in groups.into_iter().enumerate() {
        failed_group(f, number, reason, group)?;
    }
    f.write_str("</section>\n")
}

fn failed_group(f: &mut Formatter<'_>, number: usize, of: Reason, group: &Group) -> fmt::Result {
    let name = reason(of);
    let (name, count) = (Text(&name), links(group.count));
    writeln!(
        f,
        "<section class=\"group\" data-reason=\"{name}\" aria-labelledby=\"r{number}\">\n<h3 id=\"r{number}\">{name} <span class=\"count\">{count}</span></h3>"
    )?;
    if let Some(hint) = hint(of, group.retryable) {
        writeln!(
            f,
            "<p class=\"hint\"><strong>Hint:</strong> {}</p>",
            WithCode(hint)
        )?;
    }
    if group.rows.is_empty() {
        return f.write_str("</section>\n");
    }
    writeln!(
        f,
        "<table class=\"list\">\n<caption class=\"aloud\">Links that failed with {name}</caption>\n<thead><tr><th scope=\"col\">Line</th><th scope=\"col\">Link and message</th></tr></thead>\n<tbody>"
    )?;
    let mut rows: Vec<_> = group.rows.iter().collect();
    rows.sort_by_key(|row| (&*row.source_line.source, row.source_line.line));
    for row in rows {
        failed_row(f, row)?;
    }
    f.write_str("</tbody>\n</table>\n</section>\n")
}

fn failed_row(f: &mut Formatter<'_>, row: &Row) -> fmt::Result {
    row_of(f, &row.source_line)?;
    let link = Text(&row.link.text);
    if let Some(id) = &row.id {
        write!(f, "{} ", Text(id))?;
    }
    if row.link.opens {
        write!(
            f,
            "<a href=\"{link}\" rel=\"noopener noreferrer\">{link}</a>"
        )?;
    } else {
        write!(f, "{link}")?;
    }
    write!(f, "<div class=\"message\">{}", Text(&row.message))?;
    if row.attempts > 1 {
        write!(
            f,
            " <span class=\"dim\">after {} attempts</span>",
            row.attempts
        )?;
    }
    f.write_str("</div></td></tr>\n")
}

/// The beginning of the row of a line of a list, which may be broken before its number.
fn row_of(f: &mut Formatter<'_>, line: &SourceLine) -> fmt::Result {
    let (source, line) = (printable(&line.source), line.line);
    if source.is_empty() {
        // records may not say where the link was
        return f.write_str("<tr><th scope=\"row\">–</th><td>");
    }
    write!(
        f,
        "<tr><th scope=\"row\">{}:<wbr>{line}</th><td>",
        Text(&source)
    )
}

/// A table of files.
pub(super) struct Files {
    id: &'static str,
    heading: &'static str,
    about: &'static str,
    column: &'static str,
    /// Whether it is there without files.
    always: bool,
}

pub(super) const SUSPECT: Files = Files {
    id: "suspect",
    heading: "Suspect files",
    about: "These files arrived complete, but may be damaged.",
    column: "File and what is odd about it",
    always: true,
};

pub(super) const COMMANDS: Files = Files {
    id: "commands",
    heading: "Failed commands",
    about: "These files are saved, but the command of --exec failed for them.",
    column: "File and what the command said",
    always: false,
};

/// The files in `notes`. Those that are not listed are in `records`.
pub(super) fn files(
    f: &mut Formatter<'_>,
    what: &Files,
    notes: &Notes,
    records: &str,
) -> fmt::Result {
    let Files {
        id,
        heading,
        about,
        column,
        always,
    } = what;
    if notes.count == 0 && !always {
        return Ok(());
    }
    writeln!(
        f,
        "<section id=\"{id}\" aria-labelledby=\"h-{id}\">\n<h2 id=\"h-{id}\">{heading}</h2>"
    )?;
    if notes.count == 0 {
        return f.write_str("<p class=\"overview\">None.</p>\n</section>\n");
    }
    writeln!(f, "<p>{about}</p>")?;
    let listed = notes.listed.len() as u64;
    if listed < notes.count {
        let (listed, all) = (HumanCount(listed), HumanCount(notes.count));
        let records = printable(records);
        writeln!(
            f,
            "<p class=\"notice\">The first {listed} of {all} files are listed. The records of all links are in {}.</p>",
            Text(&records)
        )?;
    }
    writeln!(
        f,
        "<table class=\"list\">\n<caption class=\"aloud\">{heading}</caption>\n<thead><tr><th scope=\"col\">Line</th><th scope=\"col\">{column}</th></tr></thead>\n<tbody>"
    )?;
    for note in &notes.listed {
        row_of(f, &note.source_line)?;
        let (file, text) = (Text(&note.file), Text(&note.text));
        writeln!(f, "{file}<div class=\"message\">{text}</div></td></tr>")?;
    }
    f.write_str("</tbody>\n</table>\n</section>\n")
}
