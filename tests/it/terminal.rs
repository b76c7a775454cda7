//! The display on a terminal: what is on its screen at the end.

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::harness::{Running, Sandbox, for_each_mode, list};
use crate::server::{Server, pdf, respond, send};

/// A terminal that a process writes to.
struct Terminal {
    theirs: File,
    blocks: mpsc::Receiver<Vec<u8>>,
    written: Vec<u8>,
    columns: u16,
}

impl Terminal {
    fn new(rows: u16, columns: u16) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let ours = openpt(flags).expect("a terminal");
        grantpt(&ours)
            .and_then(|()| unlockpt(&ours))
            .expect("a terminal");
        let name = ptsname(&ours, Vec::new()).expect("a terminal");
        // not for the commands of other tests, some of which stay for a minute
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let theirs = open(name, flags, Mode::empty());
        let mut ours = File::from(ours);
        let (send, blocks) = mpsc::channel();
        let read = move || {
            let mut block = [0; 4096];
            // the end is an error
            while let Ok(length @ 1..) = ours.read(&mut block) {
                let _ = send.send(block[..length].to_vec());
            }
        };
        thread::spawn(read);
        let terminal = Self {
            theirs: theirs.expect("a terminal").into(),
            blocks,
            written: Vec::new(),
            columns,
        };
        terminal.resize(rows, columns);
        terminal
    }

    fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.theirs, size).expect("a terminal");
    }

    fn start(&self, command: Command) -> Running {
        self.start_with(command, "C.UTF-8")
    }

    fn start_with(&self, mut command: Command, locale: &str) -> Running {
        command.env("TERM", "xterm").env("LC_ALL", locale);
        command.stdout(self.stream()).stderr(self.stream());
        Running::spawn(command)
    }

    fn stream(&self) -> File {
        self.theirs.try_clone().expect("a descriptor")
    }

    /// Waits until `text` has been written.
    fn sees(&mut self, text: &str) {
        while !String::from_utf8_lossy(&self.written).contains(text) {
            self.written.extend(self.blocks.recv().expect("more text"));
        }
    }

    /// What has been written, once nobody writes any more.
    fn read(mut self) -> String {
        drop(self.theirs);
        self.written.extend(self.blocks.into_iter().flatten());
        String::from_utf8(self.written).expect("text in UTF-8")
    }

    /// The lines on a screen of any height, once nobody writes any more.
    fn screen(self) -> Vec<String> {
        let columns = usize::from(self.columns);
        let (mut lines, mut row, mut column) = (vec![Vec::new()], 0, 0);
        let text = self.read();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            match c {
                '\x1b' => {
                    let mut sequence = String::new();
                    while !sequence.ends_with(|c: char| c.is_ascii_alphabetic()) {
                        sequence.extend(rest.next().filter(|c| *c != '['));
                    }
                    let line: &mut Vec<char> = &mut lines[row];
                    match sequence.as_str() {
                        "K" => line.truncate(column),
                        "2K" => line.clear(),
                        "J" => {
                            line.truncate(column);
                            lines.truncate(row + 1);
                        }
                        up if up.ends_with('A') => {
                            let rows = up[..up.len() - 1].parse().unwrap_or(1);
                            row -= rows;
                        }
                        // rows that are cut instead of wrapped
                        "?7l" | "?7h" => {}
                        _ => assert!(sequence.ends_with('m'), "{sequence}"),
                    }
                }
                '\r' => column = 0,
                '\n' => row += 1,
                c => {
                    if column == columns {
                        (row, column) = (row + 1, 0);
                    }
                    lines.resize(lines.len().max(row + 1), Vec::new());
                    let line = &mut lines[row];
                    line.resize(line.len().max(column + 1), ' ');
                    line[column] = c;
                    column += 1;
                }
            }
            lines.resize(lines.len().max(row + 1), Vec::new());
        }
        let lines = lines.iter().map(|line| line.iter().collect::<String>());
        lines.map(|line| line.trim_end().to_owned()).collect()
    }
}

/// Answers each request only when the test has looked at the display.
fn slow_server(looked: &Arc<Barrier>) -> Server {
    let looked = Arc::clone(looked);
    Server::start(move |request, stream| {
        if request.path.starts_with("/gone") {
            return respond(stream, "404 Not Found", b"");
        }
        let body = pdf(&request.path);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        send(stream, head.as_bytes());
        send(stream, &body[..2000]);
        looked.wait();
        send(stream, &body[2000..]);
    })
}

