//! Setting the policy: the text, its problems, the difference from the live version, and the confirmation.

use std::{collections::BTreeSet, sync::Arc};

use askama::Template;
use axum::{
    extract::{FromRequest as _, Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};

use super::{AgentText, File, Moment, Tab, Tabs, difference::Difference, words, yaml};
use crate::{
    desk::{
        Desk,
        error::{Failed, rendered},
        form::{Form, KEY, Problem, Step},
        layout::{Layout, Place},
        submitted::Submitted,
        viewer::Viewer,
    },
    domain::limits::RequestLimits,
    identity::Method,
    policies::Error,
    policy::{self, PolicyChange},
    policy_file::{self, TEXT_MAX},
    proto::v1,
    store::StoreError,
    wire::decode::{self, Violation},
};

#[derive(Template)]
#[template(path = "policy_edit.html")]
struct EditPage {
    layout: Layout,
    tabs: Tabs,
    form: Form,
    file: Option<File>,
    /// The version that was set meanwhile, and the one that the person changed.
    meanwhile: Option<(u64, u64)>,
}

impl EditPage {
    fn of(desk: &Desk, viewer: &Viewer, form: Form, meanwhile: Option<(u64, u64)>) -> Response {
        rendered(&Self {
            layout: Layout::of(viewer, words::EDIT_TITLE, Some(Place::Policy)),
            tabs: Tabs::of(viewer, Tab::Change),
            form,
            file: File::of(desk),
            meanwhile,
        })
    }
}

#[derive(Template)]
#[template(path = "policy_confirm.html")]
struct ConfirmPage {
    layout: Layout,
    tabs: Tabs,
    form: Form,
    expected: u64,
    comment: String,
    difference: Difference,
    warnings: Vec<policy::Problem>,
}

/// `GET /policy/edit`.
pub(super) async fn page(State(desk): State<Arc<Desk>>, viewer: Viewer) -> Result<Response, Failed> {
    viewer.sees(Method::SetPolicy)?;
    let view = desk.policies.get(&viewer.principal, None).await?;
    let (version, text) = (view.version.to_string(), yaml(&view.document));
    Ok(EditPage::of(&desk, &viewer, Form::new(&viewer, &[("yaml", &text), ("expected", &version)]), None))
}

/// `POST /policy/edit`: checks the text, shows the difference, and sets the policy.
pub(super) async fn submit(
    State(desk): State<Arc<Desk>>,
    viewer: Viewer,
    request: Request,
) -> Result<Response, Failed> {
    viewer.sees(Method::SetPolicy)?; // before the long form is read
    let submitted = Submitted::from_request(request, &desk).await?;
    let mut form = Form::of(&submitted);
    let step = Step::of(&submitted);
    if step == Step::Edit {
        return Ok(EditPage::of(&desk, &viewer, form, None));
    }
    let Ok(expected) = form.value("expected").parse::<u64>() else {
        form.refuse("", words::NO_EXPECTED);
        return Ok((StatusCode::BAD_REQUEST, EditPage::of(&desk, &viewer, form, None)).into_response());
    };
    let [text, comment] = ["yaml", "comment"].map(|name| form.value(name).to_owned());
    let (key, limits) = (submitted.field(KEY).to_owned(), desk.limits.clone());
    let compiled = move || compile(&text, key, expected, comment.trim().to_owned(), &limits);
    let change = match desk.policies.blocking_pool().run(&viewer.principal.actor, compiled).await? {
        Ok(change) => change,
        Err(problems) => {
            problems.into_iter().for_each(|Problem { field, text }| form.refuse(&field, text));
            return Ok((StatusCode::BAD_REQUEST, EditPage::of(&desk, &viewer, form, None)).into_response());
        }
    };
    match step {
        Step::Do => set(&desk, &viewer, form, change).await,
        _ => confirm(&desk, &viewer, form, change).await,
    }
}

/// Shows the difference from the live version, which must be the one that the person changed.
async fn confirm(desk: &Desk, viewer: &Viewer, mut form: Form, change: PolicyChange) -> Result<Response, Failed> {
    let live = desk.policies.get(&viewer.principal, None).await?;
    let PolicyChange { policy, expected, comment, .. } = change;
    if let Some(expected) = expected.filter(|expected| *expected != live.version) {
        return Ok(changed(desk, viewer, form, expected, live.version));
    }
    let difference = Difference::between(&yaml(&live.document), &yaml(policy.document()));
    if difference.is_empty() {
        form.refuse("", words::UNCHANGED);
        return Ok(EditPage::of(desk, viewer, form, None));
    }
    let warnings = desk.policies.warnings(&viewer.principal.actor, policy, BTreeSet::new()).await;
    Ok(rendered(&ConfirmPage {
        layout: Layout::of(viewer, words::CONFIRM_TITLE, Some(Place::Policy)),
        tabs: Tabs::of(viewer, Tab::Change),
        form,
        expected: live.version,
        comment,
        difference,
        warnings,
    }))
}

async fn set(desk: &Desk, viewer: &Viewer, mut form: Form, change: PolicyChange) -> Result<Response, Failed> {
    let expected = change.expected.unwrap_or_default();
    match desk.policies.set(&viewer.principal, change).await {
        Ok(_) => Ok(Redirect::to("/policy?done=set").into_response()),
        Err(Error::Store(StoreError::PolicyChanged { version })) => Ok(changed(desk, viewer, form, expected, version)),
        Err(error) => {
            let status = form.failed(error)?;
            Ok((status, EditPage::of(desk, viewer, form, None)).into_response())
        }
    }
}

/// Another version was set meanwhile: keeps the text, which now changes that version.
fn changed(desk: &Desk, viewer: &Viewer, mut form: Form, expected: u64, live: u64) -> Response {
    form.refuse("", words::changed_meanwhile(expected, live));
    form.set("expected", &live.to_string());
    (StatusCode::CONFLICT, EditPage::of(desk, viewer, form, Some((expected, live)))).into_response()
}

/// Compiles a policy, which is slow for thousands of conditions.
fn compile(
    text: &str,
    request_id: String,
    expected: u64,
    comment: String,
    limits: &RequestLimits,
) -> Result<PolicyChange, Vec<Problem>> {
    let of_text = |text: String| Problem { field: "yaml".to_owned(), text };
    if text.len() > TEXT_MAX {
        return Err(vec![of_text(words::too_long(text.len(), TEXT_MAX))]);
    }
    let mut file = policy_file::read::<v1::Policy>(text);
    let policy = Some(file.message.clone());
    let request =
        v1::SetPolicyRequest { request_id, policy, expected_version: Some(expected), comment, validate_only: false };
    let decoded = decode::policy_change(request, limits);
    let mut problems = Vec::new();
    for Violation { field, description } in decoded.as_ref().err().into_iter().flat_map(|violations| &violations.0) {
        match field.strip_prefix("policy") {
            Some(path) => file.refuse(path.trim_start_matches('.'), description.as_str()),
            None if field == "comment" => {
                let text = format!("{}: {description}", words::COMMENT);
                problems.push(Problem { field: "comment".to_owned(), text });
            }
            None => problems.push(Problem { field: String::new(), text: description.clone() }),
        }
    }
    if let Err(found) = file.finish() {
        let placed = found.as_slice().iter().map(|policy_file::Problem { position, path, message }| {
            of_text(words::problem(position.line, position.column, path, message))
        });
        problems.extend(placed);
        if found.more() > 0 {
            problems.push(of_text(words::more_problems(found.more())));
        }
    }
    // Without a problem there is no violation: `refuse` omits one only where reading found a problem.
    match decoded {
        Ok(change) if problems.is_empty() => Ok(change),
        _ => Err(problems),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str, comment: &str) -> Vec<String> {
        let compiled = compile(text, "k".to_owned(), 3, comment.to_owned(), &RequestLimits::default());
        let problems = compiled.err().unwrap_or_default();
        problems.into_iter().map(|Problem { field, text }| format!("{field}| {text}")).collect()
    }

    #[test]
    fn every_problem_has_its_line_and_column() {
        let text = "rules:\n  - name: a\n    tools: [x]\n    when: \"1 +\"\n    auto_reject: {}\n  - name: _b\n    \
                    tools: [x]\n    auto_reject: {}\n    unknown: 1\n";
        let found = problems(text, "a\u{0}b");
        assert_eq!(found.len(), 4, "{found:#?}");
        assert!(found[0].starts_with("comment| Comment: contains U+0000"), "{found:#?}");
        for (problem, begin) in found[1..].iter().zip([
            "yaml| Line 4, column 11: rules[0].when: ",
            "yaml| Line 6, column 11: rules[1].name: ",
            "yaml| Line 9, column 5: ",
        ]) {
            assert!(problem.starts_with(begin), "{problem} {begin}");
        }
        assert_eq!(problems("{}\n", "why"), [""; 0]);
    }

    #[test]
    fn a_text_over_the_limit_is_refused() {
        let longest = format!("#{}\n{{}}", "a".repeat(TEXT_MAX - 4));
        assert_eq!(problems(&longest, ""), [""; 0]);
        let longer = format!("#{longest}");
        assert_eq!(problems(&longer, ""), ["yaml| The policy has 1048577 bytes; at most 1048576 are allowed."]);
    }
}
