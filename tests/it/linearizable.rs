//! Linearizability: concurrent callers of one approval, over one or several servers, get answers as if one server had
//! made all calls one after the other, each at a moment between its begin and its answer.
//!
//! The normal run makes a few histories. `SIGNOFF_HISTORIES=1000 cargo test --test it linearizable -- --nocapture` makes
//! more; each has 200 calls.

mod answers;
mod checker;
mod clients;
mod examples;
mod spec;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use signoff::proto::v1::{Policy, PolicyRule, RequireApproval, SetPolicyRequest, policy_rule::Effect};
use tokio::{sync::watch, task::JoinSet};

use self::{
    answers::reviewer,
    checker::{History, Moment},
    clients::{Caller, Known, Shared, Temper},
    spec::{Action, Answer, Call, REVIEWERS, Rules, Who},
};
use crate::{
    databases::Database,
    load::Random,
    server::{Process, Server, signoff, soon},
};

/// Histories in CI.
const HISTORIES: usize = 20;

/// Calls of a history.
const CALLS: usize = 200;

/// Callers of each kind.
const AGENTS: usize = 4;
const EACH_REVIEWER: usize = 2;

/// The tools, with what the policy asks for.
const TOOLS: [(&str, Rules); 5] = [
    ("one", Rules { quorum: 1, threshold: 1 }),
    ("two", Rules { quorum: 2, threshold: 2 }),
    ("three", Rules { quorum: 3, threshold: 2 }),
    ("all", Rules { quorum: 4, threshold: 3 }),
    ("automatic", Rules { quorum: 0, threshold: 0 }),
];

/// Servers with one store, and the secrets of their callers.
struct Servers {
    servers: Vec<Server>,
    agent: String,
    reviewers: Vec<String>,
    database: Option<Database>,
}

impl Servers {
    async fn start(data: &Path, count: usize, database: Option<Database>) -> Self {
        let url = database.as_ref().map(Database::url);
        let (store, directory) = (url.as_deref(), data.join("0"));
        let place = store.map_or(["--data-dir", directory.to_str().unwrap()], |url| ["--store", url]);
        let operator = token(&place, "operator", "operator").await;
        let agent = token(&place, "agent", "agent").await;
        let mut reviewers = Vec::new();
        for number in 0..REVIEWERS {
            reviewers.push(token(&place, &reviewer(number), "reviewer").await);
        }
        let mut servers = Vec::new();
        for number in 0..count {
            let directory = data.join(number.to_string());
            std::fs::create_dir_all(&directory).expect("a new directory");
            let mut command = signoff(&["serve", "--listen", "127.0.0.1:0", "--set", "log.filter=warn"]);
            command.args(["--set", "limits.timeout_min=10ms", "--data-dir"]).arg(directory);
            command.args(store.iter().flat_map(|url| ["--store", url]));
            let server = Process::spawn(data, command).listening().await.expect("the server starts");
            if number == 0 {
                let policy = SetPolicyRequest { policy: Some(policy()), ..Default::default() };
                server.policies(&operator).set_policy(policy).await.expect("the policy is valid");
            }
            servers.push(server);
        }
        Self { servers, agent, reviewers, database }
    }

    /// One caller after the other, each at the next server. What the policy decides itself, no reviewer may read.
    fn callers(&self, shared: &Arc<Shared>, rules: Rules) -> Vec<Caller> {
        let (agents, each_reviewer) = if rules.quorum == 0 { (3 * AGENTS, 0) } else { (AGENTS, EACH_REVIEWER) };
        let agents = (0..agents).map(|_| (Who::Agent, &self.agent));
        let reviewers = self.reviewers.iter().enumerate().map(|(number, secret)| (Who::Reviewer(number), secret));
        let all = agents.chain((0..each_reviewer).flat_map(|_| reviewers.clone()));
        let place = |(number, (who, secret)): (usize, (Who, &String))| Caller {
            who,
            client: self.servers[number % self.servers.len()].client(secret),
            shared: Arc::clone(shared),
            random: Random::new(),
            made: Vec::new(),
        };
        all.enumerate().map(place).collect()
    }

    /// A history of one approval.
    async fn history(&self, number: usize, random: &mut Random) -> (History, Rules) {
        let (tool, rules) = TOOLS[random.below(TOOLS.len())];
        let temper = Temper {
            edits: [10, 40, 80][random.below(3)],
            rejections: [5, 30][random.below(2)],
            cancellations: [0, 0, 1, 5][random.below(4)],
            revocations: [0, 0, 1, 3][random.below(4)],
            cuts: [0, 5, 20][random.below(3)],
        };
        let timeout = random.percent(25).then(|| Duration::from_millis(20 + random.below(300) as u64));
        let shared = Arc::new(Shared {
            tool,
            request_id: format!("history-{number}"),
            timeout,
            temper,
            calls: CALLS,
            history: Mutex::default(),
            known: Mutex::new(Known::default()),
            opened: watch::Sender::new(false),
        });
        let mut callers = JoinSet::new();
        self.callers(&shared, rules).into_iter().for_each(|caller| drop(callers.spawn(caller.run())));
        if let Some(timeout) = timeout {
            callers.spawn(pass_deadline(Arc::clone(&shared), timeout));
        }
        if let Some(database) = self.database.as_ref().filter(|_| random.percent(20)) {
            database.break_connections().await;
        }
        while let Some(ended) = soon("the callers end", callers.join_next()).await {
            ended.unwrap_or_else(|error| panic!("{error}\n{:?}", shared.history().moments));
        }
        (std::mem::take(&mut *shared.history()), rules)
    }
}

