//! What servers can make the client hold: windows, header sections, and responses without an end.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};

use crate::harness::{Sandbox, for_each_mode};

/// The settings of RFC 9113 section 6.5.2 that a client of HTTP/2 begins with.
fn settings(listener: &TcpListener) -> Vec<(u16, u32)> {
    let (mut stream, _) = listener.accept().expect("a connection");
    let mut head = [0; 24 + 9];
    stream.read_exact(&mut head).expect("a preface and a frame");
    let [.., high, middle, low, kind, _, _, _, _, _] = head;
    assert_eq!(kind, 4, "SETTINGS comes first");
    let length = u32::from_be_bytes([0, high, middle, low]);
    let mut payload = vec![0; usize::try_from(length).expect("24 bits")];
    stream.read_exact(&mut payload).expect("a payload");
    let (settings, rest) = payload.as_chunks();
    assert!(rest.is_empty());
    let setting =
        |&[a, b, rest @ ..]: &[u8; 6]| (u16::from_be_bytes([a, b]), u32::from_be_bytes(rest));
    settings.iter().map(setting).collect()
}

#[test]
fn streams_of_many_jobs_have_small_windows() {
    const INITIAL_WINDOW_SIZE: u16 = 4;
    for_each_mode(|mode| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let link = format!(
            "http://{}/x.pdf",
            listener.local_addr().expect("it is bound")
        );
        let server = std::thread::spawn(move || settings(&listener));
        let sandbox = Sandbox::new();
        let args = ["--http2", "-j", "256", "--retry", "0"];
        sandbox.fetch(mode, link, &args).exits(1);
        let settings = server.join().expect("no panic");
        let window = settings
            .iter()
            .find(|(name, _)| *name == INITIAL_WINDOW_SIZE);
        let expected = if mode == "sequential" {
            8 << 20
        } else {
            256 << 10
        };
        assert_eq!(window.map(|(_, size)| *size), Some(expected), "{mode}");
    });
}
