//! The page itself: what a [`Tally`] says, as HTML.
//!
//! It is a document first: headings, sections and tables with captions, in an order that makes sense when it is read aloud or
//! printed. Graphics repeat what is in a table beside them, and no color says anything alone. `style.css` and `script.js` are
//! beside this file.

mod charts;
mod markup;
mod tables;

use std::fmt::{self, Formatter};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use indicatif::{HumanBytes, HumanCount};
use sha2::{Digest, Sha256};

use super::tally::Tally;
use crate::outcome::{Counts, Status};
use crate::report::Report;
use crate::stats::Notes;
use crate::text::{printable, seconds};
use markup::{Text, WithCode, links, plural};

const STYLE: &str = include_str!("page/style.css");

const SCRIPT: &str = include_str!("page/script.js");

/// A page whose [`fmt::Display`] is HTML.
pub(crate) struct Page<'a> {
    /// What it tells.
    pub tally: &'a Tally,
    /// The result of the run, if it has ended.
    pub report: Option<&'a Report>,
    /// Where the files are.
    pub folder: Option<&'a str>,
    /// What has the records of all links.
    pub records: &'a str,
    /// The number of lines in records that are ignored.
    pub ignored: u64,
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        f.write_str("<body>\n<a class=\"skip\" href=\"#main\">Skip to the tables</a>\n")?;
        self.header(f)?;
        self.navigation(f)?;
        f.write_str("<main id=\"main\">\n")?;
        self.outcomes(f)?;
        charts::over_time(f, &self.tally.timeline)?;
        tables::hosts(f, &self.tally.hosts)?;
        tables::failures(f, &self.tally.failures, self.listed().as_deref())?;
        tables::files(f, &tables::SUSPECT, &self.tally.suspects, self.records)?;
        tables::files(f, &tables::COMMANDS, &self.tally.commands, self.records)?;
        f.write_str("</main>\n")?;
        self.footer(f)?;
        writeln!(f, "<script>{SCRIPT}</script>\n</body>\n</html>")
    }
}

