//! A server on a free port (of 127.0.0.1 unless another address is given) with threads of its own,
//! so that blocking tests, tests inside a runtime, and child processes can all talk to it.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::runtime::Runtime;

pub type AnyError = Box<dyn std::error::Error + Send + Sync>;

pub struct Server {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Server {
    /// If the handler returns an `Err`, the connection is closed without an answer.
    pub fn start<H, F, B>(handle: H) -> Self
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Result<Response<B>, AnyError>> + Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<AnyError>,
    {
        Self::at(Ipv4Addr::LOCALHOST, handle).expect("no free port")
    }

    /// The same at another address, if this machine has it.
    pub fn at<H, F, B>(address: Ipv4Addr, handle: H) -> std::io::Result<Self>
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Result<Response<B>, AnyError>> + Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<AnyError>,
    {
        let listener = TcpListener::bind((address, 0))?;
        let address = listener.local_addr().expect("a bound listener has an address");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("no threads left");
        runtime.spawn(accept(listener, handle));
        Ok(Self { address, runtime: Some(runtime) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Runs a future on the server's threads. Unlike `block_on`, it may be called inside a runtime.
    pub fn wait<F>(&self, future: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (done, result) = mpsc::channel();
        let runtime = self.runtime.as_ref().expect("taken only by drop");
        runtime.spawn(async move { done.send(future.await) });
        result.recv().expect("the future panicked")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A plain drop would wait, and panics inside another runtime.
            runtime.shutdown_background();
        }
    }
}

async fn accept<H, F, B>(listener: TcpListener, handle: H)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<B>, AnyError>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<AnyError>,
{
    listener.set_nonblocking(true).expect("a socket can be non-blocking");
    let listener = tokio::net::TcpListener::from_std(listener).expect("inside a runtime");
    while let Ok((socket, _)) = listener.accept().await {
        let handle = handle.clone();
        tokio::spawn(async move {
            let service = service_fn(handle);
            // It does not matter if a client closes the connection.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service)
                .await;
        });
    }
}

pub fn reply(
    status: StatusCode,
    content_type: &str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .header("content-type", content_type)
        .body(Full::new(body.into()))
        .expect("a constant header is valid")
}

pub fn header<B>(request: &Request<B>, name: &str) -> Option<String> {
    Some(request.headers().get(name)?.to_str().ok()?.to_owned())
}
