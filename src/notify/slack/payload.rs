//! What Slack sends when a person uses a message or a modal: the parts of `block_actions` and `view_submission` that
//! decide. Everything else in them is ignored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{ApprovalId, Revision};

/// The `action_id` of the buttons.
pub(super) const APPROVE: &str = "signoff_approve";
pub(super) const REJECT: &str = "signoff_reject";
pub(super) const OPEN: &str = "signoff_open";

/// An interaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Interaction {
    /// A button of a message.
    Click(Click),
    /// A modal was submitted.
    Submission(Submission),
    /// Nothing to do, such as a click on a link.
    Other,
}

/// Who uses Slack. An id belongs to its workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SlackUser {
    /// The id of the user.
    pub(super) id: String,
    /// The workspace of the user.
    pub(super) team: Option<String>,
}

/// A message: its channel, and its timestamp, which is its id there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Posted {
    /// The channel.
    pub(super) channel: String,
    /// The timestamp.
    pub(super) ts: String,
}

/// A click on a button that decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Click {
    /// Who clicked.
    pub(super) user: SlackUser,
    /// The message.
    pub(super) message: Posted,
    /// What the message showed.
    pub(super) shown: Shown,
    /// Whether the button is *Approve*. Otherwise it is *Reject*.
    pub(super) approves: bool,
    /// Where an answer for this user alone goes.
    pub(super) response_url: Option<String>,
    /// Opens one modal, for three seconds.
    pub(super) trigger_id: String,
}

/// What a message showed: an approval, up to a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shown {
    /// The approval.
    pub(super) approval: ApprovalId,
    /// Its newest event that the message showed.
    pub(super) revision: Revision,
}

/// What a modal carries from its opening to its submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Carried {
    /// What the message showed.
    pub(super) shown: Shown,
    /// The message.
    pub(super) message: Posted,
    /// Whether the modal approves. Otherwise it rejects.
    pub(super) approves: bool,
}

/// A submitted modal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Submission {
    /// Who submitted it.
    pub(super) user: SlackUser,
    /// What it was opened for.
    pub(super) carried: Carried,
    /// The chosen reason, as its place in the list.
    pub(super) reason: Option<usize>,
    /// The comment.
    pub(super) comment: String,
}

/// The ids in a modal.
pub(super) mod modal {
    /// Its `callback_id`.
    pub(in crate::notify::slack) const CALLBACK: &str = "signoff_decide";
    /// The block with the usual reasons, and its element.
    pub(in crate::notify::slack) const REASON: &str = "reason";
    /// The block with the comment, and its element.
    pub(in crate::notify::slack) const COMMENT: &str = "comment";
}

/// The payload is not one of Slack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("has no payload of an interaction")]
pub(super) struct Unreadable;

/// Reads the body of an interaction: a form with one field, `payload`.
pub(super) fn read(body: &[u8]) -> Result<Interaction, Unreadable> {
    // Other signed requests of an app can hold texts of its users, so a payload beside other fields does not count.
    let mut fields = form_urlencoded::parse(body);
    let Some((_, json)) = fields.next().filter(|(name, _)| name == "payload") else { return Err(Unreadable) };
    if fields.next().is_some() {
        return Err(Unreadable);
    }
    match serde_json::from_str(&json).map_err(|_| Unreadable)? {
        Payload::BlockActions(clicked) => click(clicked),
        Payload::ViewSubmission(submitted) => submission(submitted),
        Payload::Other => Ok(Interaction::Other),
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Payload {
    BlockActions(BlockActions),
    ViewSubmission(ViewSubmission),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct BlockActions {
    user: User,
    container: Container,
    actions: Vec<Action>,
    response_url: Option<String>,
    #[serde(default)]
    trigger_id: String,
}

#[derive(Deserialize)]
struct User {
    id: String,
    team_id: Option<String>,
}

#[derive(Deserialize)]
struct Container {
    channel_id: Option<String>,
    message_ts: Option<String>,
}

#[derive(Deserialize)]
struct Action {
    action_id: String,
    value: Option<String>,
}

#[derive(Deserialize)]
struct ViewSubmission {
    user: User,
    view: View,
}

#[derive(Deserialize)]
struct View {
    callback_id: String,
    #[serde(default)]
    private_metadata: String,
    #[serde(default)]
    state: State,
}

#[derive(Default, Deserialize)]
struct State {
    #[serde(default)]
    values: BTreeMap<String, BTreeMap<String, Entered>>,
}

#[derive(Deserialize)]
struct Entered {
    value: Option<String>,
    selected_option: Option<Selected>,
}

#[derive(Deserialize)]
struct Selected {
    value: String,
}

/// The user, with its own workspace. That of the interaction says nothing about a user of a shared channel.
fn who(user: User) -> SlackUser {
    SlackUser { id: user.id, team: user.team_id }
}

fn click(clicked: BlockActions) -> Result<Interaction, Unreadable> {
    let BlockActions { user, container, actions, response_url, trigger_id } = clicked;
    let decides = |action: &Action| matches!(action.action_id.as_str(), APPROVE | REJECT);
    let Some(action) = actions.into_iter().find(decides) else { return Ok(Interaction::Other) };
    let shown = action.value.and_then(|value| serde_json::from_str(&value).ok()).ok_or(Unreadable)?;
    let Container { channel_id: Some(channel), message_ts: Some(ts) } = container else { return Err(Unreadable) };
    Ok(Interaction::Click(Click {
        user: who(user),
        message: Posted { channel, ts },
        shown,
        approves: action.action_id == APPROVE,
        response_url,
        trigger_id,
    }))
}

fn submission(submitted: ViewSubmission) -> Result<Interaction, Unreadable> {
    let ViewSubmission { user, view } = submitted;
    if view.callback_id != modal::CALLBACK {
        return Ok(Interaction::Other);
    }
    let carried = serde_json::from_str(&view.private_metadata).map_err(|_| Unreadable)?;
    let entered = |name: &str| view.state.values.get(name).and_then(|block| block.get(name));
    let selected = entered(modal::REASON).and_then(|entered| entered.selected_option.as_ref());
    let reason = selected.map(|selected| selected.value.parse().map_err(|_| Unreadable)).transpose()?;
    let comment = entered(modal::COMMENT).and_then(|entered| entered.value.clone()).unwrap_or_default();
    Ok(Interaction::Submission(Submission { user: who(user), carried, reason, comment }))
}
