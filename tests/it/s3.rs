//! A double of S3 on loopback: one bucket, addressed by path, that keeps objects in memory, checks every signature and
//! checksum, and fails when a test says so. Each request is atomic: an object is made when its body has been read to the end
//! and found to be what its headers say, and until then there is nothing to see of it.
//!
//! It knows what object stores are asked here: PUT (`If-None-Match: *`, `If-Match`), HEAD, GET (also ranges), COPY, DELETE of
//! one object or many, and LIST (version 2). Whatever else is asked is kept as [`unexpected`](S3::unexpected).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::Md5;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use crate::harness::{Sandbox, until};
use crate::server::{Server, close, send, text_of};

pub(crate) const BUCKET: &str = "bucket";
pub(crate) const KEY_ID: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub(crate) const REGION: &str = "eu-central-1";

/// How many objects a page of a list has: fewer than S3 puts there, so that small lists have several.
const PAGE: usize = 50;

/// How far clocks may be apart.
const SKEW: Duration = Duration::from_mins(15);

/// What a canonical request encodes: all but the unreserved characters.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The same for paths.
const STRICT_PATH: &AsciiSet = &STRICT.remove(b'/');

/// What a client has asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// `LIST` for the objects of the bucket, `COPY` for a PUT of another object, else the method.
    pub(crate) method: String,
    /// The key of the object, decoded; empty for the bucket.
    pub(crate) key: String,
    /// How many requests of this method for the same key came before.
    pub(crate) earlier: usize,
    /// Tells the connection from others.
    pub(crate) connection: usize,
    /// The path and the query as they were sent.
    target: String,
    verb: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it is about something that the program keeps for itself.
    pub(crate) fn is_of_state(&self) -> bool {
        is_of_state(&self.key) || self.query("prefix").is_some_and(is_of_state)
    }
}

fn is_of_state(key: &str) -> bool {
    key.split('/').any(|part| part == ".fetchpdf")
}

/// When a test is asked what goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The head of a request has been read, and nothing of its body.
    Asked,
    /// What was asked for has been done, and nobody has been told.
    Done,
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// An error with this status and code, and these headers. The body of the request is read first.
    Answer(u16, &'static str, &'static str),
    /// The connection is closed without an answer. At [`Moment::Done`], the answer is lost.
    Gone,
    /// The connection is closed when half of the body has been read, or half of an object sent.
    CutShort,
    /// There is no answer, and the connection stays open until the client has enough.
    Silent,
}

impl Fault {
    /// Another request for the same key is under way.
    pub(crate) const CONFLICT: Self = Self::Answer(409, "ConditionalRequestConflict", "");
    /// There is such an object already, which need not be true.
    pub(crate) const EXISTS: Self = Self::Answer(412, "PreconditionFailed", "");
    pub(crate) const SLOW_DOWN: Self = Self::Answer(503, "SlowDown", "");
    pub(crate) const INTERNAL: Self = Self::Answer(500, "InternalError", "");
    pub(crate) const DENIED: Self = Self::Answer(403, "AccessDenied", "");
}

/// An object as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) body: Arc<[u8]>,
    pub(crate) etag: String,
    /// Its metadata, `Content-Type` and the like, with names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    sha256: [u8; 32],
    modified: SystemTime,
}

impl Object {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Its SHA-256 in hexadecimal.
    pub(crate) fn sha256(&self) -> String {
        hex(&self.sha256)
    }
}

type Faults = dyn Fn(&Request, Moment) -> Option<Fault> + Send + Sync;

/// A bucket, and what has been asked of it.
pub(crate) struct S3 {
    port: u16,
    /// What whoever asks the machine for credentials gets to.
    machine: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Object>,
    requests: Vec<Request>,
    /// Each object that was ever made, in order.
    made: Vec<(String, Object)>,
    unexpected: Vec<String>,
    connections: usize,
    /// Connections that are open.
    open: usize,
    uploads: usize,
    most_uploads: usize,
}

impl S3 {
    /// An empty bucket where nothing goes wrong.
    pub(crate) fn start() -> Self {
        Self::with_faults(|_, _| None)
    }

