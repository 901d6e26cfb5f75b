//! Secrets Manager as far as a function uses it: one secret, and the number of requests for it.

use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};

use super::http::{AnyError, Server, header, reply};

#[derive(Clone)]
struct Vault {
    id: String,
    text: Arc<Mutex<String>>,
    asked: Arc<Mutex<usize>>,
}

pub struct Secrets {
    server: Server,
    vault: Vault,
}

impl Secrets {
    /// A secret with this name and text.
    pub fn start(id: &str, text: &str) -> Self {
        let vault = Vault {
            id: id.to_owned(),
            text: Arc::new(Mutex::new(text.to_owned())),
            asked: Arc::default(),
        };
        let door = vault.clone();
        let server = Server::start(move |request| door.clone().answer(request));
        Self { server, vault }
    }

    pub fn environment(&self) -> Vec<(String, String)> {
        vec![("AWS_ENDPOINT_URL_SECRETS_MANAGER".to_owned(), self.server.url())]
    }

    pub fn asked(&self) -> usize {
        *self.vault.asked.lock().unwrap()
    }
}

impl Vault {
    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, AnyError> {
        let target = header(&request, "x-amz-target").unwrap_or_default();
        let body = request.into_body().collect().await?.to_bytes();
        let body: Value = serde_json::from_slice(&body)?;
        *self.asked.lock().unwrap() += 1;
        let kind = "application/x-amz-json-1.1";
        if target != "secretsmanager.GetSecretValue" || body["SecretId"] != self.id {
            let error = json!({"__type": "ResourceNotFoundException", "Message": "Secrets Manager can't find the specified secret."});
            return Ok(reply(StatusCode::BAD_REQUEST, kind, error.to_string()));
        }
        let text = self.text.lock().unwrap().clone();
        let answer = json!({"Name": self.id, "SecretString": text, "VersionId": "1"});
        Ok(reply(StatusCode::OK, kind, answer.to_string()))
    }
}
