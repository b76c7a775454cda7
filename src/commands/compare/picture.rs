//! The chart of a comparison as SVG, readable on light and dark pages, for example in a README.

use std::fmt;

use super::{Comparison, ratio};
use crate::text::seconds;

/// A comparison whose [`fmt::Display`] is SVG.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Picture<'a>(pub &'a Comparison);

// lengths in pixels
const WIDTH: f64 = 760.0;
const BARS_BEGIN: f64 = 110.0;
const LONGEST_BAR: f64 = 340.0;
const TOP: f64 = 52.0;
const ROW: f64 = 34.0;
const BAR: f64 = 20.0;

const STYLE: &str = "\
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#1f2328}\
.title{font-weight:600}.note{fill:#59636e}rect{fill:#1a7f37}\
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.note{fill:#9198a1}rect{fill:#3fb950}}";

impl fmt::Display for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Comparison { reports } = self.0;
        let rows = u32::try_from(reports.len()).unwrap_or(u32::MAX);
        let height = TOP + ROW * f64::from(rows) + 8.0;
        let files = reports.iter().map(|report| report.counts.downloaded());
        let files = files.max().unwrap_or_default();
        write!(
            f,
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img">
<style>{STYLE}</style>
<text class="title" x="8" y="28">fetchpdf: {files} files in each mode</text>
"#
        )?;
        let longest = self.0.longest();
        for (row, report) in (0..rows).zip(reports) {
            let top = TOP + ROW * f64::from(row);
            let base = top + BAR - 5.0;
            let width = (ratio(report.elapsed, longest) * LONGEST_BAR).max(2.0);
            let speed_up = self.0.speed_up(report).map_or_else(String::new, |factor| {
                format!(" · {factor:.1}x · {} at once", report.jobs)
            });
            let failed = match report.counts.failed() {
                0 => String::new(),
                failed => format!(" · {failed} failed"),
            };
            let (mode, time) = (report.mode, seconds(report.elapsed));
            let beside = BARS_BEGIN + width + 8.0;
            write!(
                f,
                r#"<text x="8" y="{base}">{mode}</text>
<rect x="{BARS_BEGIN}" y="{top}" width="{width:.1}" height="{BAR}" rx="3"/>
<text class="note" x="{beside:.1}" y="{base}">{time}{speed_up}{failed}</text>
"#
            )?;
        }
        writeln!(f, "</svg>")
    }
}
