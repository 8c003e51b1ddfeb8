//! A server of few words on a loopback port: it records what it took, and misbehaves as told.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Where a connection ends without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drop {
    Greeting,
    Ehlo,
    Mail,
    Rcpt,
    Data,
    /// In the middle of what follows DATA, after its first line.
    Line,
    /// In the middle of what follows BDAT, after half of it.
    Chunk,
    Content,
    /// The message is taken, and nothing is said of it.
    Taken,
    Auth,
    Rset,
    /// After the message was taken.
    Next,
    /// The same, with 421 to the next command.
    Farewell,
}

/// How the next connections behave; after the last one, all is well.
#[derive(Debug, Clone, Default)]
pub(crate) struct Behaviour {
    pub(crate) drop_at: Option<Drop>,
    /// What is said in place of 250 to a command with this beginning.
    pub(crate) replies: Vec<(&'static str, &'static str)>,
    pub(crate) keywords: &'static [&'static str],
    /// What is said first, in place of 220.
    pub(crate) greeting: Option<&'static str>,
    /// Connections are taken and nothing is ever said.
    pub(crate) silent: bool,
}

/// A message that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) mail: String,
    pub(crate) rcpts: Vec<String>,
    pub(crate) content: String,
}

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    behaviours: Arc<Mutex<VecDeque<Behaviour>>>,
    taken: Arc<Mutex<Vec<Taken>>>,
    connections: Arc<Mutex<usize>>,
    clients: Arc<Mutex<Vec<IpAddr>>>,
    refused: Arc<Mutex<usize>>,
    hung_up: Arc<watch::Sender<bool>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    pub(crate) async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            behaviours: Arc::default(),
            taken: Arc::default(),
            connections: Arc::default(),
            clients: Arc::default(),
            refused: Arc::default(),
            hung_up: Arc::default(),
        };
        let own = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, client)) = listener.accept().await {
                own.clients.lock().unwrap().push(client.ip());
                *own.connections.lock().unwrap() += 1;
                let behaviour = own.behaviours.lock().unwrap().pop_front().unwrap_or_default();
                let server = own.clone();
                tokio::spawn(async move {
                    let _ = server.converse(stream, behaviour).await;
                });
            }
        });
        server
    }

    pub(crate) fn then(&self, behaviour: Behaviour) {
        self.behaviours.lock().unwrap().push_back(behaviour);
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    /// Ends the connections on which nothing is said.
    pub(crate) fn hang_up(&self) {
        self.hung_up.send_replace(true);
    }

    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    /// Where each connection came from.
    pub(crate) fn clients(&self) -> Vec<IpAddr> {
        self.clients.lock().unwrap().clone()
    }

    /// How many commands MAIL were answered otherwise than with 250.
    pub(crate) fn refused(&self) -> usize {
        *self.refused.lock().unwrap()
    }

    async fn converse(&self, stream: TcpStream, behaviour: Behaviour) -> std::io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let ends = |at| behaviour.drop_at == Some(at);
        if ends(Drop::Greeting) {
            return Ok(());
        }
        if behaviour.silent {
            let _ = self.hung_up.subscribe().wait_for(|hung_up| *hung_up).await;
            return Ok(());
        }
        let greeting = behaviour.greeting.unwrap_or("220 there.test hello");
        write.write_all(format!("{greeting}\r\n").as_bytes()).await?;
        let (mut mail, mut rcpts) = (String::new(), Vec::new());
        while let Some(line) = lines.next_line().await? {
            let special = behaviour.replies.iter().find(|(start, _)| line.starts_with(start));
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_owned();
            let (drop, reply) = match verb.as_str() {
                "EHLO" => (Drop::Ehlo, self.ehlo(&behaviour)),
                "MAIL" => (Drop::Mail, "250 ok\r\n".to_owned()),
                "RCPT" => (Drop::Rcpt, "250 ok\r\n".to_owned()),
                "DATA" if rcpts.is_empty() => (Drop::Data, "503 nobody\r\n".to_owned()),
                "DATA" => (Drop::Data, "354 go\r\n".to_owned()),
                "AUTH" => (Drop::Auth, "235 2.7.0 ok\r\n".to_owned()),
                "RSET" => (Drop::Rset, "250 ok\r\n".to_owned()),
                "QUIT" => {
                    write.write_all(b"221 bye\r\n").await?;
                    return Ok(());
                }
                _ => (Drop::Ehlo, "250 ok\r\n".to_owned()),
            };
            if ends(drop) {
                return Ok(());
            }
            if let Some((_, reply)) = special {
                *self.refused.lock().unwrap() += usize::from(verb == "MAIL");
                write.write_all(format!("{reply}\r\n").as_bytes()).await?;
                continue;
            }
            match verb.as_str() {
                "MAIL" => (mail, rcpts) = (line.clone(), Vec::new()),
                "RCPT" => rcpts.push(line.clone()),
                _ => {}
            }
            let mut content = String::new();
            if verb == "BDAT" {
                let size = line.split(' ').nth(1).and_then(|size| size.parse().ok());
                let mut chunk = vec![0; size.unwrap_or(0)];
                if ends(Drop::Chunk) {
                    chunk.truncate(chunk.len() / 2);
                    lines.get_mut().read_exact(&mut chunk).await?;
                    return Ok(());
                }
                lines.get_mut().read_exact(&mut chunk).await?;
                content = String::from_utf8_lossy(&chunk).into_owned();
                if rcpts.is_empty() {
                    write.write_all(b"503 nobody\r\n").await?;
                    continue;
                }
            } else {
                write.write_all(reply.as_bytes()).await?;
                if !reply.starts_with("354") {
                    continue;
                }
                loop {
                    let Some(line) = lines.next_line().await? else { return Ok(()) };
                    if line == "." {
                        break;
                    }
                    if ends(Drop::Line) {
                        return Ok(());
                    }
                    content += line.strip_prefix('.').unwrap_or(&line);
                    content += "\r\n";
                }
            }
            if ends(Drop::Content) {
                return Ok(());
            }
            if let Some((_, reply)) = behaviour.replies.iter().find(|(start, _)| *start == ".") {
                write.write_all(format!("{reply}\r\n").as_bytes()).await?;
                continue;
            }
            let rcpts = std::mem::take(&mut rcpts);
            self.taken.lock().unwrap().push(Taken { mail: mail.clone(), rcpts, content });
            if ends(Drop::Taken) {
                return Ok(());
            }
            write.write_all(b"250 2.0.0 taken\r\n").await?;
            if ends(Drop::Farewell) && lines.next_line().await?.is_some() {
                write.write_all(b"421 4.7.0 enough for one connection\r\n").await?;
            }
            if ends(Drop::Next) || ends(Drop::Farewell) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn ehlo(&self, behaviour: &Behaviour) -> String {
        let mut reply = "250-there.test\r\n".to_owned();
        for keyword in behaviour.keywords {
            reply += &format!("250-{keyword}\r\n");
        }
        reply + "250 ENHANCEDSTATUSCODES\r\n"
    }
}
