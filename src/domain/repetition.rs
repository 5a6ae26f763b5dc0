//! Repetitions: requests that are sent again with the same `request_id`.
//!
//! A caller that restarts, after a crash or an update, may send the same call with different words: a reason that a
//! model wrote again, a label, a timeout, a schema. It must not lose its approval for that. So a repetition must only
//! repeat what would be run, and for whom. All other fields of the first request apply, including the schema that edits
//! must satisfy and `cancel_on_disconnect`.
//!
//! The requested arguments are compared: an edit changes what may be run, not what was requested.

use super::{Actor, Approval, Arguments, Digest, Refusal, RepeatedField, Request};

/// The fields that a repetition must repeat. They are enough to find the first request, so a caller can reach its
/// approval even if the rest of the repetition would be invalid as a new request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repetition {
    /// The first request's idempotency key.
    pub request_id: String,
    /// The tool.
    pub tool_name: String,
    /// The requested arguments.
    pub arguments: Arguments,
    /// The person on whose behalf the caller asks, if named.
    pub on_behalf_of: Option<Actor>,
}

impl Request {
    /// The first field in which another request with the same caller and `request_id` differs; `None` if it is a
    /// repetition.
    #[must_use]
    pub fn differs_from(&self, again: &Self) -> Option<RepeatedField> {
        self.differs(&again.tool_name, again.digest, again.on_behalf_of.as_ref())
    }

    /// Whether a call of the same caller repeats this request, for this person.
    #[must_use]
    pub fn is_repeated_by(&self, again: &Repetition, on_behalf_of: Option<&Actor>) -> bool {
        let digest = Digest::of(&again.tool_name, &again.arguments);
        self.request_id == again.request_id && self.differs(&again.tool_name, digest, on_behalf_of).is_none()
    }

    fn differs(&self, tool_name: &str, digest: Digest, on_behalf_of: Option<&Actor>) -> Option<RepeatedField> {
        if self.tool_name != tool_name {
            return Some(RepeatedField::ToolName);
        }
        if self.digest != digest {
            return Some(RepeatedField::Arguments);
        }
        (!same_person(self.on_behalf_of.as_ref(), on_behalf_of)).then_some(RepeatedField::OnBehalfOf)
    }
}

impl Approval {
    /// For stores: refuses a request with this one's caller and `request_id`, unless it is a repetition.
    ///
    /// # Errors
    /// [`Refusal::RequestIdReused`].
    pub fn check_repetition(&self, again: &Request) -> Result<(), Refusal> {
        let Some(field) = self.request.differs_from(again) else { return Ok(()) };
        let request_id = again.request_id.clone();
        Err(Refusal::RequestIdReused { request_id, approval: self.id, field: Some(field) })
    }
}

fn same_person(one: Option<&Actor>, other: Option<&Actor>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.is(other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::domain::{Agent, Digest, samples::*};

    fn changed(change: impl FnOnce(&mut Request)) -> Request {
        let mut request = a_request("r1").0;
        change(&mut request);
        request
    }

    #[test]
    fn a_repetition_says_again_what_would_be_run_and_for_whom() {
        let (first, asked) = a_request("r1");
        let other = Digest::of("send_email", &arguments(&json!({"to": "eve"})));
        let cases = [
            (changed(|_| {}), None),
            (changed(|again| again.reason = "reworded".into()), None),
            (changed(|again| again.labels.clear()), None),
            (changed(|again| again.timeout = Duration::from_secs(7)), None),
            (changed(|again| again.agent = Agent::default()), None),
            (changed(|again| again.schema = Some("{}".into())), None),
            (changed(|again| again.cancel_on_disconnect = true), None),
            (changed(|again| again.digest = other), Some(RepeatedField::Arguments)),
            (changed(|again| again.on_behalf_of = Some(reviewer(1))), Some(RepeatedField::OnBehalfOf)),
            (
                changed(|again| {
                    again.tool_name = "other".into();
                    again.digest = Digest::of("other", &asked);
                    again.on_behalf_of = Some(reviewer(1));
                }),
                Some(RepeatedField::ToolName),
            ),
        ];
        for (again, field) in cases {
            assert_eq!(first.differs_from(&again), field, "{again:?}");
            assert_eq!(again.differs_from(&first), field, "{again:?}");
        }
    }

    #[test]
    fn people_are_compared_by_their_names() {
        let named = |subject: &str| Actor { subject: subject.into(), ..reviewer(1) };
        let person = |subject: &str| changed(|request| request.on_behalf_of = Some(named(subject)));
        assert_eq!(person("Jos\u{e9}").differs_from(&person("Jose\u{301}")), None);
        let others = Some(RepeatedField::OnBehalfOf);
        assert_eq!(person("Jos\u{e9}").differs_from(&person("Jose")), others);
        assert_eq!(person("a").differs_from(&changed(|_| {})), others);
    }

    #[test]
    fn an_edit_in_between_does_not_change_what_was_asked() {
        let mut edited = opened(quorum(1));
        edited.arguments = arguments(&json!({"to": "eve"}));
        edited.digest = Digest::of("send_email", &edited.arguments);
        assert_eq!(edited.check_repetition(&a_request("r1").0), Ok(()));
        let (mut again, digest) = (a_request("r1").0, edited.digest);
        again.digest = digest;
        let field = Some(RepeatedField::Arguments);
        let refusal = Refusal::RequestIdReused { request_id: "r1".into(), approval: edited.id, field };
        assert_eq!(edited.check_repetition(&again), Err(refusal));
    }
}
