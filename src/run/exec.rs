//! `--exec`: a command for each new file, run as an argument vector without a shell.
//!
//! What a command prints goes to standard error as it is, except that a terminal gets no control characters: the text may come
//! out of a file that a stranger has made. A command that still runs when the run ends is asked to end, with all that it has
//! started, because the next run starts it again.

use std::ffi::OsString;
use std::io::{self, IsTerminal, stderr};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::system::limits::{explained, is_out_of_threads};
use crate::system::processes;
use crate::system::threads::Idle;
use crate::text::{cut, printable};
use crate::{log, output};

/// How long to wait for the rest of the output of a command that has ended. Its children may keep the pipes open.
const OUTPUT_TIME: Duration = Duration::from_millis(200);

/// How long a command may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(2);

/// How often, and after which pauses, a command is started for which there are too many processes and threads.
const ATTEMPTS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// For how many commands there is room in any case.
const ROOM: usize = 2;

/// How much of the last line of a failed command its message has, in characters.
const EXCERPT: usize = 300;

/// Longer lines of output are split. In bytes.
const LONGEST_LINE: u64 = 64 * 1024;

/// A command with placeholders in its words: `{}` is the path of the file, `{.}` the path without its extension, `{/}` the
/// name, `{//}` the folder, `{/.}` the name without its extension, and `{url}` the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exec {
    words: Vec<String>,
    /// Environment variables that are removed for the command.
    withheld: Vec<OsString>,
}

impl Exec {
    /// Looks for the program, so that a command that does not exist is known before anything is fetched.
    ///
    /// # Errors
    ///
    /// When it is not there, or must not be run.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let program = &self.words[0];
        let is_known = !PLACEHOLDERS.iter().any(|(name, _)| program.contains(name));
        if !is_known || processes::is_there(program) {
            return Ok(());
        }
        let why = if program.contains('/') && Path::new(program).exists() {
            "it is not an executable file"
        } else {
            "no such command"
        };
        anyhow::bail!("cannot run `{}` (`--exec`): {why}", printable(program));
    }

    /// The same command without these environment variables.
    pub(crate) fn without(self, variables: impl Iterator<Item = OsString>) -> Self {
        let withheld = variables.collect();
        Self { withheld, ..self }
    }
}

impl FromStr for Exec {
    type Err = &'static str;

    /// Splits into words like a shell, with quotes and backslashes, but without expansions. Without any placeholder, the path
    /// becomes the last argument.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = shlex::split(text).ok_or("unclosed quote")?;
        if words.is_empty() {
            return Err("empty command");
        }
        let has_placeholder =
            |word: &String| PLACEHOLDERS.iter().any(|(name, _)| word.contains(name));
        if !words.iter().any(has_placeholder) {
            words.push("{}".to_owned());
        }
        let withheld = Vec::new();
        Ok(Self { words, withheld })
    }
}

/// The value of a placeholder, from the path of the file and the link.
type Value = fn(&Path, &str) -> OsString;

const PLACEHOLDERS: [(&str, Value); 6] = [
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

/// Replaces the placeholders in `word`, but not those in their values.
fn expand(mut word: &str, path: &Path, url: &str) -> OsString {
    let mut expanded = OsString::new();
    let first = |word: &str| {
        let found = PLACEHOLDERS.iter();
        let found = found.filter_map(|(name, value)| Some((word.find(name)?, name, value)));
        found.min_by_key(|(at, ..)| *at)
    };
    while let Some((at, name, value)) = first(word) {
        expanded.push(&word[..at]);
        expanded.push(value(path, url));
        word = &word[at + name.len()..];
    }
    expanded.push(word);
    expanded
}

/// Runs the command for one file per core at a time.
pub(super) struct Executor {
    exec: Exec,
    permits: Semaphore,
    /// A thread for each of a few commands. It ends just before the command starts, so that there is room for that under the
    /// limits of the system, which the threads of links may have used up.
    room: Mutex<Vec<Idle>>,
}

impl Executor {
    pub(super) fn new(exec: Exec) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let room = (0..cores.min(ROOM))
            .map_while(|_| Idle::start(1).ok())
            .collect();
        Self {
            exec,
            permits: Semaphore::new(cores),
            room: Mutex::new(room),
        }
    }

    /// Runs the command for the file at `path`, and ends it once the run has `ended`. Its output goes to standard error, line by
    /// line.
    ///
    /// # Errors
    ///
    /// A message if the command cannot be started, or fails.
    pub(super) async fn run(
        &self,
        path: &Path,
        url: &str,
        ended: &CancellationToken,
    ) -> Result<(), String> {
        let _permit = self.permits.acquire().await.expect("never closed");
        let mut words = self.exec.words.iter().map(|word| expand(word, path, url));
        let program = words.next().expect("at least one word");
        let shown = printable(&program.to_string_lossy());
        if ended.is_cancelled() {
            return Err(format!("`{shown}` was not run before the run ended"));
        }
        let mut command = processes::command(program);
        command.args(words).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        for variable in &self.exec.withheld {
            command.env_remove(variable);
        }
        let file = printable(&path.to_string_lossy());
        tracing::info!("{file}: running `{shown}`");
        let child = self.spawn(&mut command).await.map_err(explained);
        let mut child = child.map_err(|error| format!("cannot run `{shown}`: {error}"))?;
        let output = tokio::spawn(forward(child.stdout.take()));
        let errors = tokio::spawn(forward(child.stderr.take()));
        let status = tokio::select! {
            status = child.wait() => status.map_err(|error| format!("`{shown}`: {error}"))?,
            () = ended.cancelled() => {
                end(&mut child).await;
                return Err(format!("`{shown}` was still running when the run ended"));
            }
        };
        self.room.lock().extend(Idle::start(1).ok());
        let last = timeout(OUTPUT_TIME, errors).await;
        let _ = timeout(OUTPUT_TIME, output).await;
        if status.success() {
            return Ok(());
        }
        let mut message = match status.code() {
            Some(code) => format!("`{shown}` failed with exit code {code}"),
            None => format!("`{shown}` failed: {status}"),
        };
        if let Ok(Ok(Some(line))) = last {
            message.push_str(": ");
            message.push_str(&cut(&printable(&line), EXCERPT));
        }
        Err(message)
    }

    /// Starts a command. If there are too many processes and threads, waits for others to end.
    async fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let mut attempts = 0;
        loop {
            let room = self.room.lock().pop();
            drop(room);
            match command.spawn() {
                Err(error) if is_out_of_threads(&error) && attempts < ATTEMPTS => {
                    attempts += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                result => return result,
            }
        }
    }
}

/// Asks a command to end, waits for it a little, and ends it.
async fn end(child: &mut Child) {
    for at_once in [false, true] {
        // it may have ended in between
        let _ = processes::end(child, at_once);
        if timeout(GRACE, child.wait()).await.is_ok() {
            return;
        }
    }
}

/// Prints everything that comes from `pipe`, and returns its last line that is not blank.
async fn forward(pipe: Option<impl AsyncRead + Unpin>) -> Option<String> {
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
        output::room(|| false).await;
        if stderr().is_terminal() {
            // not tabs, which tables are made of
            let cells: Vec<_> = text.split('\t').map(printable).collect();
            log::print_line(&cells.join("\t"));
        } else {
            log::print_line(&text);
        }
        if !text.is_empty() {
            last = Some(text);
        }
    }
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