    /// An empty bucket that asks `faults` twice for each request, and about what it has done of those that do something.
    pub(crate) fn with_faults(
        faults: impl Fn(&Request, Moment) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, faults): (_, Arc<Faults>) = (Arc::clone(&state), Arc::new(faults));
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().flatten().enumerate() {
                let (state, faults) = (Arc::clone(&shared), Arc::clone(&faults));
                state.lock().expect("no panic").open += 1;
                std::thread::spawn(move || {
                    let session = Session {
                        state: &state,
                        faults: &*faults,
                        connection,
                        stream,
                        is_uploading: false,
                    };
                    session.serve();
                    state.lock().expect("no panic").open -= 1;
                });
            }
        });
        let machine = Server::of_pdfs();
        Self {
            port,
            machine,
            state,
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What to say for `-o`, with a prefix such as `/papers`, or none.
    pub(crate) fn output(prefix: &str) -> String {
        format!("s3://{BUCKET}{prefix}")
    }

    /// Gives `command` static credentials for this bucket. To ask the metadata service for others is
    /// [`unexpected`](S3::unexpected).
    pub(crate) fn equip(&self, command: &mut Command) {
        for (name, value) in self.environment() {
            command.env(name, value);
        }
    }

    pub(crate) fn environment(&self) -> [(&'static str, String); 6] {
        [
            ("AWS_ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_METADATA_ENDPOINT", self.machine.url("")),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ]
    }

    /// The command in `sandbox` with credentials for this bucket.
    pub(crate) fn command(&self, sandbox: &Sandbox, args: &[&str]) -> Command {
        let mut command = sandbox.command(args);
        self.equip(&mut command);
        command
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    /// The objects that there are, except for those that the program keeps for itself.
    pub(crate) fn objects(&self) -> BTreeMap<String, Object> {
        let mut objects = self.all_objects();
        objects.retain(|key, _| !is_of_state(key));
        objects
    }

    /// The objects that there are.
    pub(crate) fn all_objects(&self) -> BTreeMap<String, Object> {
        self.state().objects.clone()
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.objects().into_keys().collect()
    }

    /// Each object that was ever made, in order, except for those that the program keeps for itself.
    pub(crate) fn made(&self) -> Vec<(String, Object)> {
        let made = self.state().made.clone();
        made.into_iter()
            .filter(|(key, _)| !is_of_state(key))
            .collect()
    }

    /// Puts an object there without a request.
    pub(crate) fn insert(&self, key: &str, body: &[u8]) {
        let object = Object::new(body, BTreeMap::new());
        self.state().objects.insert(key.to_owned(), object);
    }

    pub(crate) fn remove(&self, key: &str) {
        self.state()
            .objects
            .remove(key)
            .expect("there is such an object");
    }

    /// Gives an object another `ETag`, as some ways of copying do.
    pub(crate) fn retag(&self, key: &str) {
        let mut state = self.state();
        let object = state.objects.get_mut(key).expect("there is such an object");
        "\"0123456789abcdef0123456789abcdef-2\"".clone_into(&mut object.etag);
    }

    /// Changes bytes of an object behind the back of everybody.
    pub(crate) fn damage(&self, key: &str, change: impl Fn(&mut [u8])) {
        let mut state = self.state();
        let object = state.objects.get_mut(key).expect("there is such an object");
        let mut body = object.body.to_vec();
        change(&mut body);
        object.body = body.into();
    }

    /// Waits until all is done that ended processes have asked for.
    pub(crate) fn settle(&self) {
        let mut last = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("it listens");
        last.shutdown(Shutdown::Write).expect("a connection");
        // it is accepted after all others, and closed because it asks for nothing
        let _ = last.read_to_end(&mut Vec::new());
        until(|| self.state().open == 0);
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    /// The requests so far with this method; those about what the program keeps for itself are left out.
    pub(crate) fn asked(&self, method: &str) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| request.method == method && !request.is_of_state());
        requests
    }

    pub(crate) fn connections(&self) -> usize {
        self.state().connections
    }

    /// The highest number of PUTs that were under way at once.
    pub(crate) fn most_uploads(&self) -> usize {
        self.state().most_uploads
    }

    /// What was asked that nobody may ask: wrong signatures and checksums, other buckets, other services.
    pub(crate) fn unexpected(&self) -> Vec<String> {
        let of_machine = self.machine.requests();
        let of_machine = of_machine
            .iter()
            .map(|request| format!("{} {}, of the machine", request.method, request.path));
        of_machine.chain(self.state().unexpected.clone()).collect()
    }

    /// Nobody has asked for what nobody may ask for, and each object that there ever was is whole, as `is_whole` says of a
    /// key and a body, and was made once.
    #[track_caller]
    pub(crate) fn assert_clean(&self, is_whole: impl Fn(&str, &[u8]) -> bool) {
        assert_eq!(self.unexpected(), [""; 0]);
        let mut keys = BTreeSet::new();
        for (key, object) in self.made() {
            assert!(
                is_whole(&key, &object.body),
                "`{key}` was not whole: {} bytes",
                object.body.len()
            );
            assert!(keys.insert(key.clone()), "`{key}` was made twice");
        }
    }
}

impl Object {
    fn new(body: &[u8], headers: BTreeMap<String, String>) -> Self {
        Self {
            body: body.into(),
            etag: format!("\"{}\"", hex(&Md5::digest(body))),
            sha256: Sha256::digest(body).into(),
            headers,
            modified: SystemTime::now(),
        }
    }

    /// What answers say of it.
    fn head(&self) -> String {
        let modified = httpdate::fmt_http_date(self.modified);
        let mut head = format!(
            "ETag: {}\r\nLast-Modified: {modified}\r\nAccept-Ranges: bytes\r\n",
            self.etag
        );
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n").expect("a string can be written to");
        }
        head
    }
}

