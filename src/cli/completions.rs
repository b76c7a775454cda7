//! Completion scripts for shells, as clap writes them, with where they go.

use std::io::{self, IsTerminal};

use clap::{Arg, Command};
use clap_complete::Shell;

use super::{all_args, command, help};
use crate::log;

/// What splits the words that have been typed, in the script for fish.
const FISH_SPLIT: &str = "    argparse -s (__fish_fetchpdf_global_optspecs) -- $cmd 2>/dev/null\n";

/// The same, also while the last word is an option that waits for its value.
const FISH_SPLIT_BEFORE_VALUE: &str = "    argparse -s (__fish_fetchpdf_global_optspecs) -- $cmd 2>/dev/null\n    \
     or argparse -s (__fish_fetchpdf_global_optspecs) -- $cmd[1..-2] 2>/dev/null\n";

/// What takes the first word for a command, in the script for fish.
const FISH_COMMAND: &str = "    if set -q argv[1]\n";

/// What declares the variables, in the script for zsh.
const ZSH_VARIABLES: &str = "    local context curcontext=\"$curcontext\" state line\n";

/// What takes the first word for a link and the second one for a command, in the script for zsh.
const ZSH_COMMAND: &str = "\":: :_fetchpdf_commands\" \\\n\"*::: :->fetchpdf\" \\\n";

/// The completion script for a shell, which says where it goes.
pub(super) fn script(shell: Shell) -> Vec<u8> {
    let (mut command, mut script) = (command(), Vec::new());
    clap_complete::generate(shell, &mut command, "fetchpdf", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    match shell {
        Shell::Fish => script = for_fish(&script, &command),
        Shell::Zsh => script = for_zsh(&script, &command),
        _ => {}
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
/// complete nothing. Only a command is taken for one: options are completed behind a list as well.
fn for_fish(script: &str, command: &Command) -> String {
    let lines = script.lines().map(|line| {
        let is_list = line.starts_with("    string join ");
        let words = line.split(' ');
        let words: Vec<_> = words
            .filter(|word| !(is_list && word.contains('.')))
            .collect();
        words.join(" ") + "\n"
    });
    let script: String = lines.collect();
    let script = script.replace(FISH_SPLIT, FISH_SPLIT_BEFORE_VALUE);
    let names = names(command).join(" ");
    let is_command = format!("    if contains -- \"$argv[1]\" {names}\n");
    script.replace(FISH_COMMAND, &is_command)
}

/// `script` with either a command and what belongs to it, or links: clap puts the command behind the first link. The first word
/// may become either.
fn for_zsh(script: &str, command: &Command) -> String {
    let lines = script.split_inclusive('\n');
    let script: String = lines
        .filter(|line| !line.starts_with("'::links "))
        .collect();
    let names = names(command).join("|");
    let positionals = format!(
        "{ZSH_VARIABLES}    local -a positionals=('*:links:_fetchpdf_links')\n    \
         case $words[2] in\n        \
         ({names}) (( CURRENT > 2 )) && positionals=(':: :_fetchpdf_commands' '*::: :->fetchpdf') ;;\n    \
         esac\n"
    );
    let function = "(( $+functions[_fetchpdf_links] )) ||\n_fetchpdf_links() {\n    \
         (( CURRENT == 2 )) && _fetchpdf_commands\n    \
         _files\n}\n\n(( $+functions[_fetchpdf_commands] )) ||\n";
    let script = script.replacen(ZSH_VARIABLES, &positionals, 1);
    let script = script.replacen(ZSH_COMMAND, "\"${positionals[@]}\" \\\n", 1);
    let script = script.replacen("(( $+functions[_fetchpdf_commands] )) ||\n", function, 1);
    let script = script.replace("$line[2]", "$line[1]");
    // a colon ends the name of a value
    let values = all_args(command).filter_map(Arg::get_value_names).flatten();
    let values = values.filter(|name| name.contains(':'));
    values.fold(script, |script, name| {
        let escaped = name.replace(':', "\\:");
        script.replace(&format!("]:{name}:"), &format!("]:{escaped}:"))
    })
}

/// The names of the commands: clap has added `help` when it wrote a script.
fn names(command: &Command) -> Vec<&str> {
    command.get_subcommands().map(Command::get_name).collect()
}
