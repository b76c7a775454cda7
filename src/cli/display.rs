//! Options for progress, colors and messages.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::progress;

#[derive(Debug, Args)]
#[command(next_help_heading = "Display")]
pub(super) struct DisplayArgs {
    /// Style of the progress display
    #[arg(long, value_enum, default_value_t, value_name = "STYLE")]
    pub(super) progress: progress::Style,
    /// When to use colors; `NO_COLOR` is respected
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    color: Color,
    /// Append the messages of `-v` to this file, with times, instead of printing them
    #[arg(long, value_name = "FILE", value_parser = super::values::written())]
    pub(super) log: Option<PathBuf>,
}

/// When to use colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Color {
    /// On a terminal
    #[default]
    Auto,
    /// Also in a pipe or a file
    Always,
    /// Never
    Never,
}

impl DisplayArgs {
    /// Overrides the detection of colors if `--color` was given.
    pub(super) fn apply_color(&self) {
        if self.color != Color::Auto {
            console::set_colors_enabled(self.color == Color::Always);
            console::set_colors_enabled_stderr(self.color == Color::Always);
        }
    }
}