/// An answer.
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn new(status: u16) -> Self {
        Self {
            status,
            head: String::new(),
            body: Vec::new(),
        }
    }

    fn xml(body: &str) -> Self {
        Self {
            head: "Content-Type: application/xml\r\n".to_owned(),
            body: format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}").into_bytes(),
            ..Self::new(200)
        }
    }

    fn error(status: u16, code: &str) -> Self {
        let message = "As the test has asked for, or because the request is wrong.";
        Self {
            status,
            ..Self::xml(&format!(
                "<Error><Code>{code}</Code><Message>{message}</Message></Error>"
            ))
        }
    }

    fn with(mut self, head: &str) -> Self {
        self.head.push_str(head);
        self
    }
}

/// Why a connection does not go on.
struct Over;

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// A connection.
struct Session<'a> {
    state: &'a Mutex<State>,
    faults: &'a Faults,
    connection: usize,
    stream: TcpStream,
    is_uploading: bool,
}

impl Session<'_> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    fn serve(mut self) {
        self.state().connections += 1;
        self.stream.set_nodelay(true).expect("a connection");
        let mut reader = BufReader::new(self.stream.try_clone().expect("a connection"));
        while let Ok(Some(request)) = self.read_head(&mut reader) {
            if request.verb == "PUT" {
                self.is_uploading = true;
                let mut state = self.state();
                state.uploads += 1;
                state.most_uploads = state.most_uploads.max(state.uploads);
            }
            let went_on = self.answer(&request, &mut reader);
            self.end_upload();
            if went_on.is_err() {
                break;
            }
        }
        close(&mut self.stream);
    }

    fn read_head(&self, reader: &mut impl BufRead) -> io::Result<Option<Request>> {
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            if reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            line.pop();
            match text_of(line) {
                line if line.is_empty() => break,
                line => lines.push(line),
            }
        }
        let mut words = lines[0].split(' ');
        let verb = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default().to_owned();
        let headers = lines[1..].iter().filter_map(|line| line.split_once(':'));
        let headers: Vec<_> = headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let query: Vec<_> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| {
                (
                    decoded(&name.replace('+', " ")),
                    decoded(&value.replace('+', " ")),
                )
            })
            .collect();
        let path = decoded(path);
        let key = path.strip_prefix(&format!("/{BUCKET}/"));
        let is_list = query.iter().any(|(name, _)| name == "list-type");
        let is_copy = headers.iter().any(|(name, _)| name == "x-amz-copy-source");
        let method = match &*verb {
            "GET" if is_list => "LIST",
            "PUT" if is_copy => "COPY",
            verb => verb,
        };
        let (method, key) = (method.to_owned(), key.unwrap_or_default().to_owned());
        let mut state = self.state();
        let same = |other: &&Request| other.method == method && other.key == key;
        let request = Request {
            earlier: state.requests.iter().filter(same).count(),
            connection: self.connection,
            method,
            key,
            target,
            verb,
            query,
            headers,
        };
        state.requests.push(request.clone());
        Ok(Some(request))
    }

    /// Does what is asked, and says so.
    fn answer(&mut self, request: &Request, reader: &mut impl Read) -> Result<(), Over> {
        let fault = (self.faults)(request, Moment::Asked);
        if request.header("transfer-encoding").is_some() {
            self.reply(request, &Reply::error(411, "MissingContentLength"), false)?;
            return Err(Over);
        }
        let length = request.header("content-length");
        let length = length.map_or(Ok(0), str::parse).map_err(|_| Over)?;
        if let Some(fault @ (Fault::Gone | Fault::Silent)) = fault {
            return self.vanish(&fault);
        }
        let cut_short = matches!(fault, Some(Fault::CutShort));
        let mut body = vec![0; if cut_short { length / 2 } else { length }];
        reader.read_exact(&mut body)?;
        if cut_short && length > 0 {
            return Err(Over);
        }
        if let Some(Fault::Answer(status, code, head)) = fault {
            return self.reply(request, &Reply::error(status, code).with(head), false);
        }
        let reply = match check(request, &body) {
            Ok(()) => self.perform(request, &body),
            Err((status, code)) => Err((status, code)),
        };
        let reply = reply.unwrap_or_else(|(status, code)| {
            // these are what becomes of right requests
            if !matches!(code, "NoSuchKey" | "PreconditionFailed" | "InvalidRange") {
                let asked = format!("{} {}: {status} {code}", request.verb, request.target);
                self.state().unexpected.push(asked);
            }
            Reply::error(status, code)
        });
        match (self.faults)(request, Moment::Done) {
            Some(Fault::Answer(status, code, head)) => {
                self.reply(request, &Reply::error(status, code).with(head), false)
            }
            Some(Fault::CutShort) => self.reply(request, &reply, true),
            Some(fault) => self.vanish(&fault),
            None => self.reply(request, &reply, cut_short),
        }
    }

    /// Ends the connection, at once or when the client does.
    fn vanish(&mut self, fault: &Fault) -> Result<(), Over> {
        if matches!(fault, Fault::Silent) {
            let _ = io::copy(&mut self.stream, &mut io::sink());
        }
        Err(Over)
    }

    /// Counts the end of an upload, before the client knows of it.
    fn end_upload(&mut self) {
        if std::mem::take(&mut self.is_uploading) {
            self.state().uploads -= 1;
        }
    }

    fn reply(&mut self, request: &Request, reply: &Reply, cut_short: bool) -> Result<(), Over> {
        self.end_upload();
        let status = http::StatusCode::from_u16(reply.status).expect("a status");
        let length = match reply.status {
            204 => String::new(),
            _ if reply.head.contains("Content-Length: ") => String::new(),
            _ => format!("Content-Length: {}\r\n", reply.body.len()),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nServer: double\r\n{length}{}\r\n",
            reply.head
        );
        let body: &[u8] = if request.verb == "HEAD" {
            &[]
        } else {
            &reply.body
        };
        let sent = if cut_short {
            body.len() / 2
        } else {
            body.len()
        };
        send(&mut self.stream, [head.as_bytes(), &body[..sent]].concat());
        if cut_short { Err(Over) } else { Ok(()) }
    }

    /// What a right request does.
    fn perform(&self, request: &Request, body: &[u8]) -> Result<Reply, (u16, &'static str)> {
        let mut state = self.state();
        let key = request.key.as_str();
        match (&*request.method, key.is_empty()) {
            ("LIST", true) => return Ok(state.list(request)),
            ("POST", true) if request.query("delete").is_some() => {
                return Ok(state.delete_many(&String::from_utf8_lossy(body)));
            }
            ("PUT" | "COPY", false) => {
                if request.header("if-none-match") == Some("*") && state.objects.contains_key(key) {
                    return Err((412, "PreconditionFailed"));
                }
                if let Some(wanted) = request.header("if-match") {
                    let there = state.objects.get(key).ok_or((404, "NoSuchKey"))?;
                    if there.etag != wanted {
                        return Err((412, "PreconditionFailed"));
                    }
                }
            }
            _ => {}
        }
        match (&*request.method, key.is_empty()) {
            ("PUT", false) => {
                let object = Object::new(body, kept_headers(request));
                let etag = object.etag.clone();
                state.make(key, object);
                Ok(Reply::new(200).with(&format!("ETag: {etag}\r\n")))
            }
            ("COPY", false) => {
                let source = decoded(request.header("x-amz-copy-source").unwrap_or_default());
                let source = source.trim_start_matches('/');
                let source = source.strip_prefix(&format!("{BUCKET}/"));
                let source = source.and_then(|source| state.objects.get(source));
                let object = source.ok_or((404, "NoSuchKey"))?.clone();
                let etag = object.etag.clone();
                state.make(key, object);
                Ok(Reply::xml(&format!(
                    "<CopyObjectResult><ETag>{}</ETag></CopyObjectResult>",
                    escaped(&etag)
                )))
            }
            ("GET" | "HEAD", false) => {
                let object = state.objects.get(key).ok_or((404, "NoSuchKey"))?;
                let wants_sum = request.header("x-amz-checksum-mode") == Some("ENABLED")
                    && request.header("range").is_none();
                let sum = BASE64.encode(object.sha256);
                let sum = if wants_sum {
                    format!("x-amz-checksum-sha256: {sum}\r\n")
                } else {
                    String::new()
                };
                let reply = content(object, request.header("range"))?;
                Ok(reply.with(&sum))
            }
            ("DELETE", false) => {
                state.objects.remove(key);
                Ok(Reply::new(204))
            }
            _ => Err((501, "NotImplemented")),
        }
    }
}

