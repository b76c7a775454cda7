//! A command for each file that a run has brought: an argument vector, and no shell.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::str::FromStr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::log;
use crate::text::printable;

/// A command whose words may hold placeholders: `{}` is the path of the file, `{.}` that without its extension, `{/}` its
/// name, `{//}` its folder, `{/.}` its name without the extension, and `{url}` the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exec {
    words: Vec<String>,
    /// Variables of the environment that the command does not get.
    withheld: Vec<OsString>,
}

impl Exec {
    /// The same, without these variables of the environment.
    pub(crate) fn without(self, variables: impl Iterator<Item = OsString>) -> Self {
        let withheld = variables.collect();
        Self { withheld, ..self }
    }
}

impl FromStr for Exec {
    type Err = &'static str;

    /// Splits as a shell does, with quotes and backslashes, but obeys nothing else. Where no placeholder stands, the path
    /// is the last argument.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = shlex::split(text).ok_or("a quote is not closed")?;
        if words.is_empty() {
            return Err("there is no command");
        }
        let is_named = |word: &String| PLACEHOLDERS.iter().any(|(name, _)| word.contains(name));
        if !words.iter().any(is_named) {
            words.push("{}".to_owned());
        }
        Ok(Self {
            words,
            withheld: Vec::new(),
        })
    }
}

/// What a placeholder stands for, given the path of the file and the link.
type Meaning = fn(&Path, &str) -> OsString;

const PLACEHOLDERS: [(&str, Meaning); 6] = [
    ("{}", |path, _| path.into()),
    ("{.}", |path, _| path.with_extension("").into()),
    ("{/}", |path, _| path.file_name().unwrap_or_default().into()),
    ("{//}", |path, _| {
        path.parent().unwrap_or(Path::new(".")).into()
    }),
    ("{/.}", |path, _| {
        path.file_stem().unwrap_or_default().into()
    }),
    ("{url}", |_, url| url.into()),
];

/// `word` with the meaning of its placeholders in their places.
fn expand(mut word: &str, path: &Path, url: &str) -> OsString {
    let mut expanded = OsString::new();
    loop {
        let found =
            |(name, meaning): &(&'static str, Meaning)| Some((word.find(name)?, *name, *meaning));
        let Some((at, name, meaning)) = PLACEHOLDERS
            .iter()
            .filter_map(found)
            .min_by_key(|found| found.0)
        else {
            expanded.push(word);
            return expanded;
        };
        expanded.push(&word[..at]);
        expanded.push(meaning(path, url));
        word = &word[at + name.len()..];
    }
}

/// Runs the command for many files, as many at once as there are cores.
#[derive(Debug)]
pub(super) struct Executor {
    exec: Exec,
    room: Semaphore,
}

impl Executor {
    pub(super) fn new(exec: Exec) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            exec,
            room: Semaphore::new(cores),
        }
    }

    /// Runs the command for the file at `path` when there is room, and stops to wait for it when the run is `ended`. What it
    /// prints goes to standard error, line by line.
    ///
    /// # Errors
    ///
    /// What went wrong: it cannot be started, or it has not ended with 0.
    pub(super) async fn run(
        &self,
        path: &Path,
        url: &str,
        ended: &CancellationToken,
    ) -> Result<(), String> {
        let _permit = self.room.acquire().await.expect("it is never closed");
        let mut words = self.exec.words.iter().map(|word| expand(word, path, url));
        let program = words.next().expect("it has a word at least");
        let shown = printable(&program.to_string_lossy());
        if ended.is_cancelled() {
            return Err(format!("`{shown}` was not run: the run ended before"));
        }
        let mut command = Command::new(program);
        command
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for variable in &self.exec.withheld {
            command.env_remove(variable);
        }
        tracing::info!("{}: `{shown}` begins", path.display());
        let mut child = command
            .spawn()
            .map_err(|error| format!("`{shown}` cannot be run: {error}"))?;
        let output = tokio::spawn(tell(child.stdout.take()));
        let errors = tokio::spawn(tell(child.stderr.take()));
        let status = tokio::select! {
            status = child.wait() => status.map_err(|error| format!("`{shown}`: {error}"))?,
            () = ended.cancelled() => return Err(format!("`{shown}` had not ended when the run did")),
        };
        // what it has left behind may keep its pipes open
        let last = timeout(AFTERWARDS, errors).await;
        let _ = timeout(AFTERWARDS, output).await;
        if status.success() {
            return Ok(());
        }
        let last = last.ok().and_then(Result::ok).flatten();
        let last = last.map_or_else(String::new, |line| format!(": {}", printable(&line)));
        Err(format!("`{shown}` ended with {}{last}", ending(status)))
    }
}

/// So long what a command has printed is waited for after its end.
const AFTERWARDS: Duration = Duration::from_millis(200);

/// A line is told in pieces of at most so many bytes.
const LONGEST_LINE: u64 = 64 * 1024;

/// Tells all that comes from `pipe`, and what its last line was that is not blank.
async fn tell(pipe: Option<impl AsyncRead + Unpin>) -> Option<String> {
    let mut reader = BufReader::new(pipe?);
    let mut last = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut piece = (&mut reader).take(LONGEST_LINE);
        let read = piece.read_until(b'\n', &mut line).await;
        if !read.is_ok_and(|length| length > 0) {
            return last;
        }
        let text = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
        log::say(&text);
        if !text.is_empty() {
            last = Some(text);
        }
    }
}

fn ending(status: ExitStatus) -> String {
    status
        .code()
        .map_or_else(|| status.to_string(), |code| format!("exit code {code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_once() {
        let exec: Exec = "a '{url} {/}' {.}.txt {//} {/.} {x} {}"
            .parse()
            .expect("a command");
        let words = exec
            .words
            .iter()
            .map(|word| expand(word, Path::new("out/a b.pdf"), "http://h/{}"));
        let expected = [
            "a",
            "http://h/{} a b.pdf",
            "out/a b.txt",
            "out",
            "a b",
            "{x}",
            "out/a b.pdf",
        ];
        assert_eq!(words.collect::<Vec<_>>(), expected.map(OsString::from));
    }

    #[test]
    fn the_path_is_the_last_argument_where_no_placeholder_says_otherwise() {
        assert_eq!(
            "pdfinfo -meta".parse::<Exec>().expect("a command").words,
            ["pdfinfo", "-meta", "{}"]
        );
        assert_eq!(
            "echo {url}".parse::<Exec>().expect("a command").words,
            ["echo", "{url}"]
        );
        for wrong in ["", "  ", "a 'b"] {
            assert!(wrong.parse::<Exec>().is_err(), "{wrong}");
        }
    }
}
