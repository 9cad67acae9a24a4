//! The HTTPS client, against a loopback server that answers with bytes given beforehand.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use engine_aws::Error;
use engine_aws::https::{HttpAnswer, HttpsClient};

const PATIENT: Duration = Duration::from_secs(20);
const HASTY: Duration = Duration::from_millis(100);

/// Serves one connection: `answer` to whatever comes, then an open line until the client hangs up.
fn serve(answer: impl Into<Vec<u8>>) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (received, requests) = mpsc::channel();
    let answer = answer.into();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        while !request.ends_with(b"\r\n\r\n") && !request.ends_with(b"body") {
            match stream.read(&mut buffer) {
                Ok(read @ 1..) => request.extend_from_slice(&buffer[..read]),
                _ => return,
            }
        }
        let _ = received.send(String::from_utf8_lossy(&request).into_owned());
        let _ = stream.write_all(&answer);
        let _ = stream.read(&mut buffer);
    });
    (address, requests)
}

async fn get(client: &HttpsClient, url: &str) -> Result<HttpAnswer, Error> {
    client.send("GET", url, &[], Vec::new()).await
}

fn cause(answer: Result<HttpAnswer, Error>) -> String {
    match answer.unwrap_err() {
        Error::Unavailable { cause, .. } => cause,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_request_arrives_whole_and_so_does_its_answer() {
    let (address, requests) = serve("HTTP/1.1 201 Created\r\nX-Answer: yes\r\nContent-Length: 5\r\n\r\nhello");
    let url = format!("http://{address}/path?query=1");
    let headers = [("x-first", "1"), ("x-first", "2")];
    let answer = HttpsClient::new(PATIENT).send("POST", &url, &headers, b"body".to_vec()).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (201, &b"hello"[..]));
    assert_eq!(answer.header("x-answer"), Some("yes"));
    let request = requests.recv().unwrap();
    assert!(request.starts_with("POST /path?query=1 HTTP/1.1\r\n"), "{request}");
    for part in ["x-first: 1\r\n", "x-first: 2\r\n", "content-length: 4\r\n", &format!("host: {address}\r\n")] {
        assert!(request.contains(part), "{part}: {request}");
    }
    assert!(request.ends_with("\r\n\r\nbody"), "{request}");
}

#[tokio::test]
async fn a_failure_status_is_an_answer_and_a_redirect_is_not_followed() {
    for status in [302, 404, 500] {
        let head = format!("HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
        let (address, _requests) = serve(head);
        let answer = get(&HttpsClient::new(PATIENT), &format!("http://{address}/")).await.unwrap();
        assert_eq!(answer.status, status);
    }
}

#[tokio::test]
async fn clear_text_goes_to_loopback_hosts_only() {
    let client = HttpsClient::new(PATIENT);
    let refused = [
        "http://example.com/",
        "http://10.0.0.1/",
        "http://localhost.example.com/",
        "http://127.0.0.1.example.com/",
        "http://127.0.0.1@example.com/",
        "http://localhost:80@example.com/",
        "http://0.0.0.0/",
        "ftp://127.0.0.1/",
        "127.0.0.1/",
        "/path",
        "",
    ];
    for url in refused {
        let cause = cause(get(&client, url).await);
        assert!(cause.contains("URL"), "{url}: {cause}");
    }
    let (address, _requests) = serve("HTTP/1.1 204 X\r\n\r\n");
    let answer = get(&client, &format!("http://localhost:{}/", address.port())).await.unwrap();
    assert_eq!(answer.status, 204);
}

#[tokio::test]
async fn https_speaks_tls_and_nothing_else() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tls = listener.local_addr().unwrap();
    let hello = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut first = [0; 2];
        stream.read_exact(&mut first).unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n");
        first
    });
    assert!(get(&HttpsClient::new(PATIENT), &format!("https://{tls}/")).await.is_err());
    assert_eq!(hello.join().unwrap(), [0x16, 0x03], "a TLS handshake record");
}

#[tokio::test]
async fn an_answer_longer_than_the_limit_is_refused_however_it_announces_its_length() {
    let framed = "HTTP/1.1 200 X\r\nContent-Length: 5\r\n\r\nhello";
    let chunked = "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
    for answer in [framed, chunked] {
        for (limit, fits) in [(5, true), (4, false), (0, false)] {
            let (address, _requests) = serve(answer);
            let client = HttpsClient::new(PATIENT).with_body_limit(limit);
            let answered = get(&client, &format!("http://{address}/")).await;
            assert_eq!(answered.is_ok(), fits, "{limit}: {answered:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_does_not_finish_in_time_is_unavailable() {
    for answer in ["", "HTTP/1.1 200 X\r\n", "HTTP/1.1 200 X\r\nContent-Length: 5\r\n\r\nhel"] {
        let (address, _requests) = serve(answer);
        assert_eq!(cause(get(&HttpsClient::new(HASTY), &format!("http://{address}/")).await), "timeout");
    }
}

#[tokio::test]
async fn neither_an_error_nor_an_answer_shows_what_may_be_secret() {
    let client = HttpsClient::new(PATIENT);
    let (address, _requests) = serve("HTTP/1.1 200 X\r\nX-Token: hunter2\r\nContent-Length: 7\r\n\r\nhunter2");
    let answer = get(&client, &format!("http://{address}/")).await.unwrap();
    assert!(!format!("{answer:?}").contains("hunter2"));
    let header = client.send("GET", "http://127.0.0.1/", &[("x-token", "hunter2\n")], Vec::new()).await.unwrap_err();
    assert!(!format!("{header} {header:?}").contains("hunter2"), "{header}");
}
