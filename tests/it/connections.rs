//! Connections that leave the machine: encrypted, and through a proxy.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::bed::function::Function;
use crate::bed::s3::S3;
use crate::bed::sns::Sns;
use crate::bed::source::Source;
use crate::scene::{Scene, TOPIC, USUAL, settings};

/// A certificate for `storage.example` and `localhost`, and its key.
const IDENTITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bed/server.pem");

/// What stands between a function and its storage.
struct Way {
    runtime: Runtime,
    /// The first lines of what the proxy was asked.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Way {
    fn new() -> Self {
        Self { runtime: Runtime::new().unwrap(), asked: Arc::default() }
    }

    fn listener(&self) -> (TcpListener, SocketAddr) {
        let listener = self.runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// Decrypts what is for the server.
    fn decrypt_for(&self, server: SocketAddr) -> SocketAddr {
        let certificate = CertificateDer::from_pem_file(IDENTITY).unwrap();
        let key = PrivateKeyDer::from_pem_file(IDENTITY).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (listener, address) = self.listener();
        self.runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut near = acceptor.accept(socket).await?;
                    let mut far = TcpStream::connect(server).await?;
                    copy_bidirectional(&mut near, &mut far).await
                });
            }
        });
        address
    }

    /// Forwards everything to the server, whatever it is asked for.
    fn proxy_to(&self, server: SocketAddr) -> SocketAddr {
        let (listener, address) = self.listener();
        let asked = Arc::clone(&self.asked);
        self.runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let asked = Arc::clone(&asked);
                tokio::spawn(async move {
                    let mut near = BufReader::new(socket);
                    let mut head = String::new();
                    while !head.ends_with("\r\n\r\n") && near.read_line(&mut head).await? > 0 {}
                    asked.lock().unwrap().extend(head.lines().next().map(str::to_owned));
                    near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                    let mut far = TcpStream::connect(server).await?;
                    copy_bidirectional(&mut near, &mut far).await
                });
            }
        });
        address
    }
}

/// Runs a task whose storage is at the address that `endpoint` makes of a port, and returns what
/// the proxy of the environment was asked.
fn asked_of_the_proxy(endpoint: impl Fn(u16) -> String) -> Vec<String> {
    let (s3, sns) = (S3::start(&["sources", "results"]), Sns::start(&[TOPIC]));
    let way = Way::new();
    let encrypted = way.decrypt_for(s3.url().trim_start_matches("http://").parse().unwrap());
    let settings = settings(&s3, &sns)
        .set("AWS_ENDPOINT_URL_S3", endpoint(encrypted.port()))
        .set("SSL_CERT_FILE", IDENTITY)
        .set("HTTPS_PROXY", format!("http://{}", way.proxy_to(encrypted)))
        .set("NO_PROXY", "localhost");
    let scene = Scene { s3, sns, function: Function::start(settings) };
    let scene = scene.source("a.mp4", &Source::new(1).size(64, 48).seconds(0.4));
    scene.run("a.mp4", &format!("f_mp4,{USUAL}")).succeeded();
    let asked = way.asked.lock().unwrap();
    asked.clone()
}

#[test]
fn encrypted_storage_is_reached_through_the_proxy_of_the_environment() {
    let asked = asked_of_the_proxy(|_| "https://storage.example".to_owned());
    assert!(!asked.is_empty());
    for line in asked {
        assert_eq!(line, "CONNECT storage.example:443 HTTP/1.1");
    }
}

#[test]
fn encrypted_storage_that_needs_no_proxy_is_reached_without() {
    let asked = asked_of_the_proxy(|port| format!("https://localhost:{port}"));
    assert_eq!(asked, Vec::<String>::new());
}
