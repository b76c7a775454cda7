//! Completion scripts for shells, as clap writes them, with where they go.

use std::io::{self, IsTerminal};

use clap_complete::Shell;

use super::{command, help};
use crate::log;

/// What splits the words that have been typed, in the script for fish.
const FISH_SPLIT: &str = "    argparse -s (__fish_fetchpdf_global_optspecs) -- $cmd 2>/dev/null\n";

/// The same, also while the last word is an option that waits for its value.
const FISH_SPLIT_BEFORE_VALUE: &str = "    argparse -s (__fish_fetchpdf_global_optspecs) -- $cmd 2>/dev/null\n    \
     or argparse -s (__fish_fetchpdf_global_optspecs) -- $cmd[1..-2] 2>/dev/null\n";

/// The completion script for a shell, which says where it goes.
pub(super) fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "fetchpdf", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if shell == Shell::Fish {
        script = for_fish(&script);
    }
    let name = shell.to_string();
    let place = help::COMPLETIONS.iter().find(|(known, _)| *known == name);
    let place = place.map_or("", |(_, call)| call);
    // the first line of zsh has to stay the first one
    let at = match script.find('\n') {
        Some(end) if script.starts_with("#compdef") => end + 1,
        _ => 0,
    };
    script.insert_str(at, &format!("# {place}\n"));
    if io::stdout().is_terminal() {
        log::print_line(&format!("to install it: {place}"));
    }
    script.into_bytes()
}

/// `script` without names of options that `argparse` of fish refuses, which are those with a dot: it would refuse every line, and
/// complete nothing.
fn for_fish(script: &str) -> String {
    let lines = script.lines().map(|line| {
        let is_list = line.starts_with("    string join ");
        let words = line.split(' ');
        let words: Vec<_> = words
            .filter(|word| !(is_list && word.contains('.')))
            .collect();
        words.join(" ") + "\n"
    });
    let script: String = lines.collect();
    script.replace(FISH_SPLIT, FISH_SPLIT_BEFORE_VALUE)
}
