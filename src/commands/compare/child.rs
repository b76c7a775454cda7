//! A run in a process of its own, which gets an [`Order`] and answers with a [`Measured`].
//!
//! It is this program with [`ARGUMENTS`]. The order is a line on its standard input, so that the arguments in it, which may hold
//! secrets, are in no list of processes; the answer is on its standard output. Of the messages on its standard error, each is told
//! once per comparison: a link that fails does so in each run. On a terminal, lines of [`RELAYED`] among them say how far it is.
//! The end of standard input is the end of the run: the parent closes it when somebody has asked for the end, and the system does
//! when the parent has gone. Ctrl-C in a terminal reaches both processes, so that the parent waits a moment before.

use std::collections::HashSet;
use std::env;
use std::ffi::{OsStr, OsString};
use std::hash::BuildHasher;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::ValueEnum;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::Options;
use super::measured::Measured;
use super::rows::Row;
use crate::links::Input;
use crate::mode::Mode;
use crate::progress::RELAYED;
use crate::run::timeline::Timeline;
use crate::run::{Config, run};
use crate::stop::{self, Stop};
use crate::system::limits::explained;
use crate::system::usage;
use crate::{log, screen};

/// The arguments of a process that takes an order. Nobody else has reason to give them.
const ARGUMENTS: [&str; 2] = ["compare", "--ordered-run"];

/// How long the process of a run has for what it has heard itself, before it is told to end.
const PATIENCE: Duration = Duration::from_millis(500);

/// The time between two looks at whether somebody has asked for the end.
const LOOK: Duration = Duration::from_millis(50);

/// So many messages are known again.
const MOST_TOLD: usize = 100_000;

/// The signal that the end of the parent counts as.
const TERM: u8 = 15;

/// What a process is to run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    arguments: Vec<Vec<u8>>,
    inputs: Vec<Given>,
    mode: String,
    at_once: NonZeroUsize,
    output: Vec<u8>,
    /// Whether to say how far it is, in lines of [`RELAYED`].
    pub(crate) relays: bool,
}

/// An [`Input`] that can be read again.
#[derive(Debug, Serialize, Deserialize)]
enum Given {
    List(Vec<u8>),
    Copied(String, Vec<u8>),
    Url(String),
}

/// The messages that runs have printed.
#[derive(Debug)]
pub(super) struct Told {
    /// The run that is under way: `run 3 of 8: pool, 16 at once`.
    pub(super) doing: Mutex<String>,
    hashes: Mutex<HashSet<u64>>,
    /// After this many, all are printed.
    most: usize,
}

impl Told {
    /// No messages yet. Those of `-v` are printed for each run.
    pub(super) fn new(is_verbose: bool) -> Self {
        Self {
            doing: Mutex::default(),
            hashes: Mutex::default(),
            most: if is_verbose { 0 } else { MOST_TOLD },
        }
    }
}

/// What becomes of an order.
type Answer = Result<Measured, String>;

impl Order {
    /// The order to run `row` on these inputs, with the options in `arguments`.
    pub(super) fn new(options: &Options, inputs: &[Input], row: Row, output: &Path) -> Self {
        let given = |input: &Input| match input {
            Input::List(path) => Given::List(bytes(path.as_os_str())),
            Input::Copied(name, path) => Given::Copied(name.clone(), bytes(path.as_os_str())),
            Input::Url(url) => Given::Url(url.clone()),
            Input::Stdin => unreachable!("it has been copied to a file"),
        };
        Self {
            arguments: options.arguments.iter().map(|arg| bytes(arg)).collect(),
            inputs: inputs.iter().map(given).collect(),
            mode: row.mode.to_string(),
            at_once: row.at_once,
            output: bytes(output.as_os_str()),
            relays: options.has_bars,
        }
    }

    /// The order of this process, if it takes one.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(crate) fn receive() -> anyhow::Result<Option<Self>> {
        if !env::args_os().skip(1).eq(ARGUMENTS) {
            return Ok(None);
        }
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line);
        read.context("cannot read the order of `compare`")?;
        let order = serde_json::from_str(&line);
        Ok(Some(order.context("not an order of `compare`")?))
    }

    /// The arguments of the comparison.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        self.arguments.iter().cloned().map(os_string).collect()
    }

    /// The inputs of the run.
    pub(crate) fn inputs(&self) -> Vec<Input> {
        let input = |given: &Given| match given {
            Given::List(path) => Input::List(os_string(path.clone()).into()),
            Given::Copied(name, path) => {
                Input::Copied(name.clone(), os_string(path.clone()).into())
            }
            Given::Url(url) => Input::Url(url.clone()),
        };
        self.inputs.iter().map(input).collect()
    }

    /// The mode of the run, its number of links at once, and its output folder.
    pub(crate) fn run(&self) -> (Mode, NonZeroUsize, PathBuf) {
        let mode = Mode::from_str(&self.mode, false).unwrap_or_default();
        (mode, self.at_once, os_string(self.output.clone()).into())
    }
}

