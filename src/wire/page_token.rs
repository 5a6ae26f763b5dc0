//! Page tokens: the start of the next page of a list, bound to the list and its filters.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    domain::{ApprovalId, ChannelName, DeliveryId, SessionId, TokenId},
    store::{Filter, Order},
};

const VERSION: u8 = 1;
const ID: usize = 16;
const HASH: usize = 12;

/// A token that this server did not create, or created for another list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the `next_page_token` of a page with the same filters, unchanged, or empty")]
pub struct InvalidPageToken;

/// The token for the page after `last`. `filter` is the filter of the call, not yet restricted to what the caller may
/// read.
#[must_use]
pub fn encode(filter: &Filter, order: Order, last: ApprovalId) -> String {
    let mut bytes = [0; 1 + ID + HASH];
    bytes[0] = VERSION;
    bytes[1..=ID].copy_from_slice(last.uuid().as_bytes());
    bytes[1 + ID..].copy_from_slice(&hash(filter, order));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The last approval of the previous page.
///
/// # Errors
/// When the token does not belong to this list.
pub fn decode(token: &str, filter: &Filter, order: Order) -> Result<ApprovalId, InvalidPageToken> {
    let mut bytes = [0; 1 + ID + HASH];
    let length = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).map_err(|_| InvalidPageToken)?;
    if length != bytes.len() || bytes[0] != VERSION || bytes[1 + ID..] != hash(filter, order) {
        return Err(InvalidPageToken);
    }
    Uuid::from_slice(&bytes[1..=ID]).map(ApprovalId::new).map_err(|_| InvalidPageToken)
}

/// First byte of tokens for lists of policy versions.
const POLICIES: u8 = 2;

