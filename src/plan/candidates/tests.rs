//! What follows a failure, and how far a link goes.

use std::sync::LazyLock;

use super::*;

fn url(path: &str) -> Url {
    Url::parse("https://a.example/")
        .and_then(|base| base.join(path))
        .expect("a URL")
}

fn failed(status: Status, code: u16) -> Failure {
    Failure {
        http_status: Some(code),
        ..Failure::new(status, status.word())
    }
}

/// Adds these paths, found on `page`, which is of this status by itself.
fn add(
    candidates: &mut Candidates,
    page: &str,
    found: &[(&str, Trust)],
    status: Status,
) -> Followed {
    candidates.add(&findings(&url(page), found, status))
}

fn findings<'a>(page: &'a Url, found: &[(&str, Trust)], status: Status) -> Findings<'a> {
    static NO_WORK: LazyLock<Work> = LazyLock::new(Work::default);
    let found = found.iter().map(|(path, trust)| Finding {
        url: url(path),
        rule: "rule",
        trust: *trust,
    });
    Findings {
        page,
        sent: None,
        cookies: &[],
        found: found.collect(),
        work: &NO_WORK,
        title: None,
        is_work: false,
        is_doubtful: false,
        is_partial: false,
        failure: failed(status, 200),
    }
}

/// The paths that are tried after each of these failures, and what the link fails with at last.
fn tried(found: &[(&str, Trust)], page: Status, failure: &Failure) -> (Vec<String>, Status) {
    let mut candidates = Candidates::new(url("/page"), &[url("/mirror")], &Arc::default());
    let followed = add(&mut candidates, "/page", found, page);
    assert_eq!(followed, Followed::Found);
    let mut paths = Vec::new();
    loop {
        paths.push(candidates.current().path().to_owned());
        if let Err(failure) = candidates.advance(failure.clone()) {
            return (paths, failure.status);
        }
    }
}

#[test]
fn what_is_refused_is_not_replaced_and_what_is_dead_is() {
    use Trust::{Declared, Guessed, Shown};
    let found = [
        ("/1", Declared),
        ("/2", Declared),
        ("/3", Shown),
        ("/4", Guessed),
    ];
    let refused = &["/1", "/2", "/mirror"][..];
    let dead = &["/1", "/2", "/3", "/4", "/mirror"][..];
    for (status, code, expected) in [
        (Status::HttpStatus, 401, refused),
        (Status::HttpStatus, 402, refused),
        (Status::HttpStatus, 403, refused),
        (Status::HttpStatus, 406, refused),
        (Status::HttpStatus, 451, refused),
        (Status::HttpStatus, 503, refused),
        (Status::Login, 200, refused),
        (Status::Paywall, 200, refused),
        (Status::Consent, 200, refused),
        (Status::Challenge, 200, refused),
        (Status::ScriptOnly, 200, refused),
        (Status::RateLimited, 429, refused),
        (Status::TooLarge, 200, refused),
        (Status::HttpStatus, 404, dead),
        (Status::HttpStatus, 410, dead),
        (Status::NotPdf, 200, dead),
        (Status::NoPdfLink, 200, dead),
        (Status::Gone, 200, dead),
        (Status::Tls, 0, dead),
    ] {
        let (paths, last) = tried(&found, Status::NoPdfLink, &failed(status, code));
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        assert_eq!((&paths[..], last), (expected, status));
    }
}

#[test]
fn a_page_is_read_again_if_what_it_declares_is_not_there() {
    let page = url("/page");
    let again = |failure: &Failure| {
        let mut candidates = Candidates::new(page.clone(), &[], &Arc::default());
        let found = [("/1", Trust::Declared), ("/2", Trust::Declared)];
        let findings = Findings {
            is_partial: true,
            ..findings(&page, &found, Status::NoPdfLink)
        };
        assert_eq!(candidates.add(&findings), Followed::Found);
        assert!(candidates.advance(failure.clone()).is_ok() && !candidates.is_again());
        let is_next = candidates.advance(failure.clone()).is_ok();
        is_next.then_some(candidates)
    };
    for (status, code) in [
        (Status::HttpStatus, 403),
        (Status::HttpStatus, 500),
        (Status::Paywall, 200),
        (Status::NoPdfLink, 200),
        (Status::Tls, 0),
    ] {
        assert!(again(&failed(status, code)).is_none(), "{status} {code}");
    }
    let missing = failed(Status::HttpStatus, 404);
    let mut candidates = again(&missing).expect("the page again");
    assert!(candidates.is_again() && *candidates.current() == page);
    let followed = add(
        &mut candidates,
        "/page",
        &[("/3", Trust::Shown)],
        Status::NoPdfLink,
    );
    assert_eq!(
        (followed, candidates.current().path()),
        (Followed::Found, "/3")
    );
    let way = candidates.way().expect("it was found on the page");
    assert_eq!((&*way.via.concat(), way.hops), ("rule", 1));
    let mut candidates = again(&missing).expect("the page again");
    let last = candidates
        .advance(failed(Status::NoPdfLink, 200))
        .expect_err("nothing is left");
    assert_eq!(
        (last.status, candidates.current().path()),
        (Status::HttpStatus, "/2")
    );
}

#[test]
fn the_most_telling_failure_is_that_of_the_link() {
    let missing = failed(Status::HttpStatus, 404);
    let refused = failed(Status::HttpStatus, 403);
    for (trust, page, failure, expected) in [
        (
            Trust::Declared,
            Status::NoPdfLink,
            &missing,
            Status::HttpStatus,
        ),
        (Trust::Declared, Status::Paywall, &missing, Status::Paywall),
        (Trust::Declared, Status::Paywall, &refused, Status::Paywall),
        (
            Trust::Guessed,
            Status::NoPdfLink,
            &refused,
            Status::HttpStatus,
        ),
    ] {
        let (_, status) = tried(&[("/1", trust)], page, failure);
        assert_eq!(status, expected, "{trust:?} {page} {failure}");
    }
    let mut candidates = Candidates::new(url("/page"), &[], &Arc::default());
    add(
        &mut candidates,
        "/page",
        &[("/1", Trust::Guessed)],
        Status::NoPdfLink,
    );
    let last = candidates
        .advance(missing)
        .expect_err("it was the last one");
    assert_eq!(last.status, Status::NoPdfLink);
}

#[test]
fn a_link_has_so_many_pages_and_requests() {
    let mut candidates = Candidates::new(url("/page"), &[], &Arc::default());
    let mut requests = 1;
    let names: Vec<_> = (0..100).map(|number| format!("/{number}")).collect();
    for page in names.chunks(4) {
        let found: Vec<_> = page.iter().map(|path| (&**path, Trust::Declared)).collect();
        let at = candidates.current().clone();
        if add(&mut candidates, at.path(), &found, Status::NoPdfLink) != Followed::Found {
            break;
        }
        requests += 1;
    }
    while candidates.advance(failed(Status::HttpStatus, 404)).is_ok() {
        requests += 1;
    }
    assert_eq!(requests, MAX_REQUESTS);
}
