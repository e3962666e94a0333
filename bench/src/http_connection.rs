//! A connection to an HTTP server that costs next to nothing, so that the server is measured and not
//! its client: keep-alive, one question at a time, just enough of HTTP/1.1 for our own answers.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use deeds_values::CommandId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How much is read at once.
const READ_BYTES: usize = 64 << 10;

pub(crate) struct Connection {
    pub(crate) address: SocketAddr,
    stream: TcpStream,
    /// What was read and not used yet.
    read: Vec<u8>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { address, stream, read: Vec::with_capacity(READ_BYTES) })
    }

    /// Sends a whole HTTP message and waits for the whole answer.
    pub(crate) async fn ask(&mut self, message: &[u8]) -> anyhow::Result<Answer> {
        self.stream.write_all(message).await?;
        let end = loop {
            match find(&self.read, b"\r\n\r\n") {
                Some(end) => break end,
                None => self.read_more().await?,
            }
        };
        let head = String::from_utf8(self.read.drain(..end + 4).collect())?.to_ascii_lowercase();
        let status = head.split(' ').nth(1).context("a status line has a status")?.parse()?;
        let field = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(':'));
            lines.filter(|(field, _)| *field == name).map(|(_, value)| value.trim()).next()
        };
        let body = match field("content-length") {
            Some(length) => self.take(length.parse()?).await?,
            None => {
                let chunked = field("transfer-encoding") == Some("chunked");
                ensure!(chunked, "an answer has a length or comes in chunks");
                self.take_chunks().await?
            }
        };
        Ok(Answer { status, body })
    }

    /// Asks a query; `question` is its name and its parameters, as in an address.
    pub(crate) async fn query(&mut self, token: &str, question: &str) -> anyhow::Result<Answer> {
        let message = format!(
            "GET /v1/queries/{question} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\r\n",
            self.address
        );
        self.ask(message.as_bytes()).await
    }

    /// Sends a command; without an id the server makes one.
    pub(crate) async fn command(
        &mut self,
        token: &str,
        name: &str,
        id: Option<&CommandId>,
        arguments: &str,
    ) -> anyhow::Result<Answer> {
        let id = id.map_or(String::new(), |id| format!("Idempotency-Key: {id}\r\n"));
        let message = format!(
            "POST /v1/commands/{name} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\n{id}Content-Length: {}\r\n\r\n{arguments}",
            self.address,
            arguments.len()
        );
        self.ask(message.as_bytes()).await
    }

    async fn take_chunks(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                match find(&self.read, b"\r\n") {
                    Some(end) => break end,
                    None => self.read_more().await?,
                }
            };
            let size: Vec<u8> = self.read.drain(..end + 2).take(end).collect();
            let size = usize::from_str_radix(std::str::from_utf8(&size)?, 16)?;
            body.extend(self.take(size).await?);
            self.take(2).await?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn take(&mut self, length: usize) -> anyhow::Result<Vec<u8>> {
        while self.read.len() < length {
            self.read_more().await?;
        }
        Ok(self.read.drain(..length).collect())
    }

    async fn read_more(&mut self) -> anyhow::Result<()> {
        let read = self.stream.read_buf(&mut self.read).await?;
        ensure!(read > 0, "the server closed the connection");
        Ok(())
    }
}

fn find(bytes: &[u8], sought: &[u8]) -> Option<usize> {
    bytes.windows(sought.len()).position(|window| window == sought)
}
