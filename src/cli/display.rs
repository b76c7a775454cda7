//! Options about what a person sees.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::progress;

#[derive(Debug, Args)]
#[command(next_help_heading = "Display")]
pub(super) struct DisplayArgs {
    /// How progress is shown
    #[arg(long, value_enum, default_value_t, value_name = "STYLE")]
    pub(super) progress: progress::Style,
    /// When to use colors; `NO_COLOR` is respected
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    color: Color,
    /// Append what `-v` shows to a file, with times, instead of the terminal
    #[arg(long, value_name = "FILE")]
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
    /// From here on, colors are as they are wanted.
    pub(super) fn apply_color(&self) {
        if self.color != Color::Auto {
            console::set_colors_enabled(self.color == Color::Always);
            console::set_colors_enabled_stderr(self.color == Color::Always);
        }
    }
}
