//! Requests over HTTP/1.1: how many a second on some connections, or how long each takes.
//!
//! The requests are made by whoever asks, whole, and sent as they are; of the answers the status is
//! compared, and the length found (RFC 9112 §6.3). So the same bytes go to every server.

use std::time::Instant;

use super::BenchError;
use super::memory::own_cpu_secs;
use super::race::race;
use super::report::{Report, Row, Unit, milliseconds, per_second};
use super::target::Target;
use super::wire::Wire;

/// What to measure over HTTP.
pub(crate) struct HttpPlan {
    /// The name of the row.
    pub(crate) name: String,
    /// Requests, each with its head and body, from the body's length on.
    pub(crate) requests: Vec<Vec<u8>>,
    /// A row of requests a second on so many; without, one of milliseconds for each.
    pub(crate) connections: Option<usize>,
    /// What every answer has to say.
    pub(crate) statuses: Vec<u16>,
    /// What is counted in the body of an answer.
    pub(crate) counted: Option<String>,
    /// How often the whole is done.
    pub(crate) rounds: usize,
}

impl HttpPlan {
    /// The requests of a file: each behind a line with its length.
    pub(crate) fn requests_of(mut file: &[u8]) -> Result<Vec<Vec<u8>>, BenchError> {
        let broken = || BenchError::Plan("requests: not LENGTH and so many bytes".to_owned());
        let mut requests = Vec::new();
        while !file.is_empty() {
            let end = memchr::memchr(b'\n', file).ok_or_else(broken)?;
            let (length, rest) = file.split_at(end);
            let length = std::str::from_utf8(length).ok().and_then(|text| text.parse().ok());
            let rest = rest.get(1..).unwrap_or_default();
            let (request, after) =
                length.and_then(|length| rest.split_at_checked(length)).ok_or_else(broken)?;
            requests.push(request.to_vec());
            file = after;
        }
        Ok(requests)
    }
}

/// Sends all requests, `rounds` times.
pub(crate) fn measure(target: &Target, plan: &HttpPlan) -> Result<Report, BenchError> {
    if plan.requests.is_empty() {
        return Err(BenchError::Plan("no requests".to_owned()));
    }
    let row = match plan.connections {
        Some(connections) => at_once(target, plan, connections)?,
        None => one_by_one(target, plan)?,
    };
    Ok(Report {
        bench: "http",
        server: target.name(),
        messages: plan.requests.len(),
        size_bytes: 0,
        seed: 0,
        client_cpu_secs: own_cpu_secs(),
        rows: vec![row],
    })
}

fn at_once(target: &Target, plan: &HttpPlan, connections: usize) -> Result<Row, BenchError> {
    let mut runs = Vec::new();
    for _ in 0..plan.rounds {
        let clients: Vec<Client> =
            (0..connections).map(|_| Client::open(target)).collect::<Result<_, _>>()?;
        let elapsed = race(clients, plan.requests.len(), |client, number| {
            let request = plan.requests.get(number).map_or(&[][..], Vec::as_slice);
            client.ask(target, request, plan).map(drop)
        })?;
        runs.push(per_second(plan.requests.len(), elapsed));
    }
    let name = format!("{}, connections: {connections}", plan.name);
    Ok(Row::new(name, Unit::RequestsPerSecond, runs))
}

fn one_by_one(target: &Target, plan: &HttpPlan) -> Result<Row, BenchError> {
    let mut client = Client::open(target)?;
    let mut runs = Vec::new();
    let mut found = None;
    for _ in 0..plan.rounds {
        for request in &plan.requests {
            let start = Instant::now();
            let counted = client.ask(target, request, plan)?;
            runs.push(milliseconds(start.elapsed()));
            found = plan.counted.as_ref().map(|_| counted);
        }
    }
    let row = Row::new(plan.name.clone(), Unit::Milliseconds, runs);
    Ok(match found {
        Some(found) => row.found(found),
        None => row,
    })
}

/// A connection that is opened anew where the server closes it.
struct Client {
    wire: Wire,
    is_closing: bool,
}

impl Client {
    fn open(target: &Target) -> Result<Self, BenchError> {
        Ok(Self { wire: target.connect()?, is_closing: false })
    }

