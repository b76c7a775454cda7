//! Sample documents: valid PDF 1.4, a few hundred kilobytes each, all of them different.

use std::f64::consts::TAU;
use std::fmt::Write;

/// This many pages, each with a curve of [`POINTS`], make a few hundred kilobytes.
const PAGES: usize = 16;
const POINTS: u32 = 1500;

/// Document `number` of `count`: pages with a heading and a curve.
pub(super) fn document(number: usize, count: usize) -> Vec<u8> {
    let mut file = File {
        bytes: b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec(),
        offsets: Vec::new(),
    };
    let pages = (0..PAGES).map(|page| format!("{} 0 R", 4 + 2 * page));
    let pages = pages.collect::<Vec<_>>().join(" ");
    file.object("<< /Type /Catalog /Pages 2 0 R >>");
    file.object(&format!(
        "<< /Type /Pages /Count {PAGES} /Kids [{pages}] >>"
    ));
    file.object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>");
    for page in 0..PAGES {
        let content = 5 + 2 * page;
        file.object(&format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {content} 0 R \
             /Resources << /Font << /F1 3 0 R >> >> >>"
        ));
        let heading = format!("Sample {number} of {count}, page {} of {PAGES}", page + 1);
        let drawing = drawing(&heading, number, page);
        let length = drawing.len();
        file.object(&format!(
            "<< /Length {length} >>\nstream\n{drawing}endstream"
        ));
    }
    file.finish()
}

/// A heading and a hypotrochoid: the curve of a point on a wheel that rolls inside a ring.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn drawing(heading: &str, number: usize, page: usize) -> String {
    // so that it stays on the page
    let shape = 1 + (number - 1) % 10;
    let (teeth, reach) = ((3 + page) as f64, 60.0 + 10.0 * shape as f64);
    let mut text =
        format!("BT /F1 18 Tf 72 770 Td ({heading}) Tj ET\n0.4 w 0.1 0.2 0.{shape} RG\n");
    for point in 0..POINTS {
        let turn = TAU * f64::from(point) / f64::from(POINTS) * 7.0;
        let roll = turn * teeth / 7.0;
        let x = 297.0 + 110.0 * turn.cos() + reach * roll.cos();
        let y = 400.0 + 110.0 * turn.sin() - reach * roll.sin();
        let operator = if point == 0 { "m" } else { "l" };
        writeln!(text, "{x:.2} {y:.2} {operator}").expect("writing to a string cannot fail");
    }
    text + "s\n"
}

/// The bytes of a document, and the offsets of its objects.
struct File {
    bytes: Vec<u8>,
    offsets: Vec<usize>,
}

impl File {
    fn object(&mut self, body: &str) {
        self.offsets.push(self.bytes.len());
        let object = format!("{} 0 obj\n{body}\nendobj\n", self.offsets.len());
        self.bytes.extend_from_slice(object.as_bytes());
    }

    /// Appends the cross-reference table and the trailer (ISO 32000-1, sections 7.5.4 and 7.5.5).
    fn finish(mut self) -> Vec<u8> {
        let (start, size) = (self.bytes.len(), self.offsets.len() + 1);
        let entries = self
            .offsets
            .iter()
            .map(|offset| format!("{offset:010} 00000 n \n"));
        let entries: String = entries.collect();
        let end = format!(
            "xref\n0 {size}\n0000000000 65535 f \n{entries}\
             trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
        );
        self.bytes.extend_from_slice(end.as_bytes());
        self.bytes
    }
}
