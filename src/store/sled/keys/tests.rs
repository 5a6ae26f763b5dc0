use std::ops::RangeBounds as _;

use super::*;
use crate::domain::{
    BlockId, FreezeId, KeyPurpose, LAST_TIME, SessionId, TokenId,
    samples::{agent, at, id},
};

/// Keys of existing stores: they must not change without a migration.
#[test]
fn the_keys_are_pinned() {
    let (id, hex) = (id(0, 1), |key: &[u8]| key.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let uuid = "01a3185c500070008000000000000001";
    let time = "0006651728988000";
    for (key, pinned) in [
        (head(id), format!("68{uuid}")),
        (event(id, 2), format!("65{uuid}0000000000000002")),
        (group(3), "670000000000000003".to_owned()),
        (token(TokenId::new(id.uuid())), format!("73{uuid}")),
        (freeze(FreezeId::new(id.uuid())), format!("7a{uuid}")),
        (session(SessionId::new(id.uuid())), format!("61{uuid}")),
        (block(BlockId::new(id.uuid())), format!("62{uuid}")),
        (lane(&(id, "ab-1".parse().unwrap())), format!("6f{uuid}61622d3100")),
        (signing_key(KeyPurpose::Links), "7901".to_owned()),
        (policy(4), "700000000000000004".to_owned()),
        (policy_document(4), "740000000000000004".to_owned()),
        (deadline(at(0), id), format!("64{time}{uuid}")),
        (decided(at(0), id), format!("72{time}{uuid}")),
        (schema(&Digest::from_bytes([1; 32])), format!("6a{}", "01".repeat(32))),
        (rejection((Digest::from_bytes([1; 32]), at(0)), id), format!("6e{}{time}{uuid}", "01".repeat(32))),
    ] {
        assert_eq!(hex(&key), pinned);
    }
    assert_eq!(request_id(&agent(), "r"), b"qtest\0agent\0r");
    let forgotten = forgotten(at(0), &request_id(&agent(), "r"));
    assert_eq!(hex(&forgotten), format!("66{time}{}", hex(b"test\0agent\0r")));
    assert_eq!(forgotten_of(&forgotten), Some((at(0), request_id(&agent(), "r"))));
    assert_eq!(names_of(&request_id(&agent(), "r\0s")), Some(("test", "agent", "r\0s")));
    assert_eq!(policy_request_id(&agent(), "r"), b"ktest\0agent\0r");
    for (field, pinned) in [
        (Field::Tool("x"), &b"itx\0"[..]),
        (Field::Agent("x"), b"iax\0"),
        (Field::Caller("x"), b"icx\0"),
        (Field::Label("x", "y"), b"ilx\0y\0"),
        (Field::Schema(Digest::from_bytes([1; 32])), &[&b"ij"[..], &[1; 32]].concat()),
    ] {
        assert_eq!(field.prefix(), pinned);
    }
    let codes = Status::ALL.map(|status| Field::Status(status).prefix()[2]);
    assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn rejections_are_found_until_they_expire() {
    let (call, next) = (Digest::from_bytes([1; 32]), Digest::from_bytes([2; 32]));
    let entry = rejection((call, at(10)), id(0, 1));
    assert_eq!(id_of(&entry), Some(id(0, 1)));
    for (call, now, found) in [(call, 0, true), (call, 9, true), (call, 10, false), (call, 11, false), (next, 0, false)]
    {
        assert_eq!(rejections(call, at(now)).contains(&entry), found, "{now}");
    }
    assert!(rejections(call, at(9)).contains(&rejection((call, LAST_TIME), END)));
}

#[test]
fn keys_tell_what_is_in_them() {
    let id = id(0, 1);
    assert_eq!(event_of(&event(id, 7)), Some((id, 7)));
    assert_eq!(head_of(&head(id)), Some(id));
    assert_eq!(group_of(&group(9)), Some(9));
    assert_eq!(policy_of(&policy(9)), Some(9));
    assert_eq!(token_of(&token(TokenId::new(id.uuid()))), Some(TokenId::new(id.uuid())));
    assert_eq!(freeze_of(&freeze(FreezeId::new(id.uuid()))), Some(FreezeId::new(id.uuid())));
    assert_eq!(session_of(&session(SessionId::new(id.uuid()))), Some(SessionId::new(id.uuid())));
    assert_eq!(block_of(&block(BlockId::new(id.uuid()))), Some(BlockId::new(id.uuid())));
    assert!(session_of(&block(BlockId::new(id.uuid()))).is_none());
    for other in [event(id, 7), group(9), policy(9)] {
        let piece = [&other[..], &[1]].concat();
        assert!(event_of(&piece).is_none() && group_of(&piece).is_none() && policy_of(&piece).is_none());
    }
    assert!(head_of(&token(TokenId::new(id.uuid()))).is_none());
}