impl Page<'_> {
    fn head(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (style, script) = (hash(STYLE), hash(SCRIPT));
        let heading = self.heading();
        write!(
            f,
            "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '{style}'; script-src '{script}'; base-uri 'none'; form-action 'none'\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"light dark\">
<meta name=\"referrer\" content=\"no-referrer\">
<title>{heading} – fetchpdf report</title>
<style>{STYLE}</style>
</head>
"
        )
    }

    fn header(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let heading = self.heading();
        write!(
            f,
            "<header>\n<p class=\"name\">fetchpdf report</p>\n<h1>{heading}</h1>\n<p class=\"about\">"
        )?;
        for (number, fact) in self.facts().iter().enumerate() {
            let separator = if number == 0 { "" } else { " · " };
            write!(f, "{separator}<span>{}</span>", Text(fact))?;
        }
        f.write_str("</p>\n")?;
        let notice = self.notice();
        if let Some(notice) = &notice {
            writeln!(
                f,
                "<p class=\"notice\"><strong>{}</strong></p>",
                WithCode(notice)
            )?;
        }
        let next = self.report.and_then(Report::next);
        // why a run ended may say it already
        let is_said = |next: &String| notice.as_ref().is_some_and(|said| said.contains(next));
        if let Some(next) = next.filter(|next| !is_said(next)) {
            writeln!(
                f,
                "<p class=\"notice\"><strong>Next:</strong> {}</p>",
                WithCode(&next)
            )?;
        }
        f.write_str("</header>\n")
    }

    fn heading(&self) -> String {
        let Done { all, saved, .. } = self.done();
        match all {
            0 if self.report.is_none() => "No link has ended yet".to_owned(),
            0 => "No links".to_owned(),
            all => format!("{} of {} saved", HumanCount(saved), links(all)),
        }
    }

    /// What the page is about: lists, folder, time, mode.
    fn facts(&self) -> Vec<String> {
        let mut lists: Vec<_> = self
            .tally
            .lists
            .iter()
            .map(|list| printable(list))
            .collect();
        if self.tally.has_more_lists {
            lists.push("more lists".to_owned());
        }
        let mut facts = Vec::new();
        if !lists.is_empty() {
            facts.push(lists.join(", "));
        }
        facts.extend(self.folder.map(|folder| match folder {
            "./" | ".\\" => "files in the current folder".to_owned(),
            folder => {
                let folder = folder.trim_end_matches(['/', '\\']);
                format!("files in {}", printable(folder))
            }
        }));
        if let Some((began, ended)) = self.tally.period() {
            facts.push(period(began, ended));
        }
        let run = self.report.filter(|report| !report.of_records);
        facts.extend(run.map(|run| match run.jobs {
            1 => run.mode.to_string(),
            jobs => format!("{}, {jobs} at once", run.mode),
        }));
        facts
    }

    /// What has to be known before anything else is read.
    fn notice(&self) -> Option<String> {
        let Some(report) = self.report else {
            return Some(
                "The run had not ended when this page was written. Reload it to see what is new."
                    .to_owned(),
            );
        };
        if let Some(error) = &report.list_error {
            return Some(format!(
                "The run did not get through its list: {}",
                printable(error)
            ));
        }
        let cause = report.stopped?;
        let interrupted = self.tally.counts.of(Status::Interrupted);
        Some(match report.untried {
            Some(0) if interrupted == 0 => return report.stopped_at_end(),
            Some(0) => {
                let links = links(interrupted);
                format!("The run ended early, and {links} of its list did not get to an end.")
            }
            None => {
                format!("The run ended early, and the rest of its list was not tried: {cause}.")
            }
            Some(count) => {
                let links = links(count);
                format!("The run ended early, and {links} of its list were not tried: {cause}.")
            }
        })
    }

    fn navigation(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let tally = self.tally;
        let failed = match tally.counts.of(Status::Interrupted) {
            0 => "Failed",
            _ => "Failed, interrupted",
        };
        f.write_str("<div class=\"tools\">\n<nav aria-label=\"Sections\"><ul>")?;
        for (id, name, count, is_there) in [
            ("outcomes", "Outcomes", None, true),
            ("time", "Over time", None, charts::has_any(&tally.timeline)),
            ("hosts", "Hosts", None, tables::has_hosts(&tally.hosts)),
            ("failed", failed, Some(tally.counts.failed()), true),
            ("suspect", "Suspect", Some(tally.suspects.count), true),
            (
                "commands",
                "Commands",
                Some(tally.commands.count),
                tally.commands.count > 0,
            ),
        ] {
            if is_there {
                let count = count.map_or_else(String::new, |count| {
                    format!(" <span class=\"count\">{}</span>", HumanCount(count))
                });
                write!(f, "<li><a href=\"#{id}\">{name}{count}</a></li>")?;
            }
        }
        f.write_str(
            "</ul></nav>
<div role=\"search\" id=\"find\" hidden>
<label for=\"q\">Find in the tables</label>
<input id=\"q\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\" placeholder=\"host, line, message…\">
",
        )?;
        let groups = tally.failures.groups();
        let hidden = if groups.is_empty() { " hidden" } else { "" };
        write!(
            f,
            "<label for=\"reason\"{hidden}>Reason</label>
<select id=\"reason\"{hidden}><option value=\"\">all</option>"
        )?;
        for (reason, group) in groups {
            let (name, count) = (markup::reason(reason), HumanCount(group.count));
            let name = Text(&name);
            write!(f, "<option value=\"{name}\">{name} ({count})</option>")?;
        }
        f.write_str("</select>\n<p id=\"found\" role=\"status\"></p>\n</div>\n</div>\n")
    }

    fn outcomes(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let done = self.done();
        f.write_str(
            "<section id=\"outcomes\" class=\"overview\" aria-labelledby=\"h-outcomes\">\n<h2 id=\"h-outcomes\">Outcomes</h2>\n<dl class=\"totals\">",
        )?;
        for (name, value) in self.totals(&done) {
            write!(f, "<div><dt>{name}</dt><dd>{value}</dd></div>")?;
        }
        f.write_str("</dl>\n")?;
        if self.tally.counts.total() > 0 {
            charts::outcomes(f, &self.tally.counts, self.untried())?;
        }
        f.write_str("</section>\n")
    }

    fn totals(&self, done: &Done) -> Vec<(&'static str, String)> {
        let count = |count: u64| HumanCount(count).to_string();
        let counts = &self.tally.counts;
        let notes = self.report.map_or_else(Notes::default, |run| run.notes);
        let new = counts.downloaded().saturating_sub(notes.replaced);
        let mut totals = vec![
            ("Saved", count(done.saved)),
            ("New files", count(new)),
            ("Failed", count(self.failed())),
        ];
        for (name, number) in [
            ("Replaced", notes.replaced),
            ("Renamed here", notes.renamed),
            ("Changed here", notes.adopted + notes.beside),
            ("Suspect", self.tally.suspects.count),
            ("Duplicates", counts.of(Status::Duplicate)),
            ("Rows without a link", notes.without_link),
            ("Interrupted", counts.of(Status::Interrupted)),
            ("Not tried", self.untried()),
            (
                "Other shards",
                self.report.map_or(0, |report| report.elsewhere),
            ),
        ] {
            if number > 0 {
                totals.push((name, count(number)));
            }
        }
        let bytes = HumanBytes(self.tally.saved_bytes);
        totals.push(("New data", bytes.to_string()));
        totals.extend(done.time.map(|time| ("Time", seconds(time))));
        totals
    }

    /// How many links failed. Those that the end of the run cut off have not.
    fn failed(&self) -> u64 {
        let counts = &self.tally.counts;
        counts.failed() - counts.of(Status::Interrupted)
    }

    /// How many links of a list that was read to its end were not tried.
    fn untried(&self) -> u64 {
        let untried = self.report.and_then(|report| report.untried);
        untried.unwrap_or_default()
    }

    fn done(&self) -> Done {
        let counts: &Counts = &self.tally.counts;
        let report = self.report;
        let is_run = report.is_none_or(|report| !report.of_records);
        let time = match (report, self.tally.period()) {
            (Some(report), _) if is_run => Some(report.elapsed),
            (None, Some((began, ended))) => ended.duration_since(began).ok(),
            _ => None,
        };
        Done {
            all: counts.total() + self.untried(),
            saved: counts.sum(|status| !status.failed() && status != Status::Duplicate),
            time,
        }
    }

    /// What is said of failures that are not listed.
    fn listed(&self) -> Option<String> {
        let all = self.tally.counts.failed();
        let listed = self.tally.failures.listed() as u64;
        (listed < all).then(|| {
            let (listed, all) = (HumanCount(listed), HumanCount(all));
            let records = printable(self.records);
            format!("The first {listed} of {all} failures are listed. The records of all links are in {records}.")
        })
    }

    fn footer(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let now = time_of_day(SystemTime::now());
        let version = env!("CARGO_PKG_VERSION");
        let files = plural(self.tally.counts.total(), "record", "records");
        let ignored = match self.ignored {
            0 => String::new(),
            count => format!(
                "; {} ignored",
                plural(count, "other line was", "other lines were")
            ),
        };
        writeln!(
            f,
            "<footer><p>Written by fetchpdf {version} at {now} from {files}{ignored}. Times are in UTC.</p></footer>"
        )
    }
}

/// The totals that are said more than once.
struct Done {
    all: u64,
    saved: u64,
    time: Option<Duration>,
}

/// The hash of an element's text, as a Content-Security-Policy names it.
fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text)))
}

/// `2026-11-27 01:52:10`.
fn time_of_day(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(time).to_string();
    text.trim_end_matches('Z').replace('T', " ")
}

/// From when to when, without a date that is said already.
fn period(began: SystemTime, ended: SystemTime) -> String {
    let (began, ended) = (time_of_day(began), time_of_day(ended));
    let same = began
        .split(' ')
        .next()
        .filter(|day| ended.starts_with(*day));
    match same {
        _ if began == ended => format!("{began} UTC"),
        Some(day) => format!("{began} to {} UTC", ended[day.len()..].trim_start()),
        None => format!("{began} to {ended} UTC"),
    }
}
