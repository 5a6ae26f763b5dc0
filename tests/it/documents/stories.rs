//! What each page tells, typed in its order.

use std::{fs, os::unix::fs::symlink, path::Path};

use signoff::proto::v1::{
    ApprovalStatus, ClaimExecutionRequest, DecideRequest, ListFreezesRequest, ListPendingRequest, ListTokensRequest,
    RequestApprovalRequest, VoteChoice,
};

use super::{
    grpcurl,
    sandbox::{AGENT, OPERATOR, REVIEWER, Sandbox, ended, waiting, without_asking},
    script::Script,
};
use crate::{
    calls::{decide, open},
    server::Server,
    terminal::text,
};

/// What development mode is started with where a page only uses it.
const DEV: &str = "signoff serve --dev";

/// Types a command that waits, decides in the reviewer's place, and returns its exit code and what it printed.
async fn decided(sandbox: &Sandbox, server: &Server, commands: &str, choice: VoteChoice) -> (Option<i32>, String) {
    let waits = sandbox.begin(commands);
    let approval = waiting(server).await;
    server.reviewer().decide(decide(&approval, "decided", choice)).await.unwrap();
    let output = ended(waits).await;
    (output.status.code(), text(&output))
}

pub(super) async fn readme(script: &mut Script) {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&script.next("signoff serve --dev")).await;
    let asking = sandbox.begin(&script.next("signoff request send_email"));
    let approval = waiting(&server).await;
    let reviewed = sandbox.run(&without_asking(&script.next("signoff approve -"), &approval)).await;
    assert!(reviewed.contains("send_email"), "{reviewed}");
    let asked = ended(asking).await;
    assert!(asked.status.success() && text(&asked).contains("APPROVED"), "{}", text(&asked));

    let exec = format!("{AGENT}{}", script.next("signoff exec"));
    let (code, printed) = decided(&sandbox, &server, &exec, VoteChoice::Approve).await;
    assert!(code == Some(0) && printed.contains("deployed\n"), "{printed}");

    let request = grpcurl::message(&sandbox, &script.next("grpcurl"), "RequestApproval").await;
    let (_stream, approval) = open(&mut server.agent(), request).await.unwrap();
    assert_eq!(approval.status(), ApprovalStatus::Pending);
    assert!(server.stop().await.success());

    let server = sandbox.serve(&script.next("--policy examples/policy.yaml")).await;
    let asked = sandbox.run(&format!("{AGENT}{}", script.next("signoff request send_email"))).await;
    assert!(asked.contains("AUTO_APPROVED"), "{asked}");
    assert!(server.stop().await.success());
}

pub(super) async fn start(script: &mut Script) {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&script.next("signoff serve --dev")).await;
    let ask = script.next("signoff whoami");
    let asking = sandbox.begin(&ask);
    let approval = waiting(&server).await;
    let reviewed = sandbox.run(&without_asking(&script.next("signoff approve -"), &approval)).await;
    assert!(reviewed.contains("Welcome mail"), "{reviewed}");
    let asked = ended(asking).await;
    assert!(asked.status.success() && text(&asked).contains("APPROVED"), "{}", text(&asked));

    let asking = sandbox.begin(&ask);
    let approval = waiting(&server).await;
    let reject = without_asking(&script.next("signoff reject -"), &approval);
    sandbox.run(&format!("{REVIEWER}{reject}")).await;
    let asked = ended(asking).await;
    assert_eq!(asked.status.code(), Some(10), "{}", text(&asked));
    assert!(text(&asked).contains("Use the shared address."), "{}", text(&asked));
    let history = sandbox.run(&format!("{REVIEWER}{}", script.next("signoff history"))).await;
    assert!(history.contains("APPROVED") && history.contains("REJECTED"), "{history}");

    let exec = format!("{AGENT}{}", script.next("signoff exec"));
    let (code, printed) = decided(&sandbox, &server, &exec, VoteChoice::Approve).await;
    assert!(code == Some(0) && printed.contains("deployed\n"), "{printed}");
    assert!(server.stop().await.success());

    sandbox.save("work/policy.yaml", script.text("yaml", "mail-to-colleagues"));
    sandbox.save("work/cases.yaml", script.text("yaml", "cases:"));
    let checked = sandbox.run(&script.next("signoff policy test")).await;
    assert!(checked.contains("3 passed, 0 failed"), "{checked}");
    let server = sandbox.serve(&script.next("--policy policy.yaml")).await;
    let asked = sandbox.run(&format!("{AGENT}{}", script.next("signoff request send_email"))).await;
    assert!(asked.contains("AUTO_APPROVED"), "{asked}");
    assert!(server.stop().await.success());
}

