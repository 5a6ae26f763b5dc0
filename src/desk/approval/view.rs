//! What the page of one approval shows, read once.

use std::sync::Arc;

use serde_json::Value;

use super::{
    bar::Bar,
    before::Before,
    difference::Edited,
    history::{self, EventRow},
    outcome::{Outcome, Stop, may_change},
    panels::{self, PanelRow, VoteRow},
    rules::Rules,
    told::{Told, Who},
    tree::{self, Member},
    waiting::Waiting,
};
use crate::{
    approvals::Error,
    desk::{
        Desk,
        error::Failed,
        moment::{Countdown, Moment},
        texts::approval as texts,
        viewer::Viewer,
    },
    domain::{Approval, Event, Priority, Revision},
    policy::{ArgumentPath, Display, Rule, SummaryItem},
};

/// The page.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) id: String,
    pub(super) csrf: String,
    pub(super) revision: u64,
    pub(super) arguments_revision: u64,
    pub(super) tool: Told,
    /// The priority, if it is above normal.
    pub(super) priority: Option<&'static str>,
    pub(super) urgent: bool,
    pub(super) pending: bool,
    /// Whether an open page follows it.
    pub(super) may_change: bool,
    pub(super) left: Countdown,
    pub(super) waiting: Waiting,
    pub(super) outcome: Option<Outcome>,
    pub(super) stopped: Option<Stop>,
    /// The difference from what was first asked.
    pub(super) edited: Option<Edited>,
    /// The difference from what the viewer saw, if that is not current any more.
    pub(super) since: Option<Edited>,
    /// The arguments that matter.
    pub(super) summary: Vec<Member>,
    /// The other arguments.
    pub(super) others: Vec<Member>,
    pub(super) agent: Told,
    pub(super) run: Told,
    pub(super) chain: Vec<Told>,
    pub(super) on_behalf_of: Option<Who>,
    pub(super) caller: Who,
    pub(super) reason: Told,
    pub(super) labels: Vec<(Told, Told)>,
    pub(super) panels: Vec<PanelRow>,
    pub(super) votes: Vec<VoteRow>,
    /// Rejecting votes so far and needed, if more than one is.
    pub(super) against: Option<String>,
    pub(super) escalation: Option<Moment>,
    pub(super) before: Before,
    pub(super) rules: Rules,
    /// The arguments as indented JSON.
    pub(super) raw: String,
    pub(super) digest: String,
    pub(super) asked_digest: Option<String>,
    pub(super) created: Moment,
    pub(super) deadline: Moment,
    pub(super) history: Vec<EventRow>,
    pub(super) warnings: usize,
    pub(super) bar: Bar,
}

impl View {
    /// Reads what pages show of an approval that the viewer may read, without its
    /// [`Surroundings`](super::surroundings::Surroundings). `seen` is the revision that the viewer has seen before.
    pub(super) async fn of(
        desk: &Desk,
        viewer: &Viewer,
        approval: &Arc<Approval>,
        seen: Option<Revision>,
    ) -> Result<Self, Failed> {
        let events = desk.approvals.events(approval).await?;
        let display = desk.policies.display(approval).await;
        let rules = rules_of(desk, viewer, approval).await;
        let stopped = stopped(desk, approval).await?;
        let now = desk.approvals.now();
        let read = Read { approval, events: &events, display: &display, rules: &rules };
        let since = seen.and_then(|seen| Edited::since(seen, approval, &events));
        Ok(Self { stopped, since, ..Self::new(&read, viewer, now) })
    }

