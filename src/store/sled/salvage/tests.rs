use super::*;
use crate::domain::samples::{at, id, opened, quorum};

/// Once a segment has lost its header, it is unknown which of two entries is newer.
#[test]
fn the_latest_tombstone_stays_in_any_order() {
    let key = b"qtest\0agent\0r1".to_vec();
    let named = [Named::Forgotten(at(5)), Named::Forgotten(at(3)), Named::Approval(id(0, 1))];
    for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0], [2, 0, 1]] {
        let mut found = Found::default();
        order.iter().for_each(|n| found.add(key.clone(), &records::encode_request_id(&key, named[*n])));
        assert_eq!(found.forgotten, [(key.clone(), at(5))].into(), "{order:?}");
    }
}

#[test]
fn the_first_event_gives_a_request_id_without_an_entry() {
    let mut approval = opened(quorum(1));
    for schema in [None, Some("{}".into())] {
        std::sync::Arc::make_mut(&mut approval.request).schema = schema; // which is lost as well
        let first = approval.first_event().unwrap();
        let mut found = Found::default();
        let (encoded, _) = records::encode(&approval, &[first], Digest::ZERO).unwrap();
        encoded.into_iter().for_each(|(key, value)| found.add(key, &value));
        let salvaged = found.sort(None, at(9));
        let request_id = approval.request.request_id.clone();
        assert!(salvaged.histories.is_empty(), "it may have been decided since");
        assert!(salvaged.left_out.iter().all(|fault| !fault.what.contains("request_id")));
        let told: Vec<_> = salvaged.forgotten.iter().map(|one| (one.at, &one.request_id)).collect();
        assert_eq!(told, [(at(9), &request_id)]);
    }
}