impl State {
    fn make(&mut self, key: &str, object: Object) {
        self.made.push((key.to_owned(), object.clone()));
        self.objects.insert(key.to_owned(), object);
    }

    /// A page of the objects.
    fn list(&self, request: &Request) -> Reply {
        let asked = |name| request.query(name).unwrap_or_default();
        let (prefix, delimiter) = (asked("prefix"), asked("delimiter"));
        let after = match request.query("continuation-token") {
            Some(token) => decoded(token),
            None => asked("start-after").to_owned(),
        };
        let page = request.query("max-keys").and_then(|most| most.parse().ok());
        let page = page.unwrap_or(PAGE).min(PAGE);
        let (mut list, mut folders, mut count) = (String::new(), BTreeSet::new(), 0);
        let (mut latest, mut is_truncated) = (String::new(), false);
        for (key, object) in &self.objects {
            let Some(rest) = key.strip_prefix(prefix).filter(|_| *key > after) else {
                continue;
            };
            let folder = (!delimiter.is_empty())
                .then(|| rest.split_once(delimiter))
                .flatten();
            let folder = folder.map(|(folder, _)| format!("{prefix}{folder}{delimiter}"));
            // all below a folder are one entry, also on the next page
            if folder.as_ref().is_some_and(|folder| {
                folders.contains(folder) || after.starts_with(folder.as_str())
            }) {
                latest.clone_from(key);
                continue;
            }
            if count == page {
                is_truncated = true;
                break;
            }
            count += 1;
            latest.clone_from(key);
            match folder {
                Some(folder) => {
                    let prefix = escaped(&folder);
                    folders.insert(folder);
                    write!(list, "<CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes>")
                }
                None => write!(
                    list,
                    "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>{}</ETag><Size>{}</Size>\
                     <StorageClass>STANDARD</StorageClass></Contents>",
                    escaped(key),
                    humantime::format_rfc3339_millis(object.modified),
                    escaped(&object.etag),
                    object.body.len()
                ),
            }
            .expect("a string can be written to");
        }
        if is_truncated {
            let token = utf8_percent_encode(&latest, STRICT);
            write!(
                list,
                "<NextContinuationToken>{token}</NextContinuationToken>"
            )
            .expect("a string can be written to");
        }
        Reply::xml(&format!(
            "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>{BUCKET}</Name>\
             <Prefix>{}</Prefix><KeyCount>{count}</KeyCount><MaxKeys>{page}</MaxKeys>\
             <IsTruncated>{is_truncated}</IsTruncated>{list}</ListBucketResult>",
            escaped(prefix)
        ))
    }

