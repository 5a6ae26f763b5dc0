//! What a `grpcurl` command sends. The program itself may not be installed: the shell takes the command apart, and the
//! server's own descriptors read its JSON as grpcurl does.

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};

use super::sandbox::Sandbox;
use crate::terminal::{text, typed};

/// Functions in the place of the programs.
const PROGRAMS: &str = r#"
SIGNOFF_TOKEN=token
grpcurl() { printf '%s\0' "$@"; }
uuidgen() { echo 0b1f7a52-5f0d-4c1e-9a57-0d6c2f3b8e11; }
"#;

/// The message of a command that calls `method` of the ApprovalService at the address of development mode.
pub(super) async fn message<M: Message + Default>(sandbox: &Sandbox, command: &str, method: &str) -> M {
    let output = typed(&mut sandbox.shell(&format!("{PROGRAMS}{command}"))).await;
    assert!(output.status.success(), "{command}{}", text(&output));
    let words = String::from_utf8(output.stdout).unwrap();
    let words: Vec<&str> = words.split_terminator('\0').collect();
    let [options @ .., address, called] = &words[..] else { panic!("{command}") };
    assert_eq!(*address, "127.0.0.1:7766", "{command}");
    assert_eq!(*called, format!("signoff.v1.ApprovalService/{method}"), "{command}");
    let body = match options {
        ["-plaintext", "-H", "authorization: Bearer token"] => "{}",
        ["-plaintext", "-H", "authorization: Bearer token", "-d", body] => body,
        _ => panic!("{options:?}"),
    };

    let pool = DescriptorPool::decode(signoff::proto::FILE_DESCRIPTOR_SET).unwrap();
    let service = pool.get_service_by_name("signoff.v1.ApprovalService").unwrap();
    let called = service.methods().find(|each| each.name() == method).unwrap_or_else(|| panic!("no method {method}"));
    let mut json = serde_json::Deserializer::from_str(body);
    let message =
        DynamicMessage::deserialize(called.input(), &mut json).unwrap_or_else(|error| panic!("{body}: {error}"));
    message.transcode_to().unwrap()
}
