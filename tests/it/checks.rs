//! Checks of answers, errors and streams for all tests.

use std::collections::HashMap;

use prost_types::{Struct, Value};
use signoff::proto::v1::{Approval, ApprovalUpdate, Event, GetApprovalRequest, event::Kind};
use tonic::{Code, Status, Streaming};
use tonic_types::{ErrorDetail, StatusExt as _};

use crate::{
    calls::{MaybeUpdate, next_update, terminal},
    server::{Client, soon},
};

/// The metadata of an error's one ErrorInfo, after checking its code and reason.
#[track_caller]
pub(crate) fn refused(status: &Status, code: Code, reason: &str) -> HashMap<String, String> {
    let mut infos = Vec::new();
    for detail in status.check_error_details_vec().expect("the details are readable") {
        if let ErrorDetail::ErrorInfo(info) = detail {
            infos.push(info);
        }
    }
    assert_eq!(infos.len(), 1, "ErrorInfos of {status:?}");
    let info = infos.remove(0);
    assert_eq!((status.code(), info.reason.as_str()), (code, reason), "{status:?}");
    assert_eq!(info.domain, "signoff.v1");
    info.metadata
}

/// An approval as it is now, with all of its events.
pub(crate) async fn get(client: &mut Client, id: &str) -> (Approval, Vec<Event>) {
    let request = GetApprovalRequest { approval_id: id.into(), include_events: true };
    let answer =
        soon("GetApproval answers", client.get_approval(request)).await.expect("the approval exists").into_inner();
    let approval = answer.approval.expect("the approval");
    assert_eq!(approval.revision, answer.events.len() as u64);
    (approval, answer.events)
}

/// Everything that streams sent about one approval, over any number of connections.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Every event, in order.
    pub(crate) events: Vec<Event>,
    /// The newest state.
    pub(crate) approval: Option<Approval>,
}

impl Told {
    /// The resume point.
    pub(crate) fn revision(&self) -> u64 {
        self.events.len() as u64
    }

    /// Adds the next update. No revision may be missing or repeated.
    #[track_caller]
    pub(crate) fn take(&mut self, update: ApprovalUpdate) {
        for event in update.events {
            assert_eq!(event.revision, self.revision() + 1, "each revision comes once, in order");
            self.events.push(event);
        }
        let approval = update.approval.expect("an update has the approval");
        assert_eq!(approval.revision, self.revision(), "the approval has the newest event's revision");
        self.approval = Some(approval);
    }

    /// Reads a stream to its end, which must be OK, after a terminal status.
    pub(crate) async fn read<T: MaybeUpdate>(&mut self, stream: &mut Streaming<T>) -> Result<(), Status> {
        // Only for this stream: the previous one may have been cut between its last message and its end.
        let mut ended = false;
        while let Some(update) = next_update(stream).await? {
            assert!(!ended, "a message came after the terminal status");
            self.take(update);
            ended = self.approval.as_ref().is_some_and(terminal);
        }
        assert!(self.approval.as_ref().is_some_and(terminal), "the stream ended before the approval was terminal");
        Ok(())
    }

    /// Compares everything with the server's current state. Returns that state.
    pub(crate) async fn agrees(&self, client: &mut Client) -> Approval {
        let told = self.approval.as_ref().expect("a stream sent the approval");
        let (approval, events) = get(client, &told.id).await;
        assert_eq!(self.events, events[..self.events.len()], "streams and GetApproval send the same events");
        assert_eq!((approval.status, &approval.decision), (told.status, &told.decision));
        let decisions = events.iter().filter(|event| matches!(event.kind, Some(Kind::Decided(_)))).count();
        assert_eq!(decisions, usize::from(terminal(&approval)), "one decision");
        approval
    }
}

/// A JSON object as a Struct.
#[track_caller]
pub(crate) fn object(json: &serde_json::Value) -> Struct {
    let fields = json.as_object().expect("an object").iter();
    Struct { fields: fields.map(|(key, value)| (key.clone(), value_of(value))).collect() }
}

fn value_of(json: &serde_json::Value) -> Value {
    use prost_types::value::Kind;
    let kind = match json {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(value) => Kind::BoolValue(*value),
        serde_json::Value::Number(number) => Kind::NumberValue(number.as_f64().expect("a double")),
        serde_json::Value::String(text) => Kind::StringValue(text.clone()),
        serde_json::Value::Array(values) => {
            Kind::ListValue(prost_types::ListValue { values: values.iter().map(value_of).collect() })
        }
        serde_json::Value::Object(_) => Kind::StructValue(object(json)),
    };
    Value { kind: Some(kind) }
}