    /// Sends a request and reads its answer; how often what is counted was in it.
    fn ask(&mut self, target: &Target, request: &[u8], plan: &HttpPlan) -> Result<u64, BenchError> {
        if self.is_closing {
            *self = Self::open(target)?;
        }
        self.wire.send(request)?;
        let head = self.head(plan)?;
        let body = self.body(&head)?;
        let counted = plan.counted.as_ref().map(|text| memchr::memmem::find_iter(&body, text));
        Ok(counted.map_or(0, |found| found.count() as u64))
    }

    fn head(&mut self, plan: &HttpPlan) -> Result<Head, BenchError> {
        let line = self.wire.line()?.to_vec();
        let status = line.split(|byte| *byte == b' ').nth(1).map(<[u8]>::to_vec);
        let status = status.and_then(|text| String::from_utf8(text).ok()?.parse().ok());
        // RFC 9112 §9.3: of 1.0 a connection ends with its answer, where nothing else is said.
        self.is_closing = line.starts_with(b"HTTP/1.0");
        let mut head = Head::default();
        loop {
            let line = self.wire.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            let Some(at) = memchr::memchr(b':', &line) else { continue };
            let (name, value) = line.split_at(at);
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            match name {
                b"content-length" => {
                    head.length =
                        std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                }
                b"transfer-encoding" => head.is_chunked = value.ends_with(b"chunked"),
                b"connection" => self.is_closing = value == b"close",
                _ => {}
            }
        }
        let is_wanted = status.is_some_and(|status| plan.statuses.contains(&status));
        // RFC 9110 §15.3.5: it has no body, and need not say so.
        head.length = if status == Some(204) { Some(0) } else { head.length };
        if is_wanted { Ok(head) } else { Err(BenchError::refused(&plan.name, &line)) }
    }

    fn body(&mut self, head: &Head) -> Result<Vec<u8>, BenchError> {
        let mut body = Vec::new();
        if head.is_chunked {
            loop {
                let line = String::from_utf8_lossy(self.wire.line()?).into_owned();
                let size = line.split(';').next().unwrap_or_default().trim();
                let size = u64::from_str_radix(size, 16)
                    .map_err(|_| BenchError::refused("a chunk", line.as_bytes()))?;
                self.wire.take(size, &mut body)?;
                self.wire.line()?;
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        // RFC 9112 §6.3: without a length it would go on to the end of the connection.
        let length = head.length.ok_or_else(|| BenchError::refused("a length", b"none"))?;
        self.wire.take(length, &mut body)?;
        Ok(body)
    }
}

/// What of the head of an answer matters here.
#[derive(Default)]
struct Head {
    length: Option<u64>,
    is_chunked: bool,
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::bench::Tls;

    #[test]
    fn requests_are_read_by_their_length() {
        let read = HttpPlan::requests_of(b"3\na\nb0\n\n").unwrap_err();
        assert!(matches!(read, BenchError::Plan(_)));
        assert_eq!(HttpPlan::requests_of(b"3\na\nb1\n\n").unwrap(), [&b"a\nb"[..], b"\n"]);
        assert!(HttpPlan::requests_of(b"4\nabc").is_err());
    }

    #[test]
    fn answers_of_every_length_are_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let answers = [
                &b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<a><a>"[..],
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n<a>\r\n0\r\n\r\n",
                b"HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n",
                b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n<a>",
            ];
            let mut socket = listener.accept().unwrap().0;
            for answer in answers {
                assert_eq!(socket.read(&mut [0; 10]).unwrap(), 3);
                socket.write_all(answer).unwrap();
            }
            drop(socket);
            let mut socket = listener.accept().unwrap().0;
            assert_eq!(socket.read(&mut [0; 10]).unwrap(), 3);
            socket.write_all(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n").unwrap();
        });
        let target = Target::new("127.0.0.1", port, Tls::Off).unwrap();
        let plan = HttpPlan {
            name: "row".to_owned(),
            requests: vec![b"GET".to_vec()],
            connections: None,
            statuses: vec![200, 204],
            counted: Some("<a>".to_owned()),
            rounds: 1,
        };
        let mut client = Client::open(&target).unwrap();
        for counted in [2, 1, 0, 1] {
            assert_eq!(client.ask(&target, b"GET", &plan).unwrap(), counted);
        }
        assert!(matches!(client.ask(&target, b"GET", &plan), Err(BenchError::Refused { .. })));
        server.join().unwrap();
    }
}
