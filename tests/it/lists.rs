//! Reading lists: valid and invalid lines, and when they are read.

use std::process::Stdio;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use crate::harness::{Running, Sandbox, for_each_mode, list};
use crate::server::{Server, ok, pdf};

#[test]
fn comments_blank_lines_bom_and_crlf_are_accepted() {
    let server = Server::of_pdfs();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let (a, b, c) = (
            server.url("/a.pdf"),
            server.url("/b.pdf"),
            server.url("/c.pdf"),
        );
        let text = format!("\u{feff}# papers\r\n\r\n{a}\r\n  \t \r\n   {b}  \n  # indented\n\n{c}");
        sandbox.fetch(mode, text, &[]).exits(0);
        assert_eq!(sandbox.names(), ["a.pdf", "b.pdf", "c.pdf"]);
    });
}

#[test]
fn bad_lines_are_reported_with_their_position() {
    let server = Server::of_pdfs();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let mut text = b"ftp://a.example/x.pdf\nfile:///etc/passwd\ngarbage\n/etc/passwd\n-o\n\xff\xfe\x00\nhttp://\n".to_vec();
        text.extend(vec![b'x'; 100_000]);
        text.extend(format!("\n{}\n", server.url("/good.pdf")).into_bytes());
        let run = sandbox.fetch(mode, text, &[]).exits(1);
        assert_eq!((run.count("downloaded"), run.count("failed")), (1, 8));
        assert_eq!(sandbox.names(), ["good.pdf"]);
        for line in 1..=8 {
            let place = format!("links.txt:{line}: ");
            let said = run
                .stderr
                .lines()
                .find(|text| text.starts_with(&place))
                .expect("a message for each line");
            assert!(said.contains(": bad_link: ") && said.len() < 300, "{said}");
            assert!(!said.chars().any(char::is_control), "{said:?}");
        }
    });
}

#[test]
fn duplicates_are_fetched_once() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let link = server.url("/a.pdf");
        let run = sandbox
            .fetch(
                mode,
                format!("{link}\n{link}#page=7\n{link}\n{link}?v=2\n"),
                &[],
            )
            .exits(0);
        assert_eq!(
            (
                run.count("downloaded"),
                run.count("duplicate"),
                run.count("failed")
            ),
            (2, 2, 0)
        );
        assert_eq!(server.requests().len(), 2);
    });
}

#[test]
fn inputs_are_read_in_order() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    sandbox.write("one.txt", server.url("/1.pdf"));
    sandbox.write(
        "two.txt",
        format!("# two\n{}\nnonsense\n", server.url("/2.pdf")),
    );
    let mut command = sandbox.command(&[
        "one.txt",
        "-",
        &server.url("/3.pdf"),
        "two.txt",
        "-o",
        "out",
    ]);
    command.stdin(Stdio::piped());
    let mut running = Running::start(command);
    running.type_in(&server.url("/4.pdf"));
    let run = running.end().exits(1);
    assert!(
        run.stderr.contains("two.txt:3: nonsense: bad_link"),
        "{run:?}"
    );
    assert_eq!(sandbox.names(), ["1.pdf", "2.pdf", "3.pdf", "4.pdf"]);
}

#[test]
fn standard_input_is_the_default() {
    let server = Server::of_pdfs();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let mut command = sandbox.command(&["-o", "out", "-m", mode]);
        command.stdin(Stdio::piped());
        let mut running = Running::start(command);
        running.type_in(&server.url("/a.pdf"));
        running.end().exits(0);
        assert_eq!(sandbox.names(), ["a.pdf"]);
    });
}

#[test]
fn links_from_an_open_pipe_are_fetched() {
    for_each_mode(|mode| {
        let (asked, answers) = mpsc::channel();
        let asked = Mutex::new(asked);
        let server = Server::start(move |request, stream| {
            ok(stream, &pdf(&request.path));
            let _ = asked.lock().expect("no panic").send(request.path.clone());
        });
        let sandbox = Sandbox::new();
        let mut command = sandbox.command(&["-", "-o", "out", "-m", mode]);
        command.stdin(Stdio::piped());
        let mut running = Running::start(command);
        for path in ["/1.pdf", "/2.pdf", "/3.pdf"] {
            running.type_in(&format!("{}\n", server.url(path)));
            // the pipe is open, and more may come, but this one has been asked for
            assert_eq!(
                answers.recv_timeout(Duration::from_mins(1)).as_deref(),
                Ok(path)
            );
        }
        let run = running.end().exits(0);
        assert_eq!(run.count("downloaded"), 3);
    });
}

#[test]
fn long_lists_are_read_completely() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    let run = sandbox
        .fetch(
            "async",
            list((0..5000).map(|n| server.url(&format!("/{n}.pdf")))),
            &[],
        )
        .exits(0);
    assert_eq!(run.count("downloaded"), 5000);
    assert_eq!(sandbox.files().len(), 5000);
}

#[test]
fn unreadable_list_ends_the_run() {
    let sandbox = Sandbox::new();
    let server = Server::of_pdfs();
    for list in ["missing.txt", "."] {
        let run = sandbox
            .run(&[&server.url("/a.pdf"), list, "-o", "out"])
            .exits(2);
        assert!(
            run.stderr
                .contains(&format!("cannot read the list `{list}`")),
            "{run:?}"
        );
    }
    assert!(server.requests().is_empty());
}

#[test]
fn empty_list_succeeds() {
    for_each_mode(|mode| {
        let run = Sandbox::new()
            .fetch(mode, "# nothing yet\n\n", &[])
            .exits(0);
        assert_eq!(run.stdout, "downloaded  0\n");
        assert!(run.stderr.starts_with("links.txt: no links: "), "{run:?}");
    });
}
