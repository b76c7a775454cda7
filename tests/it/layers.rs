//! The rooms of the source, and which of them may know which.

use std::fs;
use std::path::Path;

/// From top to bottom: a room imports only from rows below its own.
const LAYERS: [&[&str]; 19] = [
    &["main"],
    &["cli"],
    &["commands"],
    &["run"],
    &["report", "progress"],
    &["fetch"],
    &["http"],
    &["store"],
    &["mode"],
    &["runtime"],
    &["plan"],
    &["queue"],
    &["links"],
    &["retry", "stop", "stats"],
    &["outcome"],
    &["link"],
    &["header"],
    &["digest", "text"],
    &["line", "log", "pdf", "system"],
];

#[test]
fn rooms_import_only_from_below() {
    let mut wrong = Vec::new();
    for_each_file(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        "",
        &mut |room, text| {
            for imported in imports(text) {
                if imported != room && layer(room) >= layer(imported) {
                    wrong.push(format!(
                        "`{room}` imports from `{imported}`, which is not below it"
                    ));
                }
            }
        },
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_one_room_knows_the_http_client() {
    for_each_file(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        "",
        &mut |room, text| {
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            for name in ["reqwest", "hyper", "rustls"] {
                let named = code.clone().any(|line| line.contains(&format!("{name}::")));
                assert!(!named || room == "http", "`{room}` names {name}");
            }
        },
    );
}

/// Calls `see` with the room and the text of each file below `folder`, which belongs to `room` unless that is empty.
fn for_each_file(folder: &Path, room: &str, see: &mut impl FnMut(&str, &str)) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a readable folder").path();
        let stem = path
            .file_stem()
            .and_then(|name| name.to_str())
            .expect("a name");
        let room = if room.is_empty() { stem } else { room };
        if path.is_dir() {
            for_each_file(&path, room, see);
        } else if !matches!(room, "lib" | "docs") {
            see(room, &fs::read_to_string(&path).expect("a file"));
        }
    }
}

/// The rooms that a file names.
fn imports(text: &str) -> impl Iterator<Item = &str> {
    let mut paths: Vec<_> = text.split("crate::").skip(1).collect();
    for group in text.split("use crate::{").skip(1) {
        paths.extend(group.split(';').next().unwrap_or_default().split(','));
    }
    let rooms = paths.into_iter().map(|path| {
        let path = path.trim_start();
        let end = path.find(|c: char| !c.is_alphanumeric() && c != '_');
        &path[..end.unwrap_or(path.len())]
    });
    rooms.filter(|room| !room.is_empty() && *room != "docs")
}

fn layer(room: &str) -> usize {
    let row = LAYERS.iter().position(|row| row.contains(&room));
    row.unwrap_or_else(|| panic!("`{room}` has no layer"))
}