    fn delete_many(&mut self, body: &str) -> Reply {
        let keys = body.split("<Key>").skip(1);
        let keys = keys.filter_map(|rest| rest.split("</Key>").next());
        let deleted = keys.map(|key| {
            self.objects.remove(&unescaped(key));
            format!("<Deleted><Key>{key}</Key></Deleted>")
        });
        let deleted: String = deleted.collect();
        Reply::xml(&format!("<DeleteResult>{deleted}</DeleteResult>"))
    }
}

/// What is kept of the headers of a PUT.
fn kept_headers(request: &Request) -> BTreeMap<String, String> {
    let is_kept = |name: &str| {
        name.starts_with("x-amz-meta-")
            || matches!(
                name,
                "content-type"
                    | "content-disposition"
                    | "content-encoding"
                    | "content-language"
                    | "cache-control"
            )
    };
    let headers = request.headers.iter().filter(|(name, _)| is_kept(name));
    headers.cloned().collect()
}

/// An object, or the part of it that was asked for.
fn content(object: &Object, range: Option<&str>) -> Result<Reply, (u16, &'static str)> {
    let length = object.body.len();
    let reply = |status, body: &[u8]| Reply {
        status,
        head: object.head(),
        body: body.to_vec(),
    };
    let Some(range) = range.and_then(|range| range.strip_prefix("bytes=")) else {
        return Ok(reply(200, &object.body));
    };
    let bad = (416, "InvalidRange");
    let (first, last) = range.split_once('-').ok_or(bad)?;
    let number = |text: &str| text.parse::<usize>().map_err(|_| bad);
    let (first, end) = match (first, last) {
        ("", last) => (length.saturating_sub(number(last)?), length),
        (first, "") => (number(first)?, length),
        (first, last) => (number(first)?, length.min(number(last)?.saturating_add(1))),
    };
    if first >= end {
        return Err(bad);
    }
    let range = format!("Content-Range: bytes {first}-{}/{length}\r\n", end - 1);
    Ok(reply(206, &object.body[first..end]).with(&range))
}