#[test]
fn what_verify_finds_fits_a_narrow_terminal() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    let links = ["/a.pdf", "/b.pdf"].map(|path| server.url(path));
    sandbox.fetch("async", list(links), &[]).exits(0);
    let path = |name: &str| sandbox.path(&format!("out/{name}.pdf"));
    std::fs::rename(path("a"), path("mine")).expect("a file");
    std::fs::remove_file(path("b")).expect("a file");
    let terminal = Terminal::new(24, 40);
    terminal.start(sandbox.command(&["verify", "out"])).ends();
    let screen = terminal.screen().join("\n");
    let rows = "\nrenamed     1 of these found under\n            another name\n";
    assert!(screen.contains(rows), "{screen}");
    assert!(
        screen.contains("\nnext        the same command with\n"),
        "{screen}"
    );
}

#[test]
fn nothing_of_the_bars_is_left() {
    for_each_mode(|mode| {
        let looked = Arc::new(Barrier::new(2));
        let server = slow_server(&looked);
        let sandbox = Sandbox::new();
        let links = ["/gone-1.pdf", "/a.pdf", "/gone-2.pdf"];
        sandbox.write("links.txt", list(links.map(|path| server.url(path))));
        let terminal = Terminal::new(24, 80);
        let command = sandbox.command(&["links.txt", "-o", "out", "-m", mode]);
        let running = terminal.start(command);
        looked.wait();
        running.ends();
        let screen = terminal.screen();
        let all = screen.join("\n");
        let told = screen
            .iter()
            .filter(|line| line.contains("http_status: 404"));
        assert_eq!(told.count(), 2, "{all}");
        // what is on the screen is not said again
        assert_eq!(all.matches("/gone-1.pdf").count(), 1, "{all}");
        assert!(all.contains("\n\n2 http_status 404\n  hint: "), "{all}");
        assert!(all.contains("\nfiles in    out\n"), "{all}");
        assert!(!all.contains(['━', '─', '·', '%']), "{all}");
        assert!(
            screen.iter().all(|line| line.chars().count() <= 80),
            "{all}"
        );
    });
}

/// `STY` is set in GNU screen, which cuts rows whatever its own terminal does.
#[test]
fn rows_that_a_narrower_terminal_has_wrapped_are_erased() {
    let looked = Arc::new(Barrier::new(2));
    let server = slow_server(&looked);
    for (sty, is_wrapped) in [("", true), ("1.pts-0.host", false)] {
        let sandbox = Sandbox::new();
        let mut terminal = Terminal::new(24, 80);
        let name = "a-rather-long-name-of-a-paper.pdf";
        let mut command = sandbox.command(&[&server.url(&format!("/{name}")), "-o", "out"]);
        command
            .env("TERM", "xterm-kitty")
            .env("STY", sty)
            .env("LC_ALL", "C");
        command.stdout(terminal.stream()).stderr(terminal.stream());
        let running = Running::spawn(command);
        terminal.sees(&format!("  {name}"));
        terminal.resize(24, 40);
        terminal.sees("  ...");
        looked.wait();
        running.ends();
        let text = terminal.read();
        // the row of the transfer took two; that of the run may have been short
        let erased = "\x1b[A\x1b[2K\x1b[A\x1b[2K";
        assert_eq!(text.contains(erased), is_wrapped, "{text:?}");
        // those that are drawn while the terminal is resized are cut
        let [cut, wrap] = ["\x1b[?7l", "\x1b[?7h"].map(|part| text.matches(part).count());
        assert!(cut > 0 && cut == wrap, "{text:?}");
    }
}

#[test]
fn failures_that_have_left_the_screen_are_told_again() {
    let server = Server::start(|_, stream| respond(stream, "404 Not Found", b""));
    let sandbox = Sandbox::new();
    let links = (0..30).map(|number| server.url(&format!("/gone-{number}.pdf")));
    sandbox.write("links.txt", list(links));
    let terminal = Terminal::new(24, 40);
    let running = terminal.start(sandbox.command(&["links.txt", "-o", "out"]));
    running.ends();
    let screen = terminal.screen().join("\n");
    let (_, end) = screen.rsplit_once("30 http_status 404\n").expect("a group");
    assert!(end.contains("\n  and 27 more\n"), "{screen}");
    // broken between words
    assert_eq!(end.matches(":\n    404 Not Found\n").count(), 3, "{screen}");
    let told = "\n    http_status: 404 Not Found\n";
    assert_eq!(screen.matches(told).count(), 30, "{screen}");
    let hint = "  hint: these links are dead:\n    `--error-file` writes them to a list\n";
    assert!(end.contains(hint), "{screen}");
}

#[test]
fn errors_in_usage_are_broken_between_words() {
    let sandbox = Sandbox::new();
    let terminal = Terminal::new(24, 40);
    let running = terminal.start(sandbox.command(&["links.txt", "--continue"]));
    running.ends();
    let screen = terminal.screen().join("\n");
    let tip = "  tip: leave it out: the same command\n    always continues where it ended;\n";
    assert!(screen.contains(tip), "{screen}");
}