/// Carries out an order in this process. Returns the answer as a line.
///
/// # Errors
///
/// When there are no threads left.
pub(crate) fn run_one(config: Config) -> anyhow::Result<String> {
    let watch = || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        stop::end_unless_asked(TERM);
    };
    let watching = thread::Builder::new().spawn(watch).map_err(explained);
    watching.context("cannot start a thread that watches the comparison")?;
    let before = usage::cpu_time();
    let timeline = Arc::new(Timeline::start());
    let config = Config {
        timeline: Some(Arc::clone(&timeline)),
        ..config
    };
    let answer: Answer = match run(&config) {
        Ok(report) => Ok(Measured::new(&report, &timeline, before)),
        Err(error) => Err(format!("{error:#}")),
    };
    Ok(serde_json::to_string(&answer)? + "\n")
}

/// Lets a process carry out an order. Returns nothing if somebody has asked for the end, and it has not said how far it has come.
///
/// # Errors
///
/// When it cannot be started, or the run cannot be done.
pub(super) fn measure(
    order: &Order,
    stop: &Arc<Stop>,
    told: &Arc<Told>,
) -> anyhow::Result<Option<Measured>> {
    let program = env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(program);
    command.args(ARGUMENTS);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let child = command.stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(explained).context("cannot start a run")?;
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    let mut stdin = child.stdin.take().expect("a pipe");
    // a process that has ended already says why
    let _ = stdin.write_all(&line).and_then(|()| stdin.flush());
    let (said, answer) = mpsc::channel();
    let (last, messages_end) = mpsc::channel();
    let mut stdout = child.stdout.take().expect("a pipe");
    let stderr = child.stderr.take().expect("a pipe");
    let told = Arc::clone(told);
    let read = move || {
        let mut text = Vec::new();
        let _ = stdout.read_to_end(&mut text);
        let _ = said.send(text);
    };
    let tell = move || {
        tell_once(BufReader::new(stderr), &told);
        screen::draw(Vec::new());
        let _ = last.send(());
    };
    let readers = [
        thread::Builder::new().spawn(read),
        thread::Builder::new().spawn(tell),
    ];
    if let Some(error) = readers.into_iter().find_map(Result::err) {
        let _ = child.kill();
        let _ = child.wait();
        return Err(explained(error)).context("cannot start a thread that waits for a run");
    }
    let (mut stdin, mut asked) = (Some(stdin), None);
    let text = loop {
        match answer.recv_timeout(LOOK) {
            Ok(text) => break text,
            Err(RecvTimeoutError::Disconnected) => break Vec::new(),
            Err(RecvTimeoutError::Timeout) if stop.is_stopped() => {
                let asked: &mut Instant = asked.get_or_insert_with(Instant::now);
                if asked.elapsed() > PATIENCE {
                    stdin = None;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    };
    drop(stdin);
    let status = child.wait().context("cannot wait for a run")?;
    // a command of `--exec` may go on, and hold standard error
    let _ = messages_end.recv_timeout(PATIENCE);
    match serde_json::from_slice::<Answer>(&text) {
        Ok(Ok(measured)) => Ok(Some(measured)),
        Ok(Err(message)) => bail!(message),
        Err(_) if stop.is_stopped() => Ok(None),
        Err(_) => bail!("a run has ended without a result: {status}"),
    }
}

/// Prints the messages of a run that none has printed before, and draws its progress below them.
fn tell_once(mut messages: impl BufRead, told: &Told) {
    let mut line = Vec::new();
    while messages
        .read_until(b'\n', &mut line)
        .is_ok_and(|length| length > 0)
    {
        if let Some(progress) = line.strip_prefix(RELAYED.as_bytes()) {
            let progress = String::from_utf8_lossy(progress);
            screen::draw(vec![format!(
                "{}: {}",
                told.doing.lock(),
                progress.trim_end()
            )]);
            line.clear();
            continue;
        }
        let mut hashes = told.hashes.lock();
        let hash = hashes.hasher().hash_one(&line);
        if hashes.len() >= told.most || hashes.insert(hash) {
            log::tell(String::from_utf8_lossy(&line).trim_end_matches('\n'));
        }
        drop(hashes);
        line.clear();
    }
}

#[cfg(unix)]
fn bytes(text: &OsStr) -> Vec<u8> {
    text.as_encoded_bytes().to_vec()
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

#[cfg(not(unix))]
fn bytes(text: &OsStr) -> Vec<u8> {
    text.to_string_lossy().into_owned().into_bytes()
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> OsString {
    String::from_utf8_lossy(&bytes).into_owned().into()
}