pub(super) async fn api(script: &mut Script) {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(DEV).await;
    let request: RequestApprovalRequest =
        grpcurl::message(&sandbox, &script.next("RequestApproval"), "RequestApproval").await;
    let (_stream, approval) = open(&mut server.agent(), request).await.unwrap();
    let list: ListPendingRequest = grpcurl::message(&sandbox, &script.next("ListPending"), "ListPending").await;
    assert_eq!(server.reviewer().list_pending(list).await.unwrap().into_inner().approvals[0].id, approval.id);
    let filled =
        |block: String| block.replace(r#""ID""#, &format!("{:?}", approval.id)).replace("sha256:…", &approval.digest);
    let decision: DecideRequest = grpcurl::message(&sandbox, &filled(script.next("Decide")), "Decide").await;
    let decided = server.reviewer().decide(decision).await.unwrap().into_inner().approval.unwrap();
    assert_eq!(decided.status(), ApprovalStatus::Approved);
    let claim: ClaimExecutionRequest =
        grpcurl::message(&sandbox, &filled(script.next("ClaimExecution")), "ClaimExecution").await;
    server.agent().claim_execution(claim).await.unwrap();
    assert!(server.stop().await.success());
}

pub(super) async fn command(script: &mut Script) {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(DEV).await;
    symlink("/bin/echo", sandbox.path("work/deploy")).unwrap();
    let block = script.next("signoff exec");
    let (request, exec) = block.split_once('\n').expect("two commands");
    for commands in [request, exec] {
        let (code, printed) = decided(&sandbox, &server, &format!("{AGENT}{commands}"), VoteChoice::Approve).await;
        assert!(code == Some(0) && printed.contains("APPROVED"), "{printed}");
    }
    assert!(server.stop().await.success());
}

pub(super) async fn configuration(script: &mut Script) {
    let sandbox = Sandbox::new();
    let checked = sandbox.run(&script.next("signoff config check --set")).await;
    assert!(checked.contains("limits.timeout_default = \"30m\""), "{checked}");

    sandbox.save("etc/signoff/signoff.toml", script.text("toml", "listen = "));
    let policy = crate::files::text(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/policy.yaml")).unwrap();
    sandbox.save("etc/signoff/policy.yaml", &policy);
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    sandbox.save("etc/signoff/tls.crt", &made.cert.pem());
    sandbox.save("etc/signoff/tls.key", &made.signing_key.serialize_pem());
    let block = script.next("signoff serve --config");
    let (check, serve) = block.split_once('\n').expect("two commands");
    let checked = sandbox.run(check).await;
    assert!(checked.contains("https://login.example.com"), "{checked}");
    // Before the first start, as the page says.
    sandbox.run(&script.next("signoff token create")).await;
    assert!(sandbox.serve(serve).await.stop().await.success());
}

pub(super) async fn deployment(script: &mut Script) {
    let sandbox = Sandbox::new();
    sandbox.run("signoff token create --data-dir /var/lib/signoff --subject ann --kind agent --role agent").await;
    sandbox.run(&script.next("signoff export")).await;
    let checked = sandbox.run(&script.next("signoff import")).await;
    assert!(checked.contains("1 tokens") && checked.contains("no faults"), "{checked}");
}

pub(super) async fn metrics(script: &mut Script) {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(DEV).await;
    let curl =
        script.next("curl http://127.0.0.1:7766/metrics").replace("127.0.0.1:7766", &server.address().to_string());
    // Every other program of the pages is always there.
    if sandbox.run("command -v curl || echo none").await != "none\n" {
        assert!(sandbox.run(&curl).await.contains("signoff_build_info"));
    }
    assert!(server.stop().await.success());
}

/// The reference implementation signs with a secret that is made as the page says, and the page's script verifies.
pub(super) async fn notifications(script: &mut Script) {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("etc/signoff")).unwrap();
    sandbox.run(&script.take("openssl rand")).await;
    let secret = crate::files::text(sandbox.path("etc/signoff/audit-hook.secret")).unwrap();
    sandbox.save("work/verify.sh", &script.take("hexkey"));
    let (body, forged) = (r#"{"type":"approval.requested"}"#, r#"{"type":"approval.decided"}"#);
    sandbox.save("work/body", body);
    sandbox.save("work/forged", forged);
    let now: i64 = sandbox.run("date +%s").await.trim().parse().unwrap();
    let signer = standardwebhooks::Webhook::new(secret.trim()).unwrap();
    let verify = |time: i64, file: &str| {
        let signature = signer.sign("msg_1", time, body.as_bytes()).unwrap();
        format!("sh verify.sh {} msg_1 {time} 'v1,AAAA {signature}' {file} || true\n", secret.trim())
    };
    assert_eq!(sandbox.run(&verify(now, "body")).await.trim(), "genuine");
    assert_eq!(sandbox.run(&verify(now, "forged")).await.trim(), "forged");
    assert_eq!(sandbox.run(&verify(now - 600, "body")).await.trim(), "too old");
}

pub(super) async fn operations(script: &mut Script) {
    let sandbox = Sandbox::new();
    sandbox.run("signoff token create --data-dir /var/lib/signoff --subject ann --kind agent --role agent").await;
    sandbox.run(&script.next("signoff export")).await;
    let server = sandbox.serve(DEV).await;
    sandbox.run(&format!("{OPERATOR}{}", script.next("signoff backup"))).await;
    assert!(server.stop().await.success());
    sandbox.run(&script.next("signoff-restored")).await;
    let example = crate::files::text(sandbox.path("work/examples/policy.yaml")).unwrap();
    sandbox.save("work/policy.yaml.new", &example);
    sandbox.run(&script.next("mv policy.yaml.new")).await;
    assert_eq!(crate::files::text(sandbox.path("work/policy.yaml")).unwrap(), example);
    sandbox.run(&script.next("signoff store check")).await;
    fs::remove_dir_all(sandbox.here("/var/lib/signoff-new")).unwrap();
    sandbox.run(&script.next("signoff store salvage")).await;
}

pub(super) async fn policy(script: &mut Script) {
    let sandbox = Sandbox::new();
    sandbox.save("work/payment.yaml", script.text("yaml", "redact: [args.password]"));
    sandbox.save("work/cases.yaml", script.text("yaml", "cases:"));
    let shown = sandbox.run(&script.next("signoff policy test payment.yaml")).await;
    assert!(shown.contains(script.text("text", "RESULT")), "{shown}");
    let checked = sandbox.run(&script.next("signoff policy check")).await;
    assert!(checked.contains("0 failed") && sandbox.path("work/policy.schema.json").exists(), "{checked}");
    let server = sandbox.serve(DEV).await;
    let block = script.next("signoff policy set");
    // Like diff(1): 1 when there is a difference.
    let block = block.replace("policy diff examples/policy.yaml", "policy diff examples/policy.yaml || test $? = 1");
    let shown = sandbox.run(&format!("{OPERATOR}{block}")).await;
    assert!(shown.contains("Small payments need no approval"), "{shown}");
    assert!(server.stop().await.success());
}

pub(super) async fn security(script: &mut Script) {
    let sandbox = Sandbox::new();
    let created = sandbox.run(&script.next("--subject olga")).await;
    let secret = created.lines().next().unwrap();
    let server = sandbox.serve("signoff serve --data-dir /var/lib/signoff").await;
    let operator = format!("export SIGNOFF_ADDRESS=http://{} SIGNOFF_TOKEN={secret}\n", server.address());

    let block = script.next("signoff token revoke ID").replace("signoff_…", secret);
    let (create, revoke) = block.split_at(block.find("signoff token revoke").unwrap());
    let listed = sandbox.run(&format!("{operator}{create}")).await;
    assert!(listed.contains("local/mailer") && listed.contains("local/rita"), "{listed}");
    let tokens = server.access(secret).list_tokens(ListTokensRequest::default()).await.unwrap().into_inner().tokens;
    sandbox.run(&format!("{operator}{}", revoke.replace("ID", &tokens[0].token_id))).await;
    sandbox.run(&format!("{operator}{}", script.next("--decide-for-issuer"))).await;

    let block = script.next("signoff freeze --all");
    let (freeze, thaw) = block.split_at(block.find("signoff thaw").unwrap());
    let frozen = sandbox.run(&format!("{operator}{freeze}")).await;
    assert!(frozen.contains("incident 12") && frozen.contains("sql.*"), "{frozen}");
    let freezes = server.admin(secret).list_freezes(ListFreezesRequest::default()).await.unwrap().into_inner().freezes;
    sandbox.run(&format!("{operator}{}", thaw.replace("FREEZE_ID", &freezes[0].id))).await;

    // Nobody is signed in here, so there is no id of a session.
    let block = script.next("signoff session list");
    let block: String = block.split_inclusive('\n').filter(|line| !line.contains("end ID")).collect();
    let ended = sandbox.run(&format!("{operator}{block}")).await;
    assert_eq!(ended.matches("ended: 0 sessions").count(), 2, "{ended}");
    let blocked = sandbox.run(&format!("{operator}{}", script.next("signoff subject block"))).await;
    assert!(blocked.contains("blocked: https://idp ann") && blocked.contains("left the company"), "{blocked}");
    assert!(server.stop().await.success());
}
