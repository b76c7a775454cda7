//! A comparison as SVG, readable on light and dark pages, for example in a README: the times as bars, and below them who ran
//! when.

mod file;
mod time_lines;

use std::fmt;

use super::table::ratio;
use super::{Comparison, RowResult};
use crate::text::seconds;
pub(crate) use file::PictureFile;
use time_lines::TimeLines;

/// A comparison whose [`fmt::Display`] is SVG.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Picture<'a>(pub &'a Comparison);

// lengths in pixels
const WIDTH: f64 = 760.0;
const LEFT: f64 = 8.0;
const BARS_BEGIN: f64 = 118.0;
const LONGEST_BAR: f64 = 330.0;
const TOP: f64 = 52.0;
const ROW: f64 = 34.0;
const BAR: f64 = 20.0;

/// With a background, because a browser shows a picture that is opened by itself on white, even where colors are dark.
const STYLE: &str = "\
svg{background:#fff}\
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#1f2328}\
.title{font-weight:600}.note{fill:#59636e;font-size:12px}.bar{fill:#1a7f37}.grid{stroke:#d1d9e0}\
.n{fill:#fff;font-size:8px;font-weight:600}.failed{fill-opacity:.35;stroke:#d1242f}\
.c0{fill:#0969da}.c1{fill:#bc4c00}.c2{fill:#1a7f37}.c3{fill:#8250df}.c4{fill:#bf3989}\
.c5{fill:#1b7c83}.c6{fill:#9a6700}.c7{fill:#cf222e}.c8{fill:#4d5fb5}.c9{fill:#57606a}\
@media(prefers-color-scheme:dark){svg{background:#0d1117}text{fill:#f0f6fc}.note{fill:#9198a1}.bar{fill:#3fb950}.grid{stroke:#3d444d}\
.n{fill:#0d1117}.failed{stroke:#f85149}\
.c0{fill:#58a6ff}.c1{fill:#f0883e}.c2{fill:#3fb950}.c3{fill:#bc8cff}.c4{fill:#f778ba}\
.c5{fill:#39c5cf}.c6{fill:#d29922}.c7{fill:#ff7b72}.c8{fill:#a5b4fc}.c9{fill:#b1bac4}}";

impl fmt::Display for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let results = &self.0.results;
        let below = TOP + ROW * number(results.len());
        let time_lines = TimeLines::new(results);
        let height = below + time_lines.as_ref().map_or(8.0, TimeLines::height);
        let files = results.iter().map(|result| result.typical().files);
        let files = files.max().unwrap_or_default();
        let runs = match self.0.runs {
            1 => String::new(),
            runs => format!(", median of {runs} runs"),
        };
        write!(
            f,
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="t">
<title id="t">The times of {modes}, and who ran which link when</title>
<style>{STYLE}</style>
<text class="title" x="{LEFT}" y="28">fetchpdf: {files} files in each mode{runs}</text>
"#,
            modes = labels(results)
        )?;
        self.bars(f)?;
        if let Some(time_lines) = time_lines {
            time_lines.draw(f, below)?;
        }
        writeln!(f, "</svg>")
    }
}

impl Picture<'_> {
    /// The times.
    fn bars(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.0.longest();
        for (row, result) in self.0.results.iter().enumerate() {
            let top = TOP + ROW * number(row);
            let base = top + BAR - 5.0;
            let width = (ratio(result.elapsed(), longest) * LONGEST_BAR).max(2.0);
            let factor = self.0.factor(result);
            let factor = factor.map_or_else(String::new, |factor| format!(" · {factor}"));
            let at_once = result.typical().at_once;
            let failed = match result.failed() {
                0 => String::new(),
                failed => format!(" · {failed} failed"),
            };
            let (label, time) = (&result.label, seconds(result.elapsed()));
            let beside = BARS_BEGIN + width + 8.0;
            write!(
                f,
                r#"<text x="{LEFT}" y="{base}">{label}</text>
<rect class="bar" x="{BARS_BEGIN}" y="{top}" width="{width:.1}" height="{BAR}" rx="3"/>
<text class="note" x="{beside:.1}" y="{base}">{time}{factor} · {at_once} at once{failed}</text>
"#
            )?;
        }
        Ok(())
    }
}

/// The names of all rows.
fn labels(results: &[RowResult]) -> String {
    let labels: Vec<_> = results.iter().map(|result| &*result.label).collect();
    labels.join(", ")
}

/// `text` as content of an element.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn number(count: usize) -> f64 {
    count as f64
}
