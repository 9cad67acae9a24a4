//! A server on loopback that writes down what it is asked and answers what it was told to.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::engine::{Run, command, finish};

/// The token that the binary is given.
pub(crate) const TOKEN: &str = "eyJ0.token-of-olive.c2ln";

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// An answer: status, one more header line or none, body.
#[derive(Clone)]
pub(crate) struct Answer(pub(crate) u16, pub(crate) &'static str, pub(crate) String);

impl Answer {
    pub(crate) fn json(body: &Value) -> Self {
        Self(200, "", body.to_string())
    }

    pub(crate) fn problem(status: u16, code: &str, detail: &str) -> Self {
        let body = serde_json::json!({ "status": status, "code": code, "detail": detail, "request_id": "r-1" });
        Self(status, "", body.to_string())
    }
}

#[derive(Default)]
struct State {
    asked: Vec<Asked>,
    answers: VecDeque<Answer>,
}

/// The server. Once it has given all its answers it answers `{}`.
pub(crate) struct Http {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl Http {
    pub(crate) fn answering(answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State { asked: Vec::new(), answers: answers.to_vec().into() }));
        let kept = Arc::clone(&state);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let state = Arc::clone(&kept);
                thread::spawn(move || serve(&connection.unwrap(), &state));
            }
        });
        Self { url, state }
    }

    /// The binary, pointed here, with a token.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        command.env("ENGINE_API_URL", &self.url).env("ENGINE_TOKEN", TOKEN);
        command
    }

    /// Runs the binary against this, with `input` on its standard input.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Run {
        finish(self.command(arguments), input)
    }

    /// What was asked, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }
}

fn serve(connection: &TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(connection);
    while let Some(asked) = read(&mut reader) {
        let Answer(status, header, body) = {
            let mut state = state.lock().unwrap();
            state.asked.push(asked);
            state.answers.pop_front().unwrap_or(Answer(200, "", "{}".to_owned()))
        };
        let (line, length) = (if header.is_empty() { String::new() } else { format!("{header}\r\n") }, body.len());
        let head =
            format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{line}Content-Length: {length}\r\n\r\n");
        let mut writer = connection;
        writer.write_all((head + &body).as_bytes()).unwrap();
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Asked> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let mut start = lines.first()?.split(' ').map(str::to_owned);
    let (method, path) = (start.next()?, start.next()?);
    let header = |line: &String| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    let mut asked =
        Asked { method, path, headers: lines[1..].iter().filter_map(header).collect(), body: String::new() };
    let length = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    asked.body = String::from_utf8(body).unwrap();
    Some(asked)
}