#[test]
fn records_and_bars_share_a_terminal() {
    for print in ["json", "paths"] {
        let looked = Arc::new(Barrier::new(2));
        let server = slow_server(&looked);
        let sandbox = Sandbox::new();
        let links = (0..6).map(|number| server.url(&format!("/{number}.pdf")));
        sandbox.write("links.txt", list(links));
        let terminal = Terminal::new(24, 2000);
        let args = [
            "links.txt",
            "-o",
            "out",
            "--print",
            print,
            "-m",
            "sequential",
        ];
        let running = terminal.start(sandbox.command(&args));
        for _ in 0..6 {
            looked.wait();
        }
        running.ends();
        let screen = terminal.screen();
        for (number, line) in screen.iter().take(6).enumerate() {
            let is_whole = match print {
                "json" => serde_json::from_str::<serde_json::Value>(line).is_ok(),
                _ => *line == format!("out/{number}.pdf"),
            };
            assert!(is_whole, "{}", screen.join("\n"));
        }
    }
}

#[test]
fn a_comparison_shows_how_far_a_run_is() {
    let looked = Arc::new(Barrier::new(2));
    let server = slow_server(&looked);
    let sandbox = Sandbox::new();
    let mut terminal = Terminal::new(24, 80);
    let links = [server.url("/gone.pdf"), server.url("/a.pdf")];
    sandbox.write("links.txt", list(links));
    let args = ["compare", "links.txt", "--modes", "pool,async"];
    let running = terminal.start(sandbox.command(&args));
    for doing in ["run 1 of 2: pool", "run 2 of 2: async"] {
        terminal.sees(&format!("{doing}, 16 at once: 1/2, 1 failed · "));
        looked.wait();
    }
    running.ends();
    let screen = terminal.screen();
    let all = screen.join("\n");
    assert!(!all.contains('·'), "{all}");
    let told = all.matches("http_status: 404").count();
    assert_eq!(told, 1, "{all}");
    assert!(screen.iter().any(|line| line.starts_with("mode ")), "{all}");
}

#[test]
fn failures_of_a_comparison_are_broken_between_words() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    let terminal = Terminal::new(24, 40);
    let links = ["htp://typo.invalid/a.pdf".to_owned(), server.url("/a.pdf")];
    sandbox.write("links.txt", list(links));
    let running = terminal.start(sandbox.command(&["compare", "links.txt"]));
    running.ends();
    let all = terminal.screen().join("\n");
    let words: Vec<_> = all.split_whitespace().collect();
    let message = "bad_link: only `http` and `https` links are fetched, not `htp`";
    let told: Vec<_> = message.split(' ').collect();
    let times = words.windows(told.len()).filter(|words| *words == told);
    assert_eq!(times.count(), 1, "{all}");
}

#[test]
fn bars_are_ascii_where_the_locale_is() {
    let looked = Arc::new(Barrier::new(2));
    let server = slow_server(&looked);
    for (locale, is_ascii) in [("C", true), ("en_US.UTF-8", false)] {
        let sandbox = Sandbox::new();
        let terminal = Terminal::new(24, 80);
        let mut command = sandbox.command(&[&server.url("/a.pdf"), "-o", "out"]);
        command.env("LANG", locale).env_remove("LC_CTYPE");
        let running = terminal.start_with(command, "");
        looked.wait();
        running.ends();
        let text = terminal.read();
        assert_eq!(text.is_ascii(), is_ascii, "{text}");
    }
}

#[test]
fn standard_output_has_a_width_of_its_own() {
    let server = Server::start(|_, stream| respond(stream, "404 Not Found", b""));
    let sandbox = Sandbox::new();
    let terminal = Terminal::new(24, 40);
    let mut command = sandbox.command(&[&server.url("/gone.pdf"), "-o", "out"]);
    command.stdout(terminal.stream()).stderr(Stdio::null());
    Running::spawn(command).ends();
    let text = terminal.read();
    let is_narrow = |line: &str| line.trim_end().chars().count() <= 40;
    assert!(text.lines().all(is_narrow), "{text}");
}

#[test]
fn a_terminal_that_cannot_move_its_cursor_gets_no_bars() {
    let looked = Arc::new(Barrier::new(2));
    let server = slow_server(&looked);
    let sandbox = Sandbox::new();
    let terminal = Terminal::new(24, 80);
    let args = [&server.url("/a.pdf"), "-o", "out", "--progress", "bar"];
    let mut command = sandbox.command(&args);
    command.env("TERM", "dumb").env("LC_ALL", "C");
    command.stdout(terminal.stream()).stderr(terminal.stream());
    let running = Running::spawn(command);
    looked.wait();
    running.ends();
    let text = terminal.read();
    assert!(!text.contains('\x1b'), "{text}");
}