/// From `timeout` after the first request on, the deadline may have passed. It begins a little early: the clocks of the
/// servers and of this process are different ones.
async fn pass_deadline(shared: Arc<Shared>, timeout: Duration) {
    #[expect(clippy::disallowed_methods, reason = "the time after which the server may do something")]
    tokio::time::sleep(timeout.saturating_sub(Duration::from_millis(5))).await;
    let mut history = shared.history();
    if history.calls.len() < CALLS {
        history.begin(Call { who: Who::Deadline, key: 0, action: Action::Expire });
    }
}

async fn token(place: &[&str], subject: &str, role: &str) -> String {
    let kind = if role == "agent" { "agent" } else { "person" };
    let arguments = ["token", "create", "--subject", subject, "--kind", kind, "--role", role];
    let output = signoff(&[&arguments[..], place].concat()).output().await.expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("text");
    let secret = printed.split_whitespace().find(|word| word.starts_with("signoff_"));
    secret.expect("the secret is printed").to_owned()
}

fn policy() -> Policy {
    let rule = |(tool, rules): (&str, Rules)| PolicyRule {
        name: tool.into(),
        tools: vec![tool.into()],
        effect: Some(if rules.quorum == 0 {
            Effect::AutoApprove(Default::default())
        } else {
            Effect::RequireApproval(RequireApproval {
                quorum: rules.quorum as u32,
                reject_threshold: rules.threshold as u32,
                ..Default::default()
            })
        }),
        ..Default::default()
    };
    Policy { rules: TOOLS.map(rule).into(), ..Default::default() }
}

/// What the histories had in them.
#[derive(Debug, Default)]
struct Tally {
    calls: usize,
    unknown: usize,
    explanations: usize,
    revisions: u64,
    answers: BTreeMap<String, usize>,
    ends: BTreeMap<String, usize>,
}

impl Tally {
    fn add(&mut self, history: &History, explanations: usize) {
        self.calls += history.calls.len();
        self.explanations = self.explanations.max(explanations);
        let mut newest = None;
        for (call, answer) in &history.calls {
            let name = |text: String| text.split([' ', '(', '{']).next().unwrap_or_default().to_owned();
            let action = name(format!("{:?}", call.action));
            let answer = match answer {
                None => {
                    self.unknown += 1;
                    continue;
                }
                Some(Answer::Shown(view)) => {
                    newest = newest.max(Some((view.revision, view.status, view.claimed, view.revoked)));
                    "ok".to_owned()
                }
                Some(Answer::Refused(refusal)) => name(format!("{refusal:?}")),
            };
            *self.answers.entry(format!("{action} {answer}")).or_default() += 1;
        }
        let (revision, status, claimed, revoked) = newest.expect("something was seen");
        self.revisions += revision;
        let end = format!(
            "{status:?}{}",
            if claimed {
                " claimed"
            } else if revoked {
                " revoked"
            } else {
                ""
            }
        );
        *self.ends.entry(end).or_default() += 1;
    }
}

/// Replaces an answer by an older one than what was known before that call began: no order explains this.
fn with_a_stale_read(history: &History) -> Option<History> {
    let mut newest = 0;
    let mut begun = BTreeMap::new();
    for moment in &history.moments {
        match *moment {
            Moment::Begin(call) => drop(begun.insert(call, newest)),
            Moment::Answer(call) => {
                let (what, Some(Answer::Shown(view))) = &history.calls[call] else { continue };
                if what.action == Action::Get && begun[&call] > 1 {
                    let older = history.calls.iter().find_map(|(_, answer)| match answer {
                        Some(Answer::Shown(older)) if older.revision < begun[&call] => Some(older.clone()),
                        _ => None,
                    });
                    let mut calls = history.calls.clone();
                    calls[call].1 = older.map(Answer::Shown);
                    return Some(History { calls, moments: history.moments.clone() });
                }
                newest = newest.max(view.revision);
            }
        }
    }
    None
}

async fn check(servers: &Servers, name: &str) {
    let histories = std::env::var("SIGNOFF_HISTORIES").map_or(HISTORIES, |text| text.parse().expect("a number"));
    let (mut random, mut tally, mut spoiled) = (Random::new(), Tally::default(), 0);
    for number in 0..histories {
        let (history, rules) = servers.history(number, &mut random).await;
        let explanations = history.check(rules).unwrap_or_else(|violation| panic!("history {number}: {violation}"));
        tally.add(&history, explanations);
        if (number + 1) % 100 == 0 {
            println!("{name}: {} histories", number + 1);
        }
        if let Some(history) = with_a_stale_read(&history) {
            assert!(history.check(rules).is_err(), "history {number}: a stale read is not noticed");
            spoiled += 1;
        }
    }
    println!("{name}: {histories} histories, {spoiled} of them spoiled and refused, {tally:#?}");
    assert!(tally.calls >= histories * CALLS && tally.calls > 4 * tally.unknown, "{tally:?}");
    assert!(spoiled > histories / 2 && tally.revisions > 3 * histories as u64, "too little happened: {tally:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_on_sled() {
    let data = tempfile::tempdir().unwrap();
    let servers = Servers::start(data.path(), 1, None).await;
    check(&servers, "sled").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_on_postgres() {
    let data = tempfile::tempdir().unwrap();
    let servers = Servers::start(data.path(), 3, Some(Database::create().await)).await;
    check(&servers, "PostgreSQL").await;
}
