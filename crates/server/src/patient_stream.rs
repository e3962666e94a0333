//! A connection that waits for its client to read, but not for ever.
//!
//! hyper bounds how long headers may take to come and nothing about how long an answer may take to be
//! read. A client that asks for much and reads nothing would hold its connection, and what was read
//! for it, as long as it likes. Here a write that makes no progress for [`UNREAD_TIME_MAX`] fails.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// How long a client may leave an answer unread before it is given up: longer than a mobile network
/// is away, shorter than it takes to collect all connections of a server.
pub(crate) const UNREAD_TIME_MAX: Duration = Duration::from_secs(60);

/// See the module.
pub(crate) struct PatientStream {
    stream: TcpStream,
    patience: Duration,
    /// When to give up; none while writing makes progress.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl PatientStream {
    /// Waits this long for the client to read.
    pub(crate) fn new(stream: TcpStream, patience: Duration) -> Self {
        Self { stream, patience, deadline: None }
    }

    /// Lets a write be; one that has been pending for too long fails.
    fn bounded<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(written) = write(Pin::new(&mut self.stream), context) {
            self.deadline = None;
            return Poll::Ready(written);
        }
        let patience = self.patience;
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + patience)));
        ready!(deadline.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client reads nothing")))
    }
}

impl AsyncRead for PatientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for PatientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.bounded(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.bounded(context, |stream, context| stream.poll_write_vectored(context, parts))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.bounded(context, TcpStream::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.bounded(context, TcpStream::poll_shutdown)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Read as _;

    use super::*;

    fn write_much(patience: Duration, read: impl FnOnce(std::net::TcpStream)) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            read(client);
            let mut stream = PatientStream::new(stream, patience);
            let (bytes, mut at) = (vec![7; 64 << 20], 0);
            while at < bytes.len() {
                at += poll_fn(|context| Pin::new(&mut stream).poll_write(context, &bytes[at..]))
                    .await?;
            }
            Ok(())
        })
    }

    #[test]
    fn a_client_that_reads_nothing_is_given_up() {
        let mut held = None;
        let error = write_much(Duration::from_millis(50), |client| held = Some(client));
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_client_that_reads_is_waited_for() {
        write_much(Duration::from_secs(30), |mut client| {
            std::thread::spawn(move || {
                let mut bytes = vec![0; 1 << 20];
                while client.read(&mut bytes).unwrap_or(0) > 0 {}
            });
        })
        .unwrap();
    }
}
