use super::*;
use crate::{
    domain::{
        samples::{at, id, opened, quorum, reviewer},
        token_samples::token,
    },
    store::{PolicyHead, PolicyVersion},
};

fn joined(encoded: &Encoded) -> Vec<u8> {
    encoded.iter().flat_map(|(key, value)| [&key[..], &value[..]].concat()).collect()
}

/// Every later build must read these bytes, and write the same ones: the chain of events depends on it.
#[test]
fn the_records_are_pinned() {
    let approval = opened(quorum(1));
    let (encoded, _) = encode(&approval, &[approval.first_event().unwrap()], Digest::ZERO).unwrap();
    let head = PolicyHead { version: 1, author: reviewer(1), comment: "c".into(), at: at(0) };
    let request_id = Some("r".into());
    let version = PolicyVersion { head, request_id, expected: Some(0), document: "d".into() };
    let key = keys::request_id(&approval.request.caller, "r1");
    let pins = [
        (encoded, "de76e66bea9b01b17982ffe59435694504e6a08ce176f0805261a62e7bead458"),
        (encode_policy(&version).unwrap(), "becfb5dba9b6861ddebc4e006517d3596e944113aadf93fd50ad6be815fb5101"),
        (encode_token(&token(1)).unwrap().0, "2b912adc118804b85c16b83c129bbc3b7e6a0383620746c6219f8dba58088ab0"),
        (
            vec![(key.clone(), encode_request_id(&key, Named::Approval(id(0, 1))))],
            "93a14c8e57bceda7aaa9f514b4f0b7720b2c08bf946e94b85a5c7b7d8a7cd549",
        ),
    ];
    let shown: Vec<_> = pins.iter().map(|(encoded, _)| Digest::of_bytes(&joined(encoded)).to_string()).collect();
    assert_eq!(shown, pins.map(|(_, pinned)| format!("sha256:{pinned}")));
}