/// The token for the page of policy versions older than `last`.
#[must_use]
pub fn encode_version(last: u64) -> String {
    let mut bytes = [POLICIES; 9];
    bytes[1..].copy_from_slice(&last.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The last version of the previous page.
///
/// # Errors
/// When the token does not belong to this list.
pub fn decode_version(token: &str) -> Result<u64, InvalidPageToken> {
    let mut bytes = [0; 9];
    match URL_SAFE_NO_PAD.decode_slice(token, &mut bytes) {
        Ok(9) if bytes[0] == POLICIES => {
            let [_, version @ ..] = bytes;
            Ok(u64::from_be_bytes(version))
        }
        _ => Err(InvalidPageToken),
    }
}

/// First byte of page tokens for lists of access tokens: all tokens, or only active ones.
const TOKENS: [u8; 2] = [3, 4];

/// The page token for the page of access tokens older than `last`.
#[must_use]
pub fn encode_token(last: TokenId, active_only: bool) -> String {
    encode_id(TOKENS[usize::from(active_only)], last.uuid())
}

/// The last access token of the previous page.
///
/// # Errors
/// When the page token does not belong to this list.
pub fn decode_token(token: &str, active_only: bool) -> Result<TokenId, InvalidPageToken> {
    decode_id(TOKENS[usize::from(active_only)], token).map(TokenId::new)
}

/// First byte of page tokens for lists of sessions: all sessions, or only active ones.
const SESSIONS: [u8; 2] = [5, 6];

/// The page token for the page of sessions older than `last`.
#[must_use]
pub fn encode_session(last: SessionId, active_only: bool) -> String {
    encode_id(SESSIONS[usize::from(active_only)], last.uuid())
}

/// The last session of the previous page.
///
/// # Errors
/// When the page token does not belong to this list.
pub fn decode_session(token: &str, active_only: bool) -> Result<SessionId, InvalidPageToken> {
    decode_id(SESSIONS[usize::from(active_only)], token).map(SessionId::new)
}

/// The filters of a list of deliveries.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryFilter<'a> {
    /// Only to this channel.
    pub channel: Option<&'a ChannelName>,
    /// Only about this approval.
    pub approval: Option<ApprovalId>,
    /// Only dead ones.
    pub dead_only: bool,
}

/// First byte of page tokens for lists of deliveries.
const DELIVERIES: u8 = 7;

/// The page token for the page of deliveries after `last`.
#[must_use]
pub fn encode_delivery(filter: &DeliveryFilter<'_>, last: &DeliveryId) -> String {
    let mut bytes = vec![DELIVERIES];
    bytes.extend(delivery_hash(filter));
    bytes.extend(last.to_string().into_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The last delivery of the previous page.
///
/// # Errors
/// When the page token does not belong to this list.
pub fn decode_delivery(token: &str, filter: &DeliveryFilter<'_>) -> Result<DeliveryId, InvalidPageToken> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidPageToken)?;
    let id = bytes.strip_prefix(&[DELIVERIES]).and_then(|rest| rest.strip_prefix(&delivery_hash(filter)));
    let id = std::str::from_utf8(id.ok_or(InvalidPageToken)?).map_err(|_| InvalidPageToken)?;
    id.parse().map_err(|_| InvalidPageToken)
}

fn delivery_hash(filter: &DeliveryFilter<'_>) -> [u8; HASH] {
    let DeliveryFilter { channel, approval, dead_only } = filter;
    let approval = approval.map(|approval| approval.to_string());
    digest(&json!([channel.map(ChannelName::as_str), approval, dead_only]))
}

fn encode_id(list: u8, id: Uuid) -> String {
    let mut bytes = [list; 1 + ID];
    bytes[1..].copy_from_slice(id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode_id(list: u8, token: &str) -> Result<Uuid, InvalidPageToken> {
    let mut bytes = [0; 1 + ID];
    let length = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).map_err(|_| InvalidPageToken)?;
    if length != bytes.len() || bytes[0] != list {
        return Err(InvalidPageToken);
    }
    Uuid::from_slice(&bytes[1..]).map_err(|_| InvalidPageToken)
}

fn hash(filter: &Filter, order: Order) -> [u8; HASH] {
    let Filter { statuses, tool_name, agent_name, caller, labels, created_from, created_before } = filter;
    let mut statuses: Vec<&str> = statuses.iter().map(|status| status.name()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    let times = [created_from, created_before].map(|time| time.map(|time| time.timestamp_micros()));
    let newest_first = order == Order::NewestFirst;
    let content = json!([newest_first, statuses, tool_name, agent_name, caller, labels, times]);
    digest(&content)
}

fn digest(content: &serde_json::Value) -> [u8; HASH] {
    let mut hash = [0; HASH];
    hash.copy_from_slice(&Sha256::digest(content.to_string())[..HASH]);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Status, samples};

    fn filters() -> Vec<Filter> {
        let some = || Some("x".to_owned());
        let label = |key: &str| [(key.to_owned(), "v".to_owned())].into();
        vec![
            Filter::default(),
            Filter::pending(),
            Filter { statuses: vec![Status::Approved, Status::Pending], ..Filter::default() },
            Filter { tool_name: some(), ..Filter::default() },
            Filter { agent_name: some(), ..Filter::default() },
            Filter { caller: some(), ..Filter::default() },
            Filter { labels: label("a"), ..Filter::default() },
            Filter { labels: label("b"), ..Filter::default() },
            Filter { created_from: Some(samples::at(1)), ..Filter::default() },
            Filter { created_before: Some(samples::at(1)), ..Filter::default() },
        ]
    }

    #[test]
    fn belongs_to_one_filter_and_order() {
        let orders = [Order::OldestFirst, Order::NewestFirst];
        let lists: Vec<_> =
            filters().into_iter().flat_map(|filter| orders.map(|order| (filter.clone(), order))).collect();
        let last = samples::id(1, 2);
        for (made, (filter, order)) in lists.iter().enumerate() {
            let token = encode(filter, *order, last);
            for (used, (filter, order)) in lists.iter().enumerate() {
                let expected = if made == used { Ok(last) } else { Err(InvalidPageToken) };
                assert_eq!(decode(&token, filter, *order), expected, "{made} {used}");
            }
        }
    }

    #[test]
    fn the_order_of_statuses_does_not_matter() {
        let of = |statuses| Filter { statuses, ..Filter::default() };
        let token = encode(&of(vec![Status::Approved, Status::Pending]), Order::OldestFirst, samples::id(1, 2));
        let same = of(vec![Status::Pending, Status::Approved, Status::Pending]);
        assert_eq!(decode(&token, &same, Order::OldestFirst), Ok(samples::id(1, 2)));
    }

    #[test]
    fn tokens_of_versions_are_of_their_own_kind() {
        for version in [0, 1, 258, u64::MAX] {
            assert_eq!(decode_version(&encode_version(version)), Ok(version));
        }
        let other = encode(&Filter::pending(), Order::OldestFirst, samples::id(1, 2));
        for wrong in ["", "AA", other.as_str(), "AQAAAAAAAAAB", "AgAAAAAAAAABAA"] {
            assert_eq!(decode_version(wrong), Err(InvalidPageToken), "{wrong}");
        }
        assert_eq!(decode(&encode_version(7), &Filter::pending(), Order::OldestFirst), Err(InvalidPageToken));
    }

    #[test]
    fn tokens_of_callers_are_of_their_own_kind_and_filter() {
        let last = TokenId::new(samples::id(1, 2).uuid());
        for active_only in [false, true] {
            let token = encode_token(last, active_only);
            assert_eq!(decode_token(&token, active_only), Ok(last));
            assert_eq!(decode_token(&token, !active_only), Err(InvalidPageToken));
            assert_eq!(decode_version(&token), Err(InvalidPageToken));
            for wrong in ["", "AA", &encode_version(7), &format!("{token}AA"), &token[..20]] {
                assert_eq!(decode_token(wrong, active_only), Err(InvalidPageToken), "{wrong}");
            }
        }
    }

    #[test]
    fn is_url_safe_and_refused_when_changed() {
        let filter = Filter::pending();
        let token = encode(&filter, Order::OldestFirst, samples::id(1, 2));
        assert!(token.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)), "{token}");
        let mut wrong: Vec<String> = ["", "x", "not a token", "====", "é"].map(str::to_owned).into();
        wrong.extend([format!("{token}="), format!("{token}AAAA"), token[..token.len() - 4].to_owned()]);
        wrong.push(format!("A{}", &token[1..])); // version 0
        wrong.push(format!("{}A", &token[..token.len() - 1]));
        for wrong in wrong.iter().filter(|wrong| **wrong != token) {
            assert_eq!(decode(wrong, &filter, Order::OldestFirst), Err(InvalidPageToken), "{wrong}");
        }
    }
}
