//! `--json`: protocol messages in proto3 JSON, with the field names of the proto files, one object per line.
//!
//! Escapes invisible characters in strings, so that a terminal can safely show the lines. JSON itself escapes only the
//! C0 control characters.

use std::{io, sync::LazyLock};

use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde::Serialize;
use serde_json::ser::Formatter;

use crate::{
    proto::{self, v1},
    unicode::is_invisible,
    wire::double::whole,
};

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let mut pool = proto::DESCRIPTORS.clone();
    pool.decode_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET).expect("compiled in");
    pool
});

/// A message that commands print.
pub(super) trait Printed: prost::Message {
    /// The full name of the message.
    const NAME: &'static str;
}

macro_rules! printed {
    ($($message:ty => $name:literal),* $(,)?) => {
        $(impl Printed for $message {
            const NAME: &'static str = $name;
        })*

        #[cfg(test)]
        const NAMES: &[&str] = &[$($name),*];
    };
}

printed! {
    v1::Approval => "signoff.v1.Approval",
    v1::RequestApprovalResponse => "signoff.v1.RequestApprovalResponse",
    v1::GetApprovalResponse => "signoff.v1.GetApprovalResponse",
    v1::WatchPendingResponse => "signoff.v1.WatchPendingResponse",
    v1::GetPolicyResponse => "signoff.v1.GetPolicyResponse",
    v1::SetPolicyResponse => "signoff.v1.SetPolicyResponse",
    v1::PolicyVersion => "signoff.v1.PolicyVersion",
    v1::PolicyTestResult => "signoff.v1.PolicyTestResult",
    v1::Token => "signoff.v1.Token",
    v1::CreateTokenResponse => "signoff.v1.CreateTokenResponse",
    v1::RevokeTokenResponse => "signoff.v1.RevokeTokenResponse",
    v1::GetCallerResponse => "signoff.v1.GetCallerResponse",
    v1::DecideResponse => "signoff.v1.DecideResponse",
    v1::CancelApprovalResponse => "signoff.v1.CancelApprovalResponse",
    v1::RevokeApprovalResponse => "signoff.v1.RevokeApprovalResponse",
    v1::FreezeResponse => "signoff.v1.FreezeResponse",
    v1::ThawResponse => "signoff.v1.ThawResponse",
    v1::Freeze => "signoff.v1.Freeze",
    v1::Session => "signoff.v1.Session",
    v1::EndSessionsResponse => "signoff.v1.EndSessionsResponse",
    v1::BlockSubjectResponse => "signoff.v1.BlockSubjectResponse",
    v1::UnblockSubjectResponse => "signoff.v1.UnblockSubjectResponse",
    v1::BlockedSubject => "signoff.v1.BlockedSubject",
    v1::NotificationChannel => "signoff.v1.NotificationChannel",
    v1::Delivery => "signoff.v1.Delivery",
    v1::BackupComplete => "signoff.v1.BackupComplete",
    v1::RetryDeliveryResponse => "signoff.v1.RetryDeliveryResponse",
    v1::TestChannelResponse => "signoff.v1.TestChannelResponse",
    v1::GetStatusResponse => "signoff.v1.GetStatusResponse",
    tonic_health::pb::HealthCheckResponse => "grpc.health.v1.HealthCheckResponse",
}

/// The message as one line of JSON, without a line end.
pub(super) fn line<M: Printed>(message: &M) -> io::Result<Vec<u8>> {
    let descriptor = POOL.get_message_by_name(M::NAME).expect("every printed message is in the pool");
    let mut dynamic = DynamicMessage::new(descriptor);
    dynamic.transcode_from(message).map_err(io::Error::other)?;
    let mut line = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut line, Visible);
    let options = SerializeOptions::new().use_proto_field_name(true);
    dynamic.serialize_with_options(&mut serializer, &options).map_err(io::Error::from)?;
    Ok(line)
}

/// A value of this program as one line of JSON.
pub(super) fn text(value: &impl Serialize) -> serde_json::Result<String> {
    let mut text = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut text, Visible))?;
    Ok(String::from_utf8(text).expect("JSON is UTF-8"))
}

/// Writes JSON for people, with unchanged values: `5` for the double 5.0, like protobuf's own JSON, and an escape for
/// each invisible character.
struct Visible;

impl Formatter for Visible {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        match whole(value) {
            Some(whole) => self.write_i64(writer, whole),
            None => serde_json::ser::CompactFormatter.write_f64(writer, value),
        }
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_invisible) {
            let (seen, hidden) = rest.split_at(at);
            writer.write_all(seen.as_bytes())?;
            let mut after = hidden.chars();
            for unit in after.next().map(|c| c.encode_utf16(&mut [0; 2]).to_vec()).unwrap_or_default() {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = after.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::arguments, *};
    use crate::unicode::samples::{INVISIBLE, VISIBLE};

    #[test]
    fn every_printed_message_exists() {
        for name in NAMES {
            assert!(POOL.get_message_by_name(name).is_some(), "{name}");
        }
    }

    #[test]
    fn canonical_json_with_the_protos_names() {
        let approval = v1::Approval {
            id: "a1".to_owned(),
            revision: 3,
            status: v1::ApprovalStatus::TimedOut.into(),
            tool_name: "send_email".to_owned(),
            arguments: Some(arguments::object("", r#"{"n":5,"x":0.5,"t":"\u001b\u202e"}"#).unwrap()),
            timeout: Some(prost_types::Duration { seconds: 300, nanos: 0 }),
            create_time: Some(prost_types::Timestamp { seconds: 1_767_225_600, nanos: 0 }),
            ..Default::default()
        };
        let text = String::from_utf8(line(&approval).unwrap()).unwrap();
        let expected = "{\"id\":\"a1\",\"revision\":\"3\",\"status\":\"APPROVAL_STATUS_TIMED_OUT\",\
            \"tool_name\":\"send_email\",\"arguments\":{\"n\":5,\"t\":\"\\u001b\\u202e\",\"x\":0.5},\
            \"timeout\":\"300s\",\"create_time\":\"2026-01-01T00:00:00Z\"}";
        assert_eq!(text, expected);
    }

    #[test]
    fn an_unknown_status_stays_a_number() {
        let approval = v1::Approval { status: 77, ..Default::default() };
        assert_eq!(line(&approval).unwrap(), br#"{"status":77}"#);
    }

    #[test]
    fn invisible_characters_are_escapes_of_the_same_value() {
        for c in INVISIBLE.iter().copied().chain(['\n', '\t']) {
            let approval = v1::Approval { tool_name: format!("a{c}b{c}"), ..Default::default() };
            let line = String::from_utf8(line(&approval).unwrap()).unwrap();
            assert!(!line.contains(is_invisible), "{line:?}");
            let back: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(back["tool_name"], approval.tool_name);
            assert_eq!(text(&approval.tool_name).unwrap(), line[r#"{"tool_name":"#.len()..line.len() - 1]);
        }
        for seen in VISIBLE {
            assert_eq!(text(seen).unwrap(), format!("\"{seen}\""));
        }
        assert_eq!(text(&"\u{9b}\u{e0041}").unwrap(), r#""\u009b\udb40\udc41""#);
    }
}
