//! Runs the binary in an empty folder, with a deadline.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// No test needs a tenth of this; it only ends what hangs.
const DEADLINE: Duration = Duration::from_secs(90);

pub(crate) const MODES: [&str; 4] = ["sequential", "threads", "pool", "async"];

/// Every behaviour is the same in every mode.
pub(crate) fn for_each_mode(test: impl Fn(&str)) {
    for mode in MODES {
        test(mode);
    }
}

/// A folder of its own for one test, in which the binary runs and where `out` is its output folder.
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is below the sandbox")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    /// The command, without what the environment may say.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fetchpdf"));
        command
            .args(args)
            .current_dir(&self.folder)
            .env("HOME", self.folder.path())
            .stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let says_more = ["FETCHPDF_", "AWS_", "AZURE_", "GOOGLE_"]
                .iter()
                .any(|prefix| name.to_string_lossy().starts_with(prefix));
            if says_more {
                command.env_remove(name);
            }
        }
        for name in [
            "http_proxy",
            "https_proxy",
            "all_proxy",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
            "no_proxy",
            "NO_PROXY",
            "REQUEST_METHOD",
            "TERM",
            "NO_COLOR",
            "XDG_CONFIG_HOME",
            "APPDATA",
        ] {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        Running::start(self.command(args)).end()
    }

    /// Fetches a list into `out`, with retries that do not wait.
    pub(crate) fn fetch(&self, mode: &str, list: impl AsRef<[u8]>, args: &[&str]) -> Run {
        self.write("links.txt", list);
        self.run(
            &[
                &[
                    "links.txt",
                    "-o",
                    "out",
                    "--retry-delay",
                    "0",
                    "--mode",
                    mode,
                ],
                args,
            ]
            .concat(),
        )
    }

    /// The files in the output folder, without the state folder, by their paths.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.path("out"), "", &mut files);
        files
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.files().into_keys().collect()
    }

    /// What is left of transfers that have not ended well.
    pub(crate) fn parts(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("out/.fetchpdf/parts")).expect("the folder of parts");
        let paths = entries.map(|entry| entry.expect("a readable folder").path());
        paths
            .filter(|path| path.extension() == Some("part".as_ref()))
            .collect()
    }

    /// The records of the journal.
    pub(crate) fn journal(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.path("out/.fetchpdf/journal.jsonl")).expect("a journal");
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a record"))
            .collect()
    }
}

/// The same command, started by another program.
#[cfg(target_os = "linux")]
pub(crate) fn wrapped(program: &str, args: &[&str], command: &Command) -> Command {
    let mut wrapped = Command::new(program);
    wrapped
        .args(args)
        .arg(command.get_program())
        .args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    wrapped
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.map(|entry| entry.expect("a readable folder")) {
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() && name != ".fetchpdf" {
            collect(&entry.path(), &format!("{path}/"), files);
        } else if name != ".fetchpdf" {
            files.insert(path, fs::read(entry.path()).expect("a file"));
        }
    }
}

