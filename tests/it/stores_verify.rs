//! `fetchpdf verify` of a bucket.

use crate::harness::{Run, Running, for_each_mode};
use crate::s3::S3;
use crate::server::pdf;
use crate::stores::Stage;

fn verify(stage: &Stage, args: &[&str]) -> Run {
    let args = [&["verify"], args].concat();
    Running::start(stage.s3.command(&stage.sandbox, &args)).end()
}

#[test]
fn good_objects_take_no_request_but_the_list() {
    for_each_mode(|mode| {
        let stage = Stage::new(60);
        stage.run(mode, "state", &[]).exits(0);
        let output = S3::output("/p");
        for args in [
            &[&*output, "--state", "state"][..],
            &["-o", &output, "--state", "state"],
            // the journals in the bucket have it, too
            &[&output],
        ] {
            let before = stage.s3.asked("GET").len() + stage.s3.asked("HEAD").len();
            let run = verify(&stage, args).exits(0);
            assert_eq!(
                (run.count("good"), run.count("unknown")),
                (60, 0),
                "{run:#?}"
            );
            let after = stage.s3.asked("GET").len() + stage.s3.asked("HEAD").len();
            assert_eq!(before, after, "{args:?}");
        }
        let before = stage.s3.asked("GET").len();
        let run = verify(&stage, &[&output, "--deep"]).exits(0);
        assert_eq!(run.count("good"), 60, "{run:#?}");
        assert_eq!(stage.s3.asked("GET").len(), before + 60);
        stage.assert_complete();
    });
}

#[test]
fn objects_that_are_not_as_they_were_are_told() {
    let stage = Stage::new(8);
    stage.run("async", "state", &[]).exits(0);
    let (s3, output) = (&stage.s3, S3::output("/p"));
    let args = [&*output, "--state", "state"];
    s3.remove("p/0.pdf");
    s3.insert("p/1.pdf", b"short");
    let mut other = pdf("/2.pdf");
    other[1000] ^= 1;
    s3.insert("p/2.pdf", &other);
    s3.insert("p/of/somebody.pdf", b"else");
    s3.insert("not/below.pdf", b"else");
    // a copy by other means, and damage that a store does not know of
    s3.retag("p/3.pdf");
    s3.damage("p/4.pdf", |body| body[1000] ^= 1);
    s3.damage("p/5.pdf", |body| body[..5].copy_from_slice(b"<html"));
    let run = verify(&stage, &args).exits(1);
    let counts = |run: &Run| {
        [
            "good",
            "missing",
            "changed",
            "not_pdf",
            "unreadable",
            "unknown",
        ]
        .map(|word| run.count(word))
    };
    assert_eq!(counts(&run), [5, 1, 2, 0, 0, 1], "{run:#?}");
    for said in [
        "0.pdf: missing: http",
        "1.pdf: changed: http",
        "2.pdf: changed: http",
    ] {
        assert!(run.stderr.contains(said), "no `{said}`: {run:#?}");
    }
    let deep = verify(&stage, &[&args[..], &["--deep"]].concat()).exits(1);
    assert_eq!(counts(&deep), [3, 1, 3, 1, 0, 1], "{deep:#?}");
    assert!(deep.stderr.contains("5.pdf: not_pdf: http"), "{deep:#?}");
    assert_eq!(s3.unexpected(), [""; 0]);

    let run = verify(&stage, &[&args[..], &["--refetch"]].concat());
    assert_eq!(run.count("downloaded"), 3, "{run:#?}");
    assert_eq!(*s3.objects()["p/0.pdf"].body, *pdf("/0.pdf"));
    assert_eq!(*s3.objects()["p/1.pdf"].body, *b"short", "it is kept");
    let run = verify(&stage, &args).exits(0);
    assert_eq!(run.count("good"), 8, "{run:#?}");
}

#[test]
fn bucket_or_journal_that_is_not_there_ends_it() {
    let stage = Stage::new(1);
    let run = verify(&stage, &[&S3::output("/p"), "--state", "state"]).exits(2);
    assert!(run.stderr.contains("journal"), "{run:#?}");
    let run = verify(&stage, &[&S3::output("/p")]).exits(2);
    assert!(run.stderr.contains("journal"), "{run:#?}");
    stage.run("async", "state", &[]).exits(0);
    let run = verify(&stage, &[&S3::output("/q"), "--state", "state"]).exits(2);
    assert!(run.stderr.contains("s3://bucket/p"), "{run:#?}");
    let run = verify(&stage, &["s3://other/p"]).exits(2);
    assert!(run.stderr.contains("other"), "{run:#?}");
    let run = verify(&stage, &[&S3::output("/p"), "--refetch"]).exits(2);
    assert!(run.stderr.contains("--state"), "{run:#?}");
}
