//! `--exec`: commands run for new files.

#[cfg(target_os = "linux")]
use crate::harness::wrapped;
use crate::harness::{Running, Sandbox, for_each_mode, list, until};
use crate::server::Server;

#[test]
fn command_runs_for_each_new_file_without_a_shell() {
    let server = Server::of_pdfs();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let links = list(["/a.pdf", "/$(touch%20x);b.pdf"].map(|path| server.url(path)));
        let run = |links: &str| {
            let exec = ["--exec", "cp {} 'copy of {/.}'", "--json"];
            sandbox.fetch(mode, links, &exec).exits(0)
        };
        run(&links);
        for (copy, path) in [
            ("copy of a", "/a.pdf"),
            ("copy of $(touch x);b", "/$(touch%20x);b.pdf"),
        ] {
            let copied = std::fs::read(sandbox.path(copy));
            assert!(
                copied.is_ok_and(|copied| copied == crate::server::pdf(path)),
                "{copy}"
            );
        }
        assert!(!sandbox.path("x").exists());
        // not for what is here already
        std::fs::remove_file(sandbox.path("copy of a")).expect("it is there");
        run(&links);
        assert!(!sandbox.path("copy of a").exists());
    });
}

#[test]
fn file_that_the_command_changes_is_still_that_of_its_link() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let links = list(["/a.pdf", "/b.pdf"].map(|path| server.url(path)));
        let command = "sh -c 'echo more >> $0; test $0 != out/b.pdf || test -e done' {}";
        let args = ["--exec", command, "--sha256"];
        sandbox.fetch(mode, &links, &args).exits(1);
        sandbox.write("done", "");
        for _ in 0..2 {
            let run = sandbox.fetch(mode, &links, &args).exits(0);
            assert_eq!(
                (run.count("present"), server.requests().len()),
                (2, 2),
                "{run:?}"
            );
        }
        assert_eq!(sandbox.names(), ["a.pdf", "b.pdf"]);
    });
}

#[test]
fn failed_command_is_reported_and_file_is_kept() {
    let server = Server::of_pdfs();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let links = list(["/a.pdf", "/b.pdf"].map(|path| server.url(path)));
        let command = "sh -c 'echo out; echo why >&2; case $0 in *a.pdf) exit 3;; esac' {}";
        let args = ["--exec", command, "--report", "run.jsonl"];
        let run = sandbox.fetch(mode, links, &args).exits(1);
        assert_eq!(
            (
                run.count("downloaded"),
                run.count("failed"),
                run.count("commands")
            ),
            (2, 0, 1)
        );
        let said = "downloaded: a.pdf, but `sh` failed with exit code 3: why\n";
        assert!(
            run.stderr.contains(said) && run.stderr.contains("out\n"),
            "{run:?}"
        );
        let next = "next        run the same command again: it repeats the commands that failed\n";
        assert!(run.stdout.ends_with(next), "{run:?}");
        assert_eq!(sandbox.names(), ["a.pdf", "b.pdf"]);
        let report = std::fs::read_to_string(sandbox.path("run.jsonl")).expect("a report");
        let errors: Vec<_> = report
            .lines()
            .filter(|line| line.contains("\"exec_error\":\"`sh` failed"))
            .collect();
        assert!(
            errors.len() == 1 && errors[0].contains("/a.pdf"),
            "{report}"
        );

        let run = sandbox
            .fetch(mode, server.url("/d.pdf"), &["--exec", "no-such-program"])
            .exits(2);
        assert!(
            run.stderr.contains("cannot run `no-such-program`"),
            "{run:?}"
        );
        sandbox.write("plain.sh", "exit 0");
        let run = sandbox
            .fetch(mode, server.url("/d.pdf"), &["--exec", "./plain.sh"])
            .exits(2);
        let told = "cannot run `./plain.sh` (`--exec`): it is not an executable file";
        assert!(!cfg!(unix) || run.stderr.contains(told), "{run:?}");
        // known before anything is fetched
        assert!(server.requests().iter().all(|r| r.path != "/d.pdf"));
        let run = sandbox
            .fetch(mode, server.url("/c.pdf"), &["--exec", "a 'b"])
            .exits(2);
        assert!(run.stderr.contains("unclosed quote"), "{run:?}");
    });
}

