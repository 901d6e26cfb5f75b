//! SNS with its query protocol. It checks requests as the real one does, so that a message which
//! SNS would reject fails the test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use percent_encoding::percent_decode_str;

use super::fault::{Answer, Fault, Faults, cut, kill};
use super::http::{AnyError, Server, header, reply};

/// Limit for message and attributes together.
const MAX_BYTES: usize = 256 * 1024;

#[derive(Debug, Clone)]
pub struct Message {
    pub topic: String,
    pub body: String,
    /// For each name, the type and the value.
    pub attributes: BTreeMap<String, (String, String)>,
}

#[derive(Clone, Default)]
pub struct Exchange {
    topics: Arc<Mutex<Vec<String>>>,
    messages: Arc<Mutex<Vec<Message>>>,
    refusals: Arc<Mutex<Vec<String>>>,
    faults: Faults,
}

pub struct Sns {
    server: Server,
    exchange: Exchange,
}

struct Refusal(StatusCode, &'static str, String);

type Form = BTreeMap<String, String>;

impl Sns {
    /// With topics that have these ARNs.
    pub fn start(topics: &[&str]) -> Self {
        Self::sharing(&Faults::default(), topics)
    }

    /// Requests count for the same faults as those of another server.
    pub fn sharing(faults: &Faults, topics: &[&str]) -> Self {
        let exchange = Exchange { faults: faults.clone(), ..Exchange::default() };
        exchange.topics.lock().unwrap().extend(topics.iter().map(|&topic| topic.to_owned()));
        let door = exchange.clone();
        let server = Server::start(move |request| door.clone().answer(request));
        Self { server, exchange }
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The handler of its requests, for a server that also provides other services.
    pub fn exchange(&self) -> Exchange {
        self.exchange.clone()
    }

    pub fn environment(&self) -> Vec<(String, String)> {
        vec![("AWS_ENDPOINT_URL_SNS".to_owned(), self.url())]
    }

    pub fn messages(&self) -> Vec<Message> {
        self.exchange.messages.lock().unwrap().clone()
    }

    pub fn forget_messages(&self) {
        self.exchange.messages.lock().unwrap().clear();
    }

    /// Code and reason of every rejected request.
    pub fn refusals(&self) -> Vec<String> {
        self.exchange.refusals.lock().unwrap().clone()
    }

    pub fn fail(&self, fault: Fault) {
        self.exchange.faults.add(fault);
    }

    /// Makes the next `times` publications fail like those to an overloaded SNS.
    pub fn throttle(&self, times: usize) {
        self.fail(Fault::new(Answer::Error(400, "Throttling")).times(times));
    }
}

impl Exchange {
    pub async fn answer(
        self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, AnyError> {
        let (fault, refused) = (self.faults.strike(request.method(), "/"), check_head(&request));
        let body = request.into_body().collect().await?.to_bytes();
        let publish =
            || refused.and_then(|()| self.publish(&parse_form(&String::from_utf8_lossy(&body))));
        let result = match fault {
            None => publish(),
            Some(Answer::Error(status, code)) => {
                Err(Refusal(StatusCode::from_u16(status)?, code, "asked for by the test".into()))
            }
            Some(Answer::Said(status, code, text)) => {
                Err(Refusal(StatusCode::from_u16(status)?, code, text.into()))
            }
            Some(Answer::Stall | Answer::StallBody) => std::future::pending().await,
            Some(Answer::Late) => {
                publish().ok();
                std::future::pending().await
            }
            Some(Answer::Lost) => {
                publish().ok();
                return Err(cut());
            }
            Some(Answer::Held) => {
                let published = publish();
                self.faults.hold().await;
                published
            }
            Some(Answer::Kill(process)) => return Err(kill(process)),
            Some(Answer::KillAfter(process)) => {
                publish().ok();
                return Err(kill(process));
            }
            Some(Answer::Cut | Answer::CutBody | Answer::Elsewhere(_) | Answer::Otherwise(_)) => {
                return Err(cut());
            }
        };
        Ok(result.map_or_else(|refusal| self.refuse(&refusal), |id| accepted(&id)))
    }

    fn publish(&self, form: &Form) -> Result<String, Refusal> {
        let message = read_message(form)?;
        if !self.topics.lock().unwrap().contains(&message.topic) {
            return Err(Refusal(StatusCode::NOT_FOUND, "NotFound", "Topic does not exist".into()));
        }
        self.messages.lock().unwrap().push(message);
        Ok(uuid::Uuid::new_v4().to_string())
    }

    fn refuse(&self, Refusal(status, code, text): &Refusal) -> Response<Full<Bytes>> {
        self.refusals.lock().unwrap().push(format!("{code}: {text}"));
        let side = if status.is_server_error() { "Receiver" } else { "Sender" };
        let xml = format!(
            "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>{side}</Type>\
             <Code>{code}</Code><Message>{text}</Message></Error><RequestId>{}</RequestId></ErrorResponse>",
            uuid::Uuid::new_v4()
        );
        reply(*status, "text/xml", xml)
    }
}

fn accepted(id: &str) -> Response<Full<Bytes>> {
    let xml = format!(
        "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult><MessageId>{id}\
         </MessageId></PublishResult><ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata>\
         </PublishResponse>",
        uuid::Uuid::new_v4()
    );
    reply(StatusCode::OK, "text/xml", xml)
}

fn check_head(request: &Request<Incoming>) -> Result<(), Refusal> {
    let signed = header(request, "authorization").is_some_and(|value| {
        value.starts_with("AWS4-HMAC-SHA256 Credential=")
            && value.contains("/sns/aws4_request")
            && value.contains("Signature=")
    });
    if !signed {
        let text = "Request is missing Authentication Token";
        return Err(Refusal(StatusCode::FORBIDDEN, "MissingAuthenticationToken", text.into()));
    }
    let form = header(request, "content-type")
        .is_some_and(|t| t.starts_with("application/x-www-form-urlencoded"));
    if request.method() == "POST" && form {
        Ok(())
    } else {
        Err(invalid("MalformedInput", "not a form"))
    }
}

fn read_message(form: &Form) -> Result<Message, Refusal> {
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    if (field("Action"), field("Version")) != ("Publish", "2010-03-31") {
        return Err(invalid("InvalidAction", "only Publish of 2010-03-31 is known"));
    }
    let topic = field("TopicArn");
    if !is_topic_arn(topic) {
        return Err(invalid(
            "InvalidParameter",
            &format!("Invalid parameter: TopicArn Reason: {topic}"),
        ));
    }
    let (body, attributes) = (field("Message"), read_attributes(form)?);
    if body.is_empty() {
        return Err(invalid("InvalidParameter", "Invalid parameter: Empty message"));
    }
    let extra: usize =
        attributes.iter().map(|(name, (kind, value))| name.len() + kind.len() + value.len()).sum();
    if body.len() + extra > MAX_BYTES {
        return Err(invalid("InvalidParameter", "Invalid parameter: Message too long"));
    }
    Ok(Message { topic: topic.to_owned(), body: body.to_owned(), attributes })
}

fn read_attributes(form: &Form) -> Result<BTreeMap<String, (String, String)>, Refusal> {
    let mut attributes = BTreeMap::new();
    for index in 1.. {
        let part =
            |name: &str| form.get(&format!("MessageAttributes.entry.{index}.{name}")).cloned();
        let Some(name) = part("Name") else { break };
        let kind = part("Value.DataType").unwrap_or_default();
        let value =
            part("Value.StringValue").or_else(|| part("Value.BinaryValue")).unwrap_or_default();
        let known = ["String", "String.Array", "Number", "Binary"].contains(&kind.as_str());
        if !is_attribute_name(&name) || !known || value.is_empty() {
            let text = format!("The message attribute '{name}' of type '{kind}' is not valid");
            return Err(invalid("ParameterValueInvalid", &text));
        }
        if kind == "Number" && value.parse::<f64>().is_err() {
            return Err(invalid("ParameterValueInvalid", &format!("'{name}' is no number")));
        }
        attributes.insert(name, (kind, value));
    }
    Ok(attributes)
}

fn is_topic_arn(text: &str) -> bool {
    let parts: Vec<_> = text.split(':').collect();
    let [arn, partition, service, region, account, name] = parts[..] else {
        return false;
    };
    let plain = name.strip_suffix(".fifo").unwrap_or(name);
    arn == "arn"
        && partition.starts_with("aws")
        && service == "sns"
        && !region.is_empty()
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && (1..=256).contains(&name.len())
        && plain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

fn is_attribute_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    (1..=256).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && name.split('.').all(|part| !part.is_empty())
        && !lower.starts_with("aws.")
        && !lower.starts_with("amazon.")
}

fn parse_form(body: &str) -> Form {
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (unescape(name), unescape(value))).collect()
}

fn unescape(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

fn invalid(code: &'static str, text: &str) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, code, text.to_owned())
}
