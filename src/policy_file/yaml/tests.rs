use super::*;

/// The tree on one line: `key@line:column=value`.
fn tree(text: &str) -> String {
    match parse(text) {
        Ok(root) => shape(&root),
        Err(failure) => format!("{}: {}", failure.at, failure.message),
    }
}

fn shape(node: &Node) -> String {
    let at = node.at;
    match &node.value {
        Value::Scalar(Scalar { text, kind: Kind::Text }) => format!("{at} {text:?}"),
        Value::Scalar(Scalar { text, kind }) => format!("{at} {kind:?} {text}"),
        Value::Sequence(items) => format!("{at} [{}]", items.iter().map(shape).collect::<Vec<_>>().join(", ")),
        Value::Mapping(Mapping { entries, bad_keys }) => {
            let entries = entries.iter().map(|entry| format!("{} {}: {}", entry.at, entry.key, shape(&entry.node)));
            let bad = bad_keys.iter().map(|(at, wrong)| format!("{at} !{wrong}"));
            format!("{at} {{{}}}", entries.chain(bad).collect::<Vec<_>>().join(", "))
        }
        Value::Refused(wrong) => format!("{at} !{wrong}"),
    }
}

#[test]
fn nodes_have_positions() {
    let cases = [
        (
            "a: 1\nb:\n  - x\n  - c: 'é🙂' # z\n    d: |\n      t\n",
            concat!(
                r#"1:1 {1:1 a: 1:4 Number 1, 2:1 b: 2:1 [3:5 "x", 4:5 {4:5 c: 4:8 "é🙂", "#,
                r#"5:5 d: 6:7 "t\n"}]}"#
            ),
        ),
        ("a:\nb: [ , ]", "2:6: invalid YAML: while parsing a node, did not find expected node content"),
        ("a:\nb: {c: , d}\n", "1:1 {1:1 a: 1:1 Null , 2:1 b: 2:4 {2:5 c: 2:5 Null , 2:10 d: 2:10 Null }}"),
        ("\u{feff}a: b", r#"1:1 {1:1 a: 1:4 "b"}"#),
        ("a: b\r\nc: d\r\n", r#"1:1 {1:1 a: 1:4 "b", 2:1 c: 2:4 "d"}"#),
        ("? a\n: b\n", r#"1:1 {1:3 a: 2:3 "b"}"#),
        ("{\"a\": [true, null, \"5\"]}", r#"1:1 {1:2 a: 1:7 [1:8 Bool(true) true, 1:14 Null null, 1:20 "5"]}"#),
    ];
    for (text, expected) in cases {
        assert_eq!(tree(text), expected, "{text:?}");
    }
}

#[test]
fn an_empty_file_is_not_an_empty_mapping() {
    for text in ["", "\n", "# only a comment\n", "---\n", "~\n", "null", "...\n", "\u{feff}", "---\n...\n"] {
        let failure = parse(text).expect_err("the text has no document");
        assert_eq!(failure.message, "is empty; write `{}` if that is intended", "{text:?}");
    }
    assert_eq!(tree("{}"), "1:1 {}");
}

#[test]
fn ambiguous_yaml_is_rejected() {
    let cases = [
        (
            "a: 1\nb: 2\na: 3\n",
            "1:1 {1:1 a: 1:4 Number 1, 2:1 b: 2:4 Number 2, 3:1 a: 3:1 !is set twice; the first is at 1:1}",
        ),
        ("a: &x 1", "1:1 {1:1 a: 1:4 !anchors are not allowed; remove it}"),
        ("a: &x [1]", "1:1 {1:1 a: 1:4 !anchors are not allowed; remove it}"),
        (
            "- &x {b: 1}\n- *x",
            concat!(
                "1:1 [1:3 !anchors are not allowed; remove it, ",
                "2:3 !aliases are not allowed; write the value again]"
            ),
        ),
        (
            "- {<<: {a: 1}}\n- {'<<': 1}",
            concat!(
                "1:1 [1:3 {1:4 !merge keys (<<) are not allowed; write the merged keys}, ",
                "2:3 {2:4 <<: 2:10 Number 1}]"
            ),
        ),
        ("a: !x 1", r#"1:1 {1:1 a: 1:4 !the tag "!x" is not allowed here; remove it}"#),
        ("a: !!binary x", r#"1:1 {1:1 a: 1:4 !the tag "!!binary" is not allowed here; remove it}"#),
        ("a: !!int x", r#"1:1 {1:1 a: 1:4 !the tag "!!int" is not allowed here; remove it}"#),
        ("a: !!set {b}", r#"1:1 {1:1 a: 1:4 !the tag "!!set" is not allowed here; remove it}"#),
        (
            "5: a\ntrue: b\n~: c\n[d]: e\n{f: g}: h\n'5': i",
            concat!(
                r#"1:1 {6:1 5: 6:6 "i", 1:1 !a key is a number; it must be a string: write "5", "#,
                r#"2:1 !a key is a boolean; it must be a string: write "true", 3:1 !a key is null; it must be a string, "#,
                "4:1 !a key is a list; it must be a string, 5:1 !a key is a mapping; it must be a string}"
            ),
        ),
        ("a: 1\n---\nb: 2\n", "2:1: a second document starts here; a file must have only one"),
        ("---\n---\n", "2:1: a second document starts here; a file must have only one"),
        ("a: *x", "1:4: invalid YAML: while parsing node, found unknown anchor"),
    ];
    for (text, expected) in cases {
        assert_eq!(tree(text), expected, "{text:?}");
    }
}

#[test]
fn core_tags_say_what_a_scalar_is() {
    let text = "- !!str 5\n- ! 5\n- !!int \"5\"\n- !!float 1\n- !!bool 'true'\n- !!null ''\n- !!seq []\n- !!map {}\n";
    let expected = concat!(
        r#"1:1 [1:3 "5", 2:3 "5", 3:3 Number 5, 4:3 Number 1, 5:3 Bool(true) true, 6:3 Null , "#,
        "7:3 [], 8:3 {}]"
    );
    assert_eq!(tree(text), expected);
}

#[test]
fn depth_and_size_are_limited_before_they_cost_anything() {
    let nested = |open: &str, close: &str, levels: usize| open.repeat(levels) + &close.repeat(levels);
    assert!(parse(&nested("[", "]", DEPTH_MAX)).is_ok());
    let deeper = tree(&nested("[", "]", DEPTH_MAX + 1));
    assert_eq!(deeper, "1:65: is nested too deeply; at most 64 levels are allowed");
    for unit in ["[", "{", "- ", "? ", "a: [", "{a: ", "[{", "- ? ", ": ", "[a, ", "{? "] {
        let tree = tree(&unit.repeat(TEXT_MAX / unit.len()));
        assert!(tree.contains("is nested too deeply"), "{unit:?}: {tree}");
    }
    let indented: String = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert_eq!(tree(&indented), "65:65: is nested too deeply; at most 64 levels are allowed");

    assert!(parse(&format!("{{}} {}", "#".repeat(TEXT_MAX - 3))).is_ok());
    assert_eq!(tree(&" ".repeat(TEXT_MAX + 1)), "1:1: the file has 1048577 bytes; at most 1048576 are allowed");
}

#[test]
fn a_large_flat_file_is_read() {
    let count = TEXT_MAX / 4;
    let Value::Sequence(items) = parse(&"- a\n".repeat(count)).unwrap().value else { panic!() };
    assert_eq!((items.len(), items[count - 1].at), (count, Position { line: count, column: 3 }));
    assert!(
        matches!(parse(&format!("[{}]", "a,".repeat(100_000))).unwrap().value, Value::Sequence(items) if items.len() == 100_000)
    );
}

#[test]
fn invalid_yaml_is_reported_with_its_position() {
    let cases = [
        ("a:\n\tb: 1\n", "2:2: invalid YAML: "),
        ("a: [1\nb: 2", "2:2: invalid YAML: "),
        ("a: 'x\n", "1:4: invalid YAML: "),
        ("a: \0", "1:4: invalid YAML: "),
        ("a: \"\\q\"", "1:4: invalid YAML: "),
        ("a: b: c", "1:5: invalid YAML: "),
        ("a: @x", "1:4: invalid YAML: "),
    ];
    for (text, expected) in cases {
        let tree = tree(text);
        assert!(tree.starts_with(expected), "{text:?}: {tree}");
    }
}
