//! Storage as a function usually experiences it: opening a connection takes time, and a connection
//! has a limited bandwidth.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const BYTES_PER_SECOND: f64 = 80_000_000.0;
const OPENING: Duration = Duration::from_millis(20);
const PIECE: usize = 64 * 1024;

/// A proxy for a server that limits every connection. It exists as long as the program runs.
pub(crate) struct Throttle {
    address: SocketAddr,
}

impl Throttle {
    pub(crate) fn before(url: &str) -> Self {
        let server = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("no port is free");
        let address = listener.local_addr().expect("it is bound");
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = server.clone();
                thread::spawn(move || carry(client, &server));
            }
        });
        Self { address }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn carry(client: TcpStream, server: &str) {
    thread::sleep(OPENING);
    let Ok(server) = TcpStream::connect(server) else { return };
    let (Ok(from), Ok(to)) = (client.try_clone(), server.try_clone()) else { return };
    let requests = thread::spawn(move || pace(from, to));
    pace(server, client);
    // It returns nothing.
    let _ = requests.join();
}

fn pace(mut from: TcpStream, mut to: TcpStream) {
    let mut piece = vec![0; PIECE];
    let mut due = Instant::now();
    while let Ok(length @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
        let length = u32::try_from(length).expect("a piece is small");
        due =
            due.max(Instant::now()) + Duration::from_secs_f64(f64::from(length) / BYTES_PER_SECOND);
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    // The other side may already be gone.
    let _ = to.shutdown(Shutdown::Write);
}