    fn new(read: &Read<'_>, viewer: &Viewer, now: crate::domain::Time) -> Self {
        let Read { approval, events, display, rules } = *read;
        let request = &approval.request;
        let arguments = approval.arguments.to_object();
        let edited = Edited::since(1, approval, events);
        // Once, not for each argument: there can be thousands.
        let asked = edited.as_ref().and_then(|_| first_asked(events));
        let changed = |name: &str| asked.as_ref().is_some_and(|asked| asked.get(name) != arguments.get(name));
        let summary = display.whole_summary_of(approval);
        let names: Vec<_> = summary.iter().filter_map(|item| whole_argument(item, &arguments)).collect();
        let (mut first, others) = tree::members(&arguments, &names, changed);
        // Of values inside arguments, the arguments have the warnings.
        let odd_arguments: usize = first.iter().chain(&others).map(Member::warnings).sum();
        let inner = summary.iter().filter(|item| whole_argument(item, &arguments).is_none());
        first.extend(inner.filter_map(inner_value));
        let mut told: Vec<Told> = vec![
            Told::new(request.tool_name.as_str()),
            Told::new(request.agent.name.as_str()),
            Told::new(request.agent.run_id.as_str()),
            Told::new(request.reason.as_str()),
        ];
        let chain: Vec<_> = request.agent.chain.iter().map(|name| Told::new(name.as_str())).collect();
        let labels: Vec<_> =
            request.labels.iter().map(|(key, value)| (Told::new(key.as_str()), Told::new(value.as_str()))).collect();
        let of_texts = |told: &Told| told.notices.len();
        let warnings = told.iter().chain(&chain).map(of_texts).sum::<usize>()
            + labels.iter().map(|(key, value)| of_texts(key) + of_texts(value)).sum::<usize>()
            + odd_arguments;
        let mut next = || if told.is_empty() { Told::new("") } else { told.remove(0) };
        let (tool, agent, run, reason) = (next(), next(), next(), next());
        let requirement = approval.requirement();
        let rejections = approval.rejections();
        Self {
            id: approval.id.to_string(),
            csrf: viewer.csrf.to_string(),
            revision: approval.revision,
            arguments_revision: approval.arguments_revision,
            tool,
            priority: (approval.priority() > Priority::Normal).then(|| approval.priority().name()),
            urgent: approval.priority() == Priority::Urgent,
            pending: !approval.status.is_terminal(),
            may_change: may_change(approval),
            left: Countdown { deadline: approval.deadline, now },
            waiting: Waiting::default(),
            outcome: Outcome::of(approval, &viewer.principal, now),
            stopped: None,
            edited,
            since: None,
            summary: first,
            others,
            agent,
            run,
            chain,
            on_behalf_of: request.on_behalf_of.clone().map(Who),
            caller: Who(request.caller.clone()),
            reason,
            labels,
            panels: panels::panels(approval, &viewer.principal, rules),
            votes: panels::votes(approval, &viewer.principal),
            against: (requirement.reject_threshold > 1)
                .then(|| texts::against(rejections, requirement.reject_threshold)),
            escalation: approval.next_escalation().map(|(at, _)| Moment(at)),
            before: Before::default(),
            rules: Rules::of(approval, rules),
            raw: format!("{:#}", Value::Object(arguments)),
            digest: approval.digest.to_string(),
            asked_digest: (approval.digest != request.digest).then(|| request.digest.to_string()),
            created: Moment(approval.created_at),
            deadline: Moment(approval.deadline),
            history: history::rows(events),
            warnings,
            bar: Bar::of(approval, &viewer.principal, now, warnings, display.reject_reasons(approval)),
        }
    }

    /// Whether one of the rules asks the viewer.
    pub(super) fn asks_viewer(&self) -> bool {
        self.pending && self.panels.iter().any(|panel| panel.mine)
    }

    /// The arguments with a warning that the sentence does not have.
    pub(super) fn warned(&self) -> Vec<&Member> {
        let shown = self.sentence().len();
        let others = if self.summary.is_empty() { &self.others[shown..] } else { &self.others };
        others.iter().filter(|member| member.warnings() > 0).collect()
    }

    /// The number of warnings, in words.
    pub(super) fn warned_text(&self) -> String {
        texts::warnings(self.warnings)
    }

    /// The sentence that a second question repeats: the arguments that matter, or the first ones.
    pub(super) fn sentence(&self) -> &[Member] {
        if self.summary.is_empty() { &self.others[..self.others.len().min(4)] } else { &self.summary }
    }
}

/// What a view is made of.
struct Read<'a> {
    approval: &'a Approval,
    events: &'a [Event],
    display: &'a Display,
    rules: &'a [Rule],
}

fn first_asked(events: &[Event]) -> Option<serde_json::Map<String, Value>> {
    events.iter().find_map(|event| match &event.kind {
        crate::domain::EventKind::Requested { arguments, .. } => Some(arguments.to_object()),
        _ => None,
    })
}

/// The name of the argument that an item of the summary shows whole. This page shows all values, also redacted ones.
fn whole_argument(item: &SummaryItem, arguments: &serde_json::Map<String, Value>) -> Option<String> {
    arguments.keys().find(|name| ArgumentPath::member(name).to_string() == item.path).cloned()
}

/// An item of the summary that is a part of an argument.
fn inner_value(item: &SummaryItem) -> Option<Member> {
    let value = serde_json::to_value(&item.value).ok()?;
    Some(Member::of_path(&item.path, &value))
}

/// The rules of the policy that judged the call. None if the viewer may not read them, or they are not stored.
async fn rules_of(desk: &Desk, viewer: &Viewer, approval: &Approval) -> Vec<Rule> {
    let Ok(version) = approval.verdict.policy_version.parse() else { return Vec::new() };
    let read = desk.policies.get(&viewer.principal, Some(version)).await;
    read.map(|policy| policy.document.rules).unwrap_or_default()
}

/// The freeze that blocks its claim.
async fn stopped(desk: &Desk, approval: &Approval) -> Result<Option<Stop>, Error> {
    let waits = approval.claim.is_none() && approval.revocation.is_none();
    if !waits || (approval.status.is_terminal() && !approval.status.is_approved()) {
        return Ok(None);
    }
    Ok(desk.approvals.freeze_over(approval).await?.as_ref().map(Stop::of))
}
