//! Decodes the calls of AdminService about channels and deliveries.

use super::{Checker, Violations};
use crate::{
    domain::{ApprovalId, ChannelName, DeliveryId, limits::RequestLimits},
    proto::v1,
    wire::page_token::{self, DeliveryFilter},
};

/// A page of deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveriesPage {
    /// Only to this channel.
    pub channel: Option<ChannelName>,
    /// Only about this approval.
    pub approval: Option<ApprovalId>,
    /// Only dead ones.
    pub dead_only: bool,
    /// Only those after this one.
    pub after: Option<DeliveryId>,
    /// Maximum number of deliveries.
    pub limit: usize,
}

impl DeliveriesPage {
    /// The token of the page after `last`.
    #[must_use]
    pub fn token_after(&self, last: &DeliveryId) -> String {
        let Self { channel, approval, dead_only, .. } = self;
        page_token::encode_delivery(
            &DeliveryFilter { channel: channel.as_ref(), approval: *approval, dead_only: *dead_only },
            last,
        )
    }
}

/// A valid RetryDelivery request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryCall {
    /// Idempotency key.
    pub request_id: Option<String>,
    /// The delivery's id.
    pub id: DeliveryId,
}

/// Decodes ListDeliveries.
///
/// # Errors
/// Every rule that it breaks.
pub fn deliveries(message: &v1::ListDeliveriesRequest, limits: &RequestLimits) -> Result<DeliveriesPage, Violations> {
    let v1::ListDeliveriesRequest { page_size, page_token, channel, approval_id, dead_only } = message;
    let mut check = Checker::default();
    let (dead_only, limit) = (*dead_only, check.page_size(*page_size, limits));
    let channel = if channel.is_empty() { None } else { check.channel_name("channel", channel) };
    let approval = if approval_id.is_empty() { None } else { check.id("approval_id", approval_id) };
    let filter = DeliveryFilter { channel: channel.as_ref(), approval, dead_only };
    let after = match page_token.as_str() {
        "" => None,
        token => {
            let decoded = page_token::decode_delivery(token, &filter);
            decoded.map_err(|error| check.refuse("page_token", error.to_string())).ok()
        }
    };
    check.finish(|| Some(DeliveriesPage { channel, approval, dead_only, after, limit: limit? }))
}

/// Decodes RetryDelivery.
///
/// # Errors
/// Every rule that it breaks.
pub fn retry_delivery(message: v1::RetryDeliveryRequest) -> Result<RetryCall, Violations> {
    let v1::RetryDeliveryRequest { request_id, delivery_id } = message;
    let mut check = Checker::default();
    let request_id = check.request_id(request_id);
    let id = delivery_id.parse::<DeliveryId>().map_err(|error| check.refuse("delivery_id", error.to_string())).ok();
    check.finish(|| Some(RetryCall { request_id, id: id? }))
}

/// Decodes TestChannel.
///
/// # Errors
/// Every rule that it breaks.
pub fn test_channel(message: &v1::TestChannelRequest) -> Result<ChannelName, Violations> {
    let mut check = Checker::default();
    let name = check.channel_name("channel", &message.channel);
    check.finish(|| name)
}

impl Checker {
    fn channel_name(&mut self, field: &str, text: &str) -> Option<ChannelName> {
        text.parse::<ChannelName>().map_err(|error| self.refuse(field, error.to_string())).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELIVERY: &str = "msg_0190f3b2c4d57e8f9a0b1c2d3e4f5a6b_12_finance-slack";

    fn fields<T: std::fmt::Debug>(result: Result<T, Violations>) -> Vec<String> {
        result.unwrap_err().0.into_iter().map(|violation| violation.field).collect()
    }

    #[test]
    fn pages_of_deliveries_continue_with_the_same_filters() {
        let limits = RequestLimits::default();
        let last: DeliveryId = DELIVERY.parse().unwrap();
        let message = |page_token: &str, channel: &str, approval_id: &str, dead_only| v1::ListDeliveriesRequest {
            page_size: 3,
            page_token: page_token.to_owned(),
            channel: channel.to_owned(),
            approval_id: approval_id.to_owned(),
            dead_only,
        };
        let approval = last.approval.to_string();
        let filters = [("", "", false), ("a", "", false), ("", approval.as_str(), false), ("", "", true)];
        for (made, (channel, approval, dead)) in filters.iter().enumerate() {
            let first = deliveries(&message("", channel, approval, *dead), &limits).unwrap();
            assert_eq!((first.after.as_ref(), first.limit, first.dead_only), (None, 3, *dead));
            let token = first.token_after(&last);
            for (used, (channel, approval, dead)) in filters.iter().enumerate() {
                let next = deliveries(&message(&token, channel, approval, *dead), &limits);
                if made == used {
                    assert_eq!(next.unwrap().after, Some(last.clone()));
                } else {
                    assert_eq!(fields(next), ["page_token"]);
                }
            }
        }
        let page = deliveries(&message("", "finance", &approval, false), &limits).unwrap();
        assert_eq!((page.channel.unwrap().as_str(), page.approval), ("finance", Some(last.approval)));
        assert_eq!(
            fields(deliveries(&message("x", "A", "x", false), &limits)),
            ["channel", "approval_id", "page_token"]
        );
    }

    #[test]
    fn a_retry_names_a_delivery_and_a_test_a_channel() {
        let retry = |delivery_id: &str, request_id: &str| {
            retry_delivery(v1::RetryDeliveryRequest { request_id: request_id.into(), delivery_id: delivery_id.into() })
        };
        let call = retry(DELIVERY, "r").unwrap();
        assert_eq!((call.id.to_string().as_str(), call.request_id.as_deref()), (DELIVERY, Some("r")));
        assert_eq!(fields(retry("", &"r".repeat(129))), ["request_id", "delivery_id"]);
        let test = |channel: &str| test_channel(&v1::TestChannelRequest { channel: channel.to_owned() });
        assert_eq!(test("a").unwrap().as_str(), "a");
        assert_eq!(fields(test("")), ["channel"]);
    }
}