/// A process that has been started.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::spawn(command)
    }

    /// Starts it with the streams that it has.
    pub(crate) fn spawn(mut command: Command) -> Self {
        Self {
            child: command.spawn().expect("the binary starts"),
        }
    }

    /// The number of the process.
    #[cfg(target_os = "linux")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn type_in(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        stdin
            .write_all(text.as_bytes())
            .and_then(|()| stdin.flush())
            .expect("it reads");
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status();
        assert!(status.expect("kill is there").success());
    }

    /// Whether all of it stands still.
    #[cfg(target_os = "linux")]
    pub(crate) fn is_stopped(&self) -> bool {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        let state = |thread: &fs::DirEntry| fs::read_to_string(thread.path().join("stat"));
        let is_stopped =
            |stat: String| stat.rsplit(')').next().is_some_and(|s| s.starts_with(" T"));
        let mut states = threads.flatten().map(|thread| state(&thread));
        states.all(|stat| stat.is_ok_and(is_stopped))
    }

    /// Whether it has opened this file.
    #[cfg(target_os = "linux")]
    pub(crate) fn has_opened(&self, path: &Path) -> bool {
        let path = path.canonicalize().expect("a file");
        let open = fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it runs");
        open.flatten()
            .any(|file| fs::read_link(file.path()).is_ok_and(|open| open == path))
    }

    /// What all users of this machine can see of its arguments.
    #[cfg(target_os = "linux")]
    pub(crate) fn command_line(&self) -> String {
        fs::read_to_string(format!("/proc/{}/cmdline", self.child.id())).expect("it runs")
    }

    /// What the same user can see of its environment.
    #[cfg(target_os = "linux")]
    pub(crate) fn environment(&self) -> String {
        let environment = fs::read(format!("/proc/{}/environ", self.child.id()));
        String::from_utf8_lossy(&environment.expect("it runs")).into_owned()
    }

    /// The files that it has open.
    #[cfg(target_os = "linux")]
    pub(crate) fn open_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it runs");
        let links = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        links.collect()
    }

    /// From now on, it can only open files while fewer than this are open.
    #[cfg(target_os = "linux")]
    pub(crate) fn limit_open_files(&self, most: u64) {
        use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
        let id = self.child.id().try_into().expect("an id");
        let limit = Rlimit {
            current: Some(most),
            maximum: getrlimit(Resource::Nofile).maximum,
        };
        prlimit(Pid::from_raw(id), Resource::Nofile, limit).expect("it runs");
    }

    /// Reads standard output to its end.
    #[cfg(unix)]
    pub(crate) fn read_stdout(&mut self) -> String {
        let stdout = self.child.stdout.as_mut().expect("a pipe");
        let mut text = String::new();
        stdout.read_to_string(&mut text).expect("text in UTF-8");
        text
    }

    /// Reads standard error until a line of it contains `word`.
    #[cfg(unix)]
    pub(crate) fn until_it_says(&mut self, word: &str) -> String {
        let stderr = self.child.stderr.as_mut().expect("a pipe");
        let mut said = String::new();
        while !said.contains(word) {
            let mut byte = [0];
            stderr.read_exact(&mut byte).expect("it says more");
            said.push(byte[0].into());
        }
        said
    }

    /// Waits for the end of a process whose output goes elsewhere, but not for ever.
    #[cfg(target_os = "linux")]
    pub(crate) fn ends(mut self) {
        let deadline = Instant::now() + DEADLINE;
        while self.child.try_wait().expect("it runs").is_none() {
            if Instant::now() > deadline {
                let _ = self.child.kill();
                panic!("it hangs");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for the end, but not for ever.
    pub(crate) fn end(mut self) -> Run {
        drop(self.child.stdin.take());
        self.wait()
    }

    /// Waits for the end while standard input stays open.
    pub(crate) fn wait(mut self) -> Run {
        let stdout = self.child.stdout.take();
        let stdout = stdout.map_or_else(|| reader(io::empty()), reader);
        let stderr = reader(self.child.stderr.take().expect("a pipe"));
        let outputs = (stdout.recv_timeout(DEADLINE), stderr.recv_timeout(DEADLINE));
        let (Ok(stdout), Ok(stderr)) = outputs else {
            let _ = self.child.kill();
            panic!("it hangs");
        };
        let code = self.child.wait().expect("it has ended").code();
        Run {
            code,
            stdout,
            stderr,
        }
    }
}

fn reader(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe can be read");
        sender.send(String::from_utf8(bytes).expect("output in UTF-8"))
    });
    receiver
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// The number after `word` in the summary; 0 if it is not there.
    pub(crate) fn count(&self, word: &str) -> u64 {
        let rest = self.stdout.lines().find_map(|line| line.strip_prefix(word));
        let Some(rest) = rest else { return 0 };
        let number = rest
            .trim_start()
            .split(|c: char| !c.is_ascii_digit())
            .next();
        number
            .and_then(|number| number.parse().ok())
            .expect("a number")
    }

    /// Says that the list could not be read to its end.
    #[track_caller]
    pub(crate) fn breaks_with(&self, message: &str) {
        assert!(self.stderr.contains(message), "no `{message}` in {self:#?}");
        assert_eq!(self.code, Some(2), "{self:#?}");
    }

    /// Says that one link failed, with this status and message.
    #[track_caller]
    pub(crate) fn fails_with(&self, message: &str) {
        assert!(self.stderr.contains(message), "no `{message}` in {self:#?}");
        assert_eq!(
            (self.code, self.count("downloaded")),
            (Some(1), 0),
            "{self:#?}"
        );
    }
}

/// A list of these links.
pub(crate) fn list(links: impl IntoIterator<Item = String>) -> String {
    links.into_iter().fold(String::new(), |mut list, link| {
        writeln!(list, "{link}").expect("a string can be written to");
        list
    })
}

pub(crate) fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// Waits until something is so, but not for ever.
#[track_caller]
pub(crate) fn until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never happens");
        std::thread::yield_now();
    }
}
