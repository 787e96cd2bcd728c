//! An object store on this machine that speaks as much of S3 as its clients need for writing and reading: what was put
//! is there, large objects come in parts. It can also be slow without end, and lose its connections.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

/// What the server does with requests of some method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// What it should.
    Right,
    /// Nothing: the client waits.
    Never,
    /// The first half of an object, then nothing.
    Half,
    /// That the client may not, with what a server says of that.
    Forbidden,
}

/// A server, and what it holds.
pub(crate) struct ObjectServer {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// By path: `/bucket/key`.
    objects: HashMap<String, Vec<u8>>,
    parts: HashMap<String, Vec<u8>>,
    /// The methods that are answered otherwise than they should be.
    answers: HashMap<String, Answer>,
    /// Every request's method and path, query included.
    requests: Vec<String>,
}

impl ObjectServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let for_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&for_thread);
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Self { port, shared }
    }

    /// The settings of an IO manager `lake` that keeps everything here.
    pub(crate) fn settings(&self) -> String {
        format!(
            "[io_managers.lake]\nurl = \"s3://bucket/runs\"\n[io_managers.lake.options]\n\
             endpoint = \"http://127.0.0.1:{}\"\nallow_http = \"true\"\naccess_key_id = \"AKIATHEKEYID\"\n\
             secret_access_key = \"thesecretaccesskey\"\n",
            self.port
        )
    }

    /// From now on, requests of this method get this answer.
    pub(crate) fn answer(&self, method: &str, answer: Answer) {
        self.shared.state.lock().unwrap().answers.insert(method.to_owned(), answer);
    }

    /// The object that was put under a key of the bucket.
    pub(crate) fn object(&self, key: &str) -> Option<Vec<u8>> {
        self.shared.state.lock().unwrap().objects.get(&format!("/bucket/{key}")).cloned()
    }

    /// Waits until some request has come whose line contains this.
    pub(crate) fn wait_for(&self, part: &str) {
        let state = self.shared.state.lock().unwrap();
        let is_missing = |state: &mut State| !state.requests.iter().any(|line| line.contains(part));
        drop(self.shared.changed.wait_while(state, is_missing).unwrap());
    }
}

impl Shared {
    /// Answers requests until the client goes, or is left waiting.
    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some((line, body)) = request(&mut reader) {
            let answer = self.note(&line);
            let (status, content) = match answer {
                Answer::Right | Answer::Half => self.done(&line, body),
                Answer::Forbidden => {
                    let told = "<Error><Code>InvalidAccessKeyId</Code><AWSAccessKeyId>AKIATHEKEYID</AWSAccessKeyId></Error>";
                    ("403 Forbidden", told.into())
                }
                Answer::Never => return std::mem::forget(stream),
            };
            let sent = if answer == Answer::Half { content.len() / 2 } else { content.len() };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"e\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n",
                content.len()
            );
            let mut stream = &stream;
            if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&content[..sent])).is_err() {
                return;
            }
        }
    }

    fn note(&self, line: &str) -> Answer {
        let mut state = self.state.lock().unwrap();
        state.requests.push(line.to_owned());
        self.changed.notify_all();
        let method = line.split(' ').next().unwrap_or_default();
        state.answers.get(method).copied().unwrap_or(Answer::Right)
    }

    fn done(&self, line: &str, body: Vec<u8>) -> (&'static str, Vec<u8>) {
        let state = &mut *self.state.lock().unwrap();
        let (method, target) = line.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = path.replace("%5B", "[").replace("%5D", "]");
        match (method, query) {
            ("POST", _) if query.starts_with("uploads") => {
                let told =
                    "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";
                ("200 OK", told.into())
            }
            ("POST", _) => {
                let mut content = Vec::new();
                for number in 1.. {
                    let Some(part) = state.parts.remove(&format!("{path}#{number}")) else { break };
                    content.extend(part);
                }
                state.objects.insert(path, content);
                let told = "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>";
                ("200 OK", told.into())
            }
            ("PUT", "") => {
                state.objects.insert(path, body);
                ("200 OK", Vec::new())
            }
            ("PUT", _) => {
                let number = query.split('&').find_map(|it| it.strip_prefix("partNumber=")).unwrap();
                state.parts.insert(format!("{path}#{number}"), body);
                ("200 OK", Vec::new())
            }
            ("GET", _) => match state.objects.get(&path) {
                Some(object) => ("200 OK", object.clone()),
                None => ("404 Not Found", Vec::new()),
            },
            _ => ("204 No Content", Vec::new()),
        }
    }
}

/// A request's method and path, and its body; none when the client has gone.
fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        let (name, value) = header.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((line.rsplit_once(' ')?.0.to_owned(), body))
}
