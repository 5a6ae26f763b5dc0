//! The policies in the documentation, which people copy: they load, give no warnings, and require approval for calls
//! that try to bypass their rules.

use std::fs;

use super::commands::run;

const PAGES: [&str; 6] = [
    "docs/start.md",
    "docs/concepts.md",
    "docs/policy.md",
    "docs/operations.md",
    "docs/security.md",
    "docs/clients.md",
];

/// The policies in a page: its YAML blocks, without the cases that test a policy.
fn policies(page: &str) -> Vec<String> {
    let text = crate::files::text(format!("{}/{page}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let blocks = text.split("```yaml\n").skip(1);
    let blocks = blocks.map(|block| block.split_once("```").expect("it ends").0);
    blocks.filter(|block| !block.starts_with("cases:")).map(str::to_owned).collect()
}

#[tokio::test]
async fn each_policy_of_the_documentation_is_safe_to_copy() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("policy.yaml");
    let mut count = 0;
    for page in PAGES {
        for policy in policies(page) {
            fs::write(&file, &policy).unwrap();
            let (code, out, err) = run(&["policy", "check", "--strict", file.to_str().unwrap()]).await;
            assert!(code == Some(0) && out.contains("no problems"), "{page}: {policy}{out}{err}");
            count += 1;
        }
    }
    assert!(count >= 2, "{count} policies were found");
}

/// Calls that try to bypass the rules of the first policy in docs/policy.md, and calls that it should approve.
const CASES: &str = r#"
cases:
  - { name: search, tool_name: search_records, arguments: { query: x }, expect: AUTO_APPROVED }
  - { name: small, tool_name: process_payment, arguments: { amount: 9.99 }, expect: AUTO_APPROVED }
  - { name: other currency, tool_name: process_payment, arguments: { amount: 9.99, currency: KWD }, expect: PENDING }
  - { name: negative, tool_name: process_payment, arguments: { amount: -1 }, expect: PENDING }
  - { name: read, tool_name: sql.query, arguments: { query: "SELECT id, name FROM customers LIMIT 10" }, expect: AUTO_APPROVED }
  - { name: comment, tool_name: sql.query, arguments: { query: "DROP/**/TABLE customers" }, expect: PENDING }
  - { name: delete, tool_name: sql.query, arguments: { query: "DELETE FROM customers" }, expect: PENDING }
  - { name: truncate, tool_name: sql.query, arguments: { query: "TRUNCATE customers" }, expect: PENDING }
  - { name: two statements, tool_name: sql.query, arguments: { query: "SELECT id FROM customers; DROP TABLE customers" }, expect: PENDING }
  - { name: two lines, tool_name: sql.query, arguments: { query: "SELECT id FROM customers\nDROP TABLE customers" }, expect: PENDING }
  - { name: union, tool_name: sql.query, arguments: { query: "SELECT password from users union select name FROM customers" }, expect: PENDING }
  - { name: into, tool_name: sql.query, arguments: { query: "SELECT id into stolen FROM customers" }, expect: PENDING }
  - { name: another table, tool_name: sql.query, arguments: { query: "SELECT password FROM users" }, expect: PENDING }
  - { name: another argument, tool_name: sql.query, arguments: { query: "SELECT id FROM customers", database: prod }, expect: PENDING }
  - { name: another tool, tool_name: sql.execute, arguments: { query: "SELECT id FROM customers" }, expect: PENDING }
  - { name: upper case, tool_name: SQL.query, arguments: { query: "DROP TABLE customers" }, expect: PENDING }
  - { name: upper case, tool_name: SEND_EMAIL, arguments: { to: eve@evil.com }, expect: PENDING }
  - { name: hyphen, tool_name: send-email, arguments: { to: eve@evil.com }, expect: PENDING }
  - { name: prefix, tool_name: default.send_email, arguments: { to: eve@evil.com }, expect: PENDING }
"#;

#[tokio::test]
async fn the_first_policy_in_the_documentation_cannot_be_bypassed() {
    let data = tempfile::tempdir().unwrap();
    let (file, cases) = (data.path().join("policy.yaml"), data.path().join("cases.yaml"));
    fs::write(&file, &policies("docs/policy.md")[0]).unwrap();
    fs::write(&cases, CASES).unwrap();
    let (code, out, err) = run(&["policy", "test", file.to_str().unwrap(), cases.to_str().unwrap()]).await;
    assert!(code == Some(0) && out.contains("19 passed, 0 failed"), "{out}{err}");
}