/// Whether a request is for this bucket, from whom it says, and with the body that it says.
fn check(request: &Request, body: &[u8]) -> Result<(), (u16, &'static str)> {
    check_signature(request)?;
    let path = request.target.split('?').next().unwrap_or_default();
    let bucket = path.trim_start_matches('/').split('/').next();
    if bucket != Some(BUCKET) {
        return Err((404, "NoSuchBucket"));
    }
    if request.verb == "PUT" && request.header("content-length").is_none() {
        return Err((411, "MissingContentLength"));
    }
    let sha256: [u8; 32] = Sha256::digest(body).into();
    match request.header("x-amz-content-sha256") {
        Some("UNSIGNED-PAYLOAD") => {}
        None if request.query("X-Amz-Signature").is_some() => {}
        Some(sum) if sum == hex(&sha256) => {}
        _ => return Err((400, "XAmzContentSHA256Mismatch")),
    }
    let is_wrong = |name, sum: &[u8]| {
        let said = request.header(name);
        said.is_some_and(|said| said != BASE64.encode(sum))
    };
    if is_wrong("x-amz-checksum-sha256", &sha256) || is_wrong("content-md5", &Md5::digest(body)) {
        return Err((400, "BadDigest"));
    }
    Ok(())
}

/// Computes the signature (version 4) of a request as its headers or its query say, and compares it.
fn check_signature(request: &Request) -> Result<(), (u16, &'static str)> {
    const MISMATCH: (u16, &str) = (403, "SignatureDoesNotMatch");
    let is_presigned = request.query("X-Amz-Signature").is_some();
    let authorization = request.header("authorization").unwrap_or_default();
    let field = |name: &str| match authorization.strip_prefix("AWS4-HMAC-SHA256 ") {
        _ if is_presigned => request.query(&format!("X-Amz-{name}")),
        Some(fields) => fields.split(',').find_map(|field| {
            let (other, value) = field.trim().split_once('=')?;
            (other == name).then_some(value)
        }),
        None => None,
    };
    let (Some(credential), Some(signed), Some(signature)) = (
        field("Credential"),
        field("SignedHeaders"),
        field("Signature"),
    ) else {
        return Err((403, "AccessDenied"));
    };
    let date = match request.query("X-Amz-Date") {
        Some(date) if is_presigned => date,
        _ => request.header("x-amz-date").unwrap_or_default(),
    };
    let day = date.get(..8).unwrap_or_default();
    let scope = format!("{day}/{REGION}/s3/aws4_request");
    let Some((key_id, its_scope)) = credential.split_once('/') else {
        return Err(MISMATCH);
    };
    if key_id != KEY_ID {
        return Err((403, "InvalidAccessKeyId"));
    }
    if its_scope != scope {
        return Err((400, "AuthorizationHeaderMalformed"));
    }
    if !is_now(date) {
        return Err((403, "RequestTimeTooSkewed"));
    }
    let signed: Vec<_> = signed.split(';').collect();
    let must_be_signed = |name: &str| name == "host" || name.starts_with("x-amz-");
    let mut unsigned = request
        .headers
        .iter()
        .filter(|(name, _)| must_be_signed(name));
    if unsigned.any(|(name, _)| !signed.contains(&&**name)) {
        return Err((403, "AccessDenied"));
    }
    let canonical = canonical_request(request, &signed, is_presigned);
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{date}\n{scope}\n{}",
        hex(&Sha256::digest(canonical))
    );
    let secret = format!("AWS4{SECRET}");
    let key = [day, REGION, "s3", "aws4_request"]
        .iter()
        .fold(secret.into_bytes(), |key, part| {
            hmac(&key, part.as_bytes()).to_vec()
        });
    if hex(&hmac(&key, to_sign.as_bytes())) == signature {
        Ok(())
    } else {
        Err(MISMATCH)
    }
}

