//! Scanners that do what a test tells them.

use std::sync::{Arc, Mutex};

use scan::ScannerAddress;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn listen() -> (TcpListener, ScannerAddress) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, ScannerAddress::Inet { host: "127.0.0.1".to_owned(), port })
}

/// What a scripted milter was told: a line for each packet, `connect` for each connection.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    pub(crate) fn lines(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

/// What a milter answers to each command, as packets; none closes the connection.
pub(crate) type Script = fn(u8, &[u8]) -> Option<Vec<u8>>;

pub(crate) fn packet(command: u8, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len() + 1).unwrap();
    [&length.to_be_bytes()[..], &[command], data].concat()
}

/// The answer to a negotiation: version, actions, steps.
pub(crate) fn options(version: u32, actions: u32, steps: u32) -> Vec<u8> {
    packet(b'O', &[version, actions, steps].map(u32::to_be_bytes).concat())
}

pub(crate) async fn milter(script: Script) -> (ScannerAddress, Told) {
    let (listener, address) = listen().await;
    let told = Told::default();
    let hearing = told.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            hearing.add("connect".to_owned());
            tokio::spawn(converse(stream, script, hearing.clone()));
        }
    });
    (address, told)
}

async fn converse(mut stream: TcpStream, script: Script, told: Told) {
    while let Ok(length) = stream.read_u32().await {
        let mut data = vec![0; length as usize];
        stream.read_exact(&mut data).await.unwrap();
        let (command, data) = data.split_first().unwrap();
        if *command != b'O' {
            let shown = String::from_utf8_lossy(data).replace('\0', "|");
            told.add(format!("{} {shown}", char::from(*command)));
        }
        match script(*command, data) {
            Some(answer) => stream.write_all(&answer).await.unwrap(),
            None => return,
        }
    }
}

/// A peer that reads until it has seen `until`, says this once, and closes.
pub(crate) async fn once(until: &'static [u8], answer: &'static [u8]) -> ScannerAddress {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = Vec::new();
            while !read.windows(until.len()).any(|window| window == until) {
                if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            stream.write_all(answer).await.unwrap();
        }
    });
    address
}

/// A peer that takes everything and never answers.
pub(crate) async fn silent() -> ScannerAddress {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await.unwrap());
        }
    });
    address
}
