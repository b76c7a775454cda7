//! Parts of the documentation that follow from the code: checked by tests, and written by them where `UPDATE_DOCS` is set.

use std::{env, fs};

/// Checks that `section` of the page `docs/NAME` is as `expected`: what stands between `<!-- SECTION -->` and
/// `<!-- /SECTION -->`.
pub(crate) fn check(name: &str, section: &str, expected: &str) {
    let path = format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(&path).expect("a page of the documentation");
    let (begin, end) = (
        format!("<!-- {section} -->\n"),
        format!("<!-- /{section} -->"),
    );
    let (before, rest) = page.split_once(&begin).expect("the section begins");
    let (found, after) = rest.split_once(&end).expect("the section ends");
    if env::var_os("UPDATE_DOCS").is_some() {
        let page = format!("{before}{begin}{expected}{end}{after}");
        fs::write(&path, page).expect("the page can be written");
    } else {
        assert_eq!(
            found, expected,
            "docs/{name}: `UPDATE_DOCS=1 cargo test --lib` writes it anew"
        );
    }
}
