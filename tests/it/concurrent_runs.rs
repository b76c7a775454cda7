//! Concurrent and killed processes in one folder.

use crate::harness::{Running, Sandbox, for_each_mode, list};
use crate::server::{Server, ok, pdf, pdf_of};

fn body(path: &str) -> Vec<u8> {
    // some with a named part, most without
    if path.ends_with("7.pdf") {
        pdf_of(path, 1_500_000)
    } else {
        pdf(path)
    }
}

#[test]
fn concurrent_runs_fetch_each_file_once() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| ok(stream, &body(&request.path)));
        let sandbox = Sandbox::new();
        sandbox.write(
            "links.txt",
            list((0..40).map(|n| server.url(&format!("/{n}.pdf")))),
        );
        let args = ["links.txt", "-o", "out", "-m", mode];
        let running: Vec<_> = (0..3)
            .map(|_| Running::start(sandbox.command(&args)))
            .collect();
        for process in running {
            process.end().exits(0);
        }
        let files = sandbox.files();
        assert_eq!(files.len(), 40, "{:?}", files.keys());
        for (name, content) in files {
            assert!(content == body(&format!("/{name}")), "{name}");
        }
        assert!(crate::harness::is_empty(
            &sandbox.path("out/.fetchpdf/parts")
        ));
        let run = sandbox.run(&args).exits(0);
        assert_eq!(run.count("present"), 40);
    });
}

#[cfg(unix)]
#[test]
fn killed_run_leaves_only_valid_files() {
    use crate::harness::until;
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| ok(stream, &body(&request.path)));
        let sandbox = Sandbox::new();
        sandbox.write(
            "links.txt",
            list((0..60).map(|n| server.url(&format!("/{n}.pdf")))),
        );
        let args = ["links.txt", "-o", "out", "-m", mode, "-j", "4"];
        for kill_after in [1, 10, 30] {
            let running = Running::start(sandbox.command(&args));
            until(|| server.requests().len() >= kill_after || sandbox.names().len() >= kill_after);
            running.signal("KILL");
            running.wait();
            for (name, content) in sandbox.files() {
                assert!(content == body(&format!("/{name}")), "{name}");
            }
        }
        sandbox.run(&args).exits(0);
        let files = sandbox.files();
        assert_eq!(files.len(), 60, "no copies: {:?}", files.keys());
        assert!(
            files
                .iter()
                .all(|(name, content)| *content == body(&format!("/{name}")))
        );
        assert!(crate::harness::is_empty(
            &sandbox.path("out/.fetchpdf/parts")
        ));
    });
}
