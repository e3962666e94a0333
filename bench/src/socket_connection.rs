//! A WebSocket that costs next to nothing, so that the server is measured and not its client: just
//! enough of RFC 6455 and of `docs/protocol.md` (MessagePack) for commands and their results.

use std::net::SocketAddr;

use anyhow::{Context as _, bail, ensure};
use deeds_client::message::{self, PROTOCOL, SUBPROTOCOL, ToServer};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How much is read at once: the results of many commands.
const READ_BYTES: usize = 256 << 10;

/// A whole binary message, by its first byte; a text; the end.
const BINARY: u8 = 0x82;
const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;

/// A client's frames are masked; by what is of no interest between two programs of ours, but it is done.
const MASK: [u8; 4] = [0x5a, 0xc3, 0x96, 0x3c];

pub(crate) struct SocketConnection {
    stream: TcpStream,
    /// What was read and not used yet is behind `used`.
    read: Vec<u8>,
    used: usize,
    /// How many commands may be on their way.
    pub(crate) commands_max: usize,
}

/// What became of a command, as far as anybody here wants to know.
#[derive(Debug, Deserialize)]
pub(crate) struct Told<'a> {
    r#type: &'a str,
    pub(crate) id: Option<&'a str>,
    refusal: Option<IgnoredAny>,
    error: Option<serde_json::Value>,
    limits: Option<Limits>,
}

#[derive(Debug, Deserialize)]
struct Limits {
    commands: usize,
}

/// What a result says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    Refused,
}

impl Told<'_> {
    /// The outcome, if this is the result of a command that was decided.
    pub(crate) fn outcome(&self) -> anyhow::Result<Option<Outcome>> {
        match (self.r#type, &self.refusal, &self.error) {
            ("result", Some(_), None) => Ok(Some(Outcome::Refused)),
            ("result", None, None) => Ok(Some(Outcome::Accepted)),
            ("tick" | "pong", ..) => Ok(None),
            (other, _, error) => bail!("the server said {other}: {error:?}"),
        }
    }
}

impl SocketConnection {
    /// Opens a socket and greets with a token.
    pub(crate) async fn open(address: SocketAddr, token: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut connection =
            Self { stream, read: Vec::with_capacity(READ_BYTES), used: 0, commands_max: 0 };
        let request = format!(
            "GET /v1/live HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\
             \r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ZGVlZHMgYmVuY2htYXJrcw==\
             \r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
        );
        connection.stream.write_all(request.as_bytes()).await?;
        let end = loop {
            let found = connection.read.windows(4).position(|four| four == b"\r\n\r\n");
            match found {
                Some(end) => break end + 4,
                None => connection.read_more().await?,
            }
        };
        let head = String::from_utf8_lossy(&connection.read[..end]).into_owned();
        ensure!(head.starts_with("HTTP/1.1 101 "), "no socket was opened: {head}");
        connection.used = end;
        let hello = ToServer::Hello { protocol: PROTOCOL, token, resume: None, subs: Vec::new() };
        connection.send(&message::write(&hello)).await?;
        let mut commands_max = None;
        while commands_max.is_none() {
            connection
                .hear(|told| {
                    ensure!(told.r#type == "welcome", "the server said {}", told.r#type);
                    commands_max = told.limits.as_ref().map(|limits| limits.commands);
                    Ok(())
                })
                .await?;
        }
        connection.commands_max = commands_max.context("a welcome has limits")?;
        Ok(connection)
    }

    /// Sends one message, or an array of them.
    pub(crate) async fn send(&mut self, payload: &[u8]) -> anyhow::Result<()> {
        let mut frame = Vec::with_capacity(payload.len() + 16);
        frame.push(BINARY);
        match payload.len() {
            length @ 0..=125 => frame.push(0x80 | length as u8),
            length @ 126..=0xffff => {
                frame.push(0x80 | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(MASK);
        let start = frame.len();
        frame.extend_from_slice(payload);
        for four in frame[start..].chunks_mut(MASK.len()) {
            four.iter_mut().zip(MASK).for_each(|(byte, mask)| *byte ^= mask);
        }
        Ok(self.stream.write_all(&frame).await?)
    }

    /// Waits until something comes, and hears all of it.
    pub(crate) async fn hear(
        &mut self,
        mut each: impl FnMut(Told<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut heard = false;
        loop {
            while let Some((opcode, payload, next)) = frame_at(&self.read, self.used) {
                heard = true;
                match opcode {
                    BINARY => tell(&self.read[payload..next], &mut each)?,
                    TEXT | CLOSE => bail!("the server closed the socket"),
                    _ => {}
                }
                self.used = next;
            }
            if heard {
                return Ok(());
            }
            self.read_more().await?;
        }
    }

    async fn read_more(&mut self) -> anyhow::Result<()> {
        if self.used > 0 {
            self.read.drain(..self.used);
            self.used = 0;
        }
        self.read.reserve(READ_BYTES);
        let read = self.stream.read_buf(&mut self.read).await?;
        ensure!(read > 0, "the server closed the connection");
        Ok(())
    }
}

/// The frame that begins here, if it is here whole: its first byte, where its payload begins and where
/// it ends. What a server sends is not masked.
fn frame_at(read: &[u8], at: usize) -> Option<(u8, usize, usize)> {
    let bytes = read.get(at..)?;
    let (first, short) = (*bytes.first()?, *bytes.get(1)?);
    let (length, head) = match short {
        126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?, 10),
        length => (usize::from(length), 2),
    };
    let end = at + head + length;
    (read.len() >= end).then_some((first, at + head, end))
}

/// One message, or an array of them.
fn tell(
    payload: &[u8],
    each: &mut impl FnMut(Told<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut rest = payload;
    let several = matches!(payload.first(), Some(0x90..=0x9f | 0xdc | 0xdd));
    let count = if several { rmp::decode::read_array_len(&mut rest)? } else { 1 };
    let mut reader = rmp_serde::Deserializer::from_read_ref(rest);
    for _ in 0..count {
        let told = Told::deserialize(&mut reader).context("the server speaks our protocol")?;
        each(told)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_are_found_whole_or_not_at_all() {
        for length in [0_usize, 1, 125, 126, 0xffff, 0x1_0000] {
            let mut bytes = vec![0xff, BINARY];
            match length {
                0..=125 => bytes.push(length as u8),
                126..=0xffff => {
                    bytes.push(126);
                    bytes.extend((length as u16).to_be_bytes());
                }
                _ => {
                    bytes.push(127);
                    bytes.extend((length as u64).to_be_bytes());
                }
            }
            let payload = bytes.len();
            bytes.extend(vec![7; length]);
            assert_eq!(frame_at(&bytes, 1), Some((BINARY, payload, payload + length)));
            assert_eq!(frame_at(&bytes[..bytes.len() - 1], 1), None);
        }
    }
}
