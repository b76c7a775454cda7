//! The layers of the source: which modules may import which.

use std::fs;
use std::path::Path;

/// From top to bottom. A module imports only from rows below its own.
const LAYERS: [&[&str]; 25] = [
    &["main"],
    &["cli"],
    &["commands"],
    &["run"],
    &["report", "progress"],
    &["fetch"],
    &["store"],
    &["bucket"],
    &["http"],
    &["mode"],
    &["runtime"],
    &["plan"],
    &["queue"],
    &["links"],
    &["retry", "stop", "stats"],
    &["outcome"],
    &["shard"],
    &["link"],
    &["page"],
    &["id"],
    &["header", "log"],
    &["digest", "text"],
    &[
        "charset", "host", "line", "output", "pdf", "tags", "timeout",
    ],
    &["screen"],
    &["system"],
];

#[test]
fn modules_import_only_from_lower_layers() {
    let mut wrong = Vec::new();
    for_each_file(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        "",
        &mut |module, text| {
            for imported in imports(text) {
                if imported != module && layer(module) >= layer(imported) {
                    wrong.push(format!(
                        "`{module}` imports from `{imported}`, which is not in a lower layer"
                    ));
                }
            }
        },
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_one_module_names_the_http_client() {
    for_each_file(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        "",
        &mut |module, text| {
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            for name in ["reqwest", "hyper", "rustls"] {
                let named = code.clone().any(|line| line.contains(&format!("{name}::")));
                assert!(!named || module == "http", "`{module}` names {name}");
            }
        },
    );
}

/// Calls `see` with the module and the text of each file below `folder`. They belong to `module`, or each to its own if
/// that is empty.
fn for_each_file(folder: &Path, module: &str, see: &mut impl FnMut(&str, &str)) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a readable folder").path();
        let stem = path
            .file_stem()
            .and_then(|name| name.to_str())
            .expect("a name");
        let module = if module.is_empty() { stem } else { module };
        if path.is_dir() {
            for_each_file(&path, module, see);
        } else if !matches!(module, "lib" | "docs") {
            see(module, &fs::read_to_string(&path).expect("a file"));
        }
    }
}

/// The modules that a file imports from.
fn imports(text: &str) -> impl Iterator<Item = &str> {
    let mut paths: Vec<_> = text.split("crate::").skip(1).collect();
    for group in text.split("use crate::{").skip(1) {
        paths.extend(group.split(';').next().unwrap_or_default().split(','));
    }
    let modules = paths.into_iter().map(|path| {
        let path = path.trim_start();
        let end = path.find(|c: char| !c.is_alphanumeric() && c != '_');
        &path[..end.unwrap_or(path.len())]
    });
    modules.filter(|module| !module.is_empty() && *module != "docs")
}

fn layer(module: &str) -> usize {
    let row = LAYERS.iter().position(|row| row.contains(&module));
    row.unwrap_or_else(|| panic!("`{module}` has no layer"))
}