#[test]
fn failed_command_is_rerun_without_fetching() {
    let server = Server::of_pdfs();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let links = list(["/a.pdf", "/b.pdf"].map(|path| server.url(path)));
        let run = |command: &str| sandbox.fetch(mode, &links, &["--exec", command]);
        let before = server.requests().len();
        let first = run("sh -c 'case $0 in *a.pdf) exit 3;; esac' {}").exits(1);
        assert_eq!(first.count("commands"), 1);
        let again = run("sh -c 'echo ran-for $0 >&2' {/}").exits(0);
        assert_eq!((again.count("present"), again.count("downloaded")), (2, 0));
        assert!(again.stderr.contains("ran-for a.pdf"), "{again:?}");
        assert!(!again.stderr.contains("ran-for b.pdf"), "{again:?}");
        let done = run("sh -c 'echo ran-for $0 >&2' {/}").exits(0);
        assert!(!done.stderr.contains("ran-for"), "{done:?}");
        assert_eq!(server.requests().len() - before, 2);
    });
}

#[test]
fn interrupted_command_is_rerun_by_the_next_run() {
    let server = Server::of_pdfs();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let link = server.url("/a.pdf");
        let args = |command| [link.as_str(), "-o", "out", "-m", mode, "--exec", command];
        // what a command leaves behind with its pipes is not waited for either
        let mut running =
            Running::start(sandbox.command(&args("sh -c 'sleep 60 & echo begun >&2; wait'")));
        running.until_it_says("begun");
        running.signal("INT");
        running.end().exits(130);
        let next = sandbox.run(&args("sh -c 'echo finished >&2; sleep 60 &'"));
        assert!(next.exits(0).stderr.contains("finished\n"));
        let run = sandbox.run(&args("false")).exits(0);
        assert_eq!(run.count("present"), 1);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn command_is_ended_with_an_interrupted_run() {
    let server = Server::of_pdfs();
    for_each_mode(|mode| {
        for trap in ["", "trap '' TERM;"] {
            // in one mode, because it takes the whole time that a command has to end
            if !trap.is_empty() && mode != "pool" {
                continue;
            }
            let sandbox = Sandbox::new();
            let link = server.url("/a.pdf");
            let command = format!("sh -c \"{trap} sleep 1000 & echo $$ $! >&2; wait; sleep 1000\"");
            let args = [&link, "-o", "out", "-m", mode, "--exec", &command, "-q"];
            let mut running = Running::start(sandbox.command(&args));
            let said = running.until_it_says("\n");
            running.signal("INT");
            running.end().exits(130);
            for id in said.split_whitespace() {
                // nobody may have taken note of its end
                let state = || std::fs::read_to_string(format!("/proc/{id}/stat"));
                until(|| state().map_or(true, |state| state.contains(") Z ")));
            }
        }
    });
}

#[test]
#[cfg(target_os = "linux")]
fn command_has_the_original_limit_of_open_files() {
    let server = Server::of_pdfs();
    for_each_mode(|mode| {
        for jobs in ["2", "300"] {
            let sandbox = Sandbox::new();
            let link = server.url("/a.pdf");
            let args = [&link, "-o", "out", "-m", mode, "-j", jobs];
            let exec = ["--exec", "sh -c 'ulimit -Sn >&2; echo \"$0\" >&2'"];
            let fetchpdf = sandbox.command(&[&args[..], &exec].concat());
            let limit = "ulimit -Sn 200; exec \"$0\" \"$@\"";
            let limited = wrapped("sh", &["-c", limit], &fetchpdf);
            let run = Running::start(limited).end().exits(0);
            assert!(run.stderr.ends_with("200\nout/a.pdf\n"), "{run:?}");
        }
    });
}