fn canonical_request(request: &Request, signed: &[&str], is_presigned: bool) -> String {
    let path = decoded(request.target.split('?').next().unwrap_or_default());
    let path = utf8_percent_encode(&path, STRICT_PATH);
    let query = request.query.iter();
    let query = query.filter(|(name, _)| name != "X-Amz-Signature");
    let encode = |text| utf8_percent_encode(text, STRICT);
    let mut query: Vec<_> = query
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    query.sort();
    let headers = signed.iter().map(|name| {
        let value = request.header(name).unwrap_or_default();
        let value: Vec<_> = value.split(' ').filter(|word| !word.is_empty()).collect();
        format!("{name}:{}\n", value.join(" "))
    });
    let headers: String = headers.collect();
    let payload = match request.header("x-amz-content-sha256") {
        Some(sum) if !is_presigned => sum,
        _ => "UNSIGNED-PAYLOAD",
    };
    let (query, signed) = (query.join("&"), signed.join(";"));
    format!(
        "{}\n{path}\n{query}\n{headers}\n{signed}\n{payload}",
        request.verb
    )
}

/// Whether a time like `20130524T000000Z` is about now.
fn is_now(date: &str) -> bool {
    let text = |from, to| date.get(from..to).unwrap_or_default();
    let (day, time) = (
        [text(0, 4), text(4, 6), text(6, 8)].join("-"),
        [text(9, 11), text(11, 13), text(13, 15)].join(":"),
    );
    let date = humantime::parse_rfc3339(&format!("{day}T{time}Z"));
    let now = SystemTime::now();
    date.is_ok_and(|date| now - SKEW < date && date < now + SKEW)
}

pub(crate) fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    match key.len() {
        ..=64 => block[..key.len()].copy_from_slice(key),
        _ => block[..32].copy_from_slice(&Sha256::digest(key)),
    }
    let inner = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x36));
    let inner = inner.chain_update(message).finalize();
    let outer = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x5c));
    outer.chain_update(inner).finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string can be written to");
        hex
    })
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

fn unescaped(text: &str) -> String {
    let text = text.replace("&quot;", "\"").replace("&apos;", "'");
    let text = text.replace("&gt;", ">").replace("&lt;", "<");
    text.replace("&amp;", "&")
}

/// The examples of the documentation of S3: <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>.
#[test]
fn signatures_are_those_of_the_documentation() {
    let secret = format!("AWS4{SECRET}").into_bytes();
    let key = ["20130524", "us-east-1", "s3", "aws4_request"]
        .iter()
        .fold(secret, |key, part| hmac(&key, part.as_bytes()).to_vec());
    let to_sign = "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n\
                   7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972";
    assert_eq!(
        hex(&hmac(&key, to_sign.as_bytes())),
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    );
    let empty = hex(&Sha256::digest([]));
    let headers = [
        ("host", "examplebucket.s3.amazonaws.com"),
        ("range", "bytes=0-9"),
        ("x-amz-content-sha256", &empty),
        ("x-amz-date", "20130524T000000Z"),
    ];
    let request = Request {
        method: "GET".to_owned(),
        key: "test.txt".to_owned(),
        earlier: 0,
        connection: 0,
        target: "/test.txt".to_owned(),
        verb: "GET".to_owned(),
        query: Vec::new(),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
    };
    let signed = headers.map(|(name, _)| name);
    let canonical = canonical_request(&request, &signed, false);
    assert_eq!(
        hex(&Sha256::digest(canonical)),
        "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972"
    );
}
