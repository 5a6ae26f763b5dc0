use serde_json::{Value as Json, json};

use super::*;
use crate::{
    domain::{
        Arguments,
        samples::{a_request, arguments},
    },
    policy::Call,
};

mod oracle;
mod syntax;

const STEPS: u32 = 1_000_000;

/// Evaluates a condition for a call of `send_email` by `bot`, delegated by `planner`, at 2026-01-31T23:30:00Z.
fn holds(source: &str, args: &Json) -> Result<bool, String> {
    let condition = Condition::compile(source).map_err(|wrong| wrong.join("; "))?;
    told(&condition, &arguments(args), &StepBudget::new(STEPS)).map_err(|error| error.to_string())
}

fn told(condition: &Condition, arguments: &Arguments, meter: &StepBudget) -> Result<bool, EvaluationError> {
    let (request, _) = a_request("r");
    let now = "2026-01-31T23:30:00Z".parse().unwrap();
    let scope = Scope::new(Call {
        tool_name: "send_email",
        arguments,
        agent: &request.agent,
        labels: &request.labels,
        caller: &request.caller,
        now,
    });
    condition.holds(&scope, meter)
}

fn refused(source: &str) -> String {
    compiled(source).expect_err(source).join("; ")
}

/// Compiles on a large stack, like policies.
fn compiled(source: &str) -> Result<Condition, Vec<String>> {
    let source = source.to_owned();
    let compiling = std::thread::Builder::new().stack_size(64 << 20).spawn(move || Condition::compile(&source));
    compiling.unwrap().join().unwrap()
}

#[test]
fn conditions_say_what_they_mean() {
    let args = json!({
        "to": "alice@company.com", "cc": ["bob@company.com", "eve@evil.com"], "amount": 9, "price": 9.99,
        "deep": {"list": [1, 2.5, "x", null, true]}, "none": null, "empty": [], "ip": "10.1.2.3", "text": "Ä b,c",
    });
    for (source, expected) in [
        // Numbers are doubles.
        ("args.amount < 10 && args.price < 10", true),
        ("args.amount + args.price > 18.98 && args.price + 1 < 11", true),
        ("args.amount * 1.5 == 13.5 && 5 * 1.5 == 7.5", true),
        ("args.amount / 2 == 4.5 && args.amount % 2 == 1 && -args.amount == -9", true),
        ("args.amount == 9.0 && 9 == 9.0 && args.amount in [8, 9u]", true),
        ("double('1.5') + int('2') == 3.5 && int(-1.9) == -1", true),
        ("string(args.amount) == '9' && string(args.price) == '9.99' && string(true) == 'true'", true),
        ("size(args.cc) + 1 == 3 && args.to.size() == 17 && size(args.text) == 5", true),
        // Equality never fails; ordering fails between types.
        ("args.to == 9 || args.to != 'x' && tool != null", true),
        ("args.none == null && args.deep.list[3] == null", true),
        ("args.cc == ['bob@company.com', 'eve@evil.com'] && args.cc != []", true),
        ("args.deep == {'list': [1, 2.5, 'x', null, true]}", true),
        ("'a' < 'b' && false < true", true),
        // Strings.
        ("args.to.endsWith('@company.com') && args.to.startsWith('alice') && args.to.contains('@')", true),
        ("args.to.matches('^[a-z]+@company[.]com$') && !matches(args.to, 'evil')", true),
        ("args.to.upperAscii() == 'ALICE@COMPANY.COM' && 'Äß'.lowerAscii() == 'Äß' && ' x '.trim() == 'x'", true),
        ("args.text.split(',') == ['Ä b', 'c'] && 'äb'.split('') == ['ä', 'b']", true),
        ("args.to + '!' == 'alice@company.com!'", true),
        // Lists and maps.
        ("args.cc.all(x, x.endsWith('@company.com'))", false),
        ("args.cc.exists(x, x.endsWith('@evil.com')) && args.cc.exists_one(x, x.startsWith('bob'))", true),
        ("args.cc.filter(x, x.contains('evil')) == ['eve@evil.com']", true),
        ("args.cc.map(x, size(x)) == [15, 12] && args.cc.map(x, x.contains('b'), size(x)) == [15]", true),
        ("args.empty.all(x, false) && !args.empty.exists(x, true)", true),
        ("args.deep.all(key, key == 'list')", true),
        ("'to' in args && !('bcc' in args) && 'x' in args.deep.list", true),
        ("args['to'] == args.to && args.deep.list[1] == 2.5 && args.cc[0] + args.cc[1] != ''", true),
        ("{'prod': 1, 'test': 5}['test'] == 5", true),
        ("args.cc.all(x, args.cc.exists(y, x == y))", true),
        ("(args.cc + ['z'])[2] == 'z'", true),
        // Types.
        (
            "type(args.cc) == list && type(args.to) == string && type(args.deep) == map && type(args.none) == null_type",
            true,
        ),
        ("type(args.n) == double || type(args.amount) == double && type(true) != string", true),
        ("(type(args.to) == list ? args.to : [args.to]).all(to, to.endsWith('@company.com'))", true),
        // Presence.
        ("has(args.to) && !has(args.bcc) && has(args.none) && has(args.deep.list)", true),
        ("has(args.bcc) && args.bcc == 'x'", false),
        ("!has(args.bcc) || args.bcc == 'x'", true),
        // Errors on either side are absorbed by a decisive term.
        ("args.bcc == 'x' || true", true),
        ("args.amount > 5 || args.bcc == 'x'", true),
        ("args.bcc == 'x' && args.amount > 100", false),
        ("args.deep.list.exists(x, x > 2)", true),
        ("args.amount > 5 ? true : args.bcc", true),
        // The call.
        ("tool == 'send_email' && agent.name == 'bot' && agent.run_id == 'run-1' && 'planner' in agent.chain", true),
        ("labels.team == 'billing' && !has(labels.env) && labels == {'team': 'billing'}", true),
        ("caller.kind == 'agent' && caller.issuer == 'test' && caller.subject == 'agent'", true),
        // Time.
        ("now == timestamp('2026-02-01T00:30:00+01:00') && now > timestamp('2026-01-01T00:00:00Z')", true),
        ("now.getHours() == 23 && now.getHours('Europe/Berlin') == 0 && now.getMinutes() == 30", true),
        ("now.getDayOfWeek() == 6 && now.getDayOfWeek('Europe/Berlin') == 0 && now.getDate() == 31", true),
        ("now.getMonth() == 0 && now.getMonth('Asia/Tokyo') == 1 && now.getFullYear() == 2026", true),
        (
            "now.getDayOfMonth() == 30 && now.getDayOfYear() == 30 && now.getSeconds() + now.getMilliseconds() == 0",
            true,
        ),
        ("now - timestamp('2026-01-31T22:00:00Z') == duration('1h30m')", true),
        ("now + duration('45m') > timestamp('2026-02-01T00:00:00Z') && duration('90m').getHours() == 1", true),
        ("string(now) == '2026-01-31T23:30:00Z' && duration('-5s') < duration('1ms')", true),
        // Networks.
        ("cidr('10.0.0.0/8').containsIP(args.ip) && !cidr('10.1.2.4/32').containsIP(args.ip)", true),
        ("cidr('10.0.0.0/8').containsIP('::ffff:10.0.0.1') && cidr('2001:db8::/32').containsIP('2001:db8::1')", true),
    ] {
        assert_eq!(holds(source, &args), Ok(expected), "{source}");
    }
}

#[test]
fn what_cannot_be_told_fails() {
    let args = json!({"amount": "9", "n": 1, "list": [1, "x"], "big": 1e308, "ip": "10.0.0.999", "none": null});
    for (source, complaint) in [
        ("args.amount < 10", "`<` cannot compare a string and a number"),
        ("args.missing < 10", "there is no args.missing"),
        ("args.n.deeper == 1", "a number has no fields"),
        ("args.none < 1", "cannot compare a null and a number"),
        ("args.list[5] == 1", "there is no item 5 in a list of 2 items"),
        ("args.list[0.5] == 1", "there is no item 0.5"),
        ("args.list[-1] == 1", "there is no item -1"),
        ("args.list['x'] == 1", "cannot be indexed by a string"),
        ("args['nothing'] == 1", "there is no key \"nothing\""),
        ("labels.env == 'prod'", "there is no labels.env"),
        ("args.n / (args.n - 1) > 1", "by zero"),
        ("args.n % (args.n - 1) > 1", "by zero"),
        ("args.big * 10 > 1", "out of range"),
        ("args.n + args.amount == 10", "`+` cannot combine a number and a string"),
        ("args.list.all(x, x > 0)", "`>` cannot compare a string and a number"),
        ("args.n", "the condition is a number"),
        ("args.n && true", "a number is not a bool"),
        ("!args.n", "a number is not a bool"),
        ("args.n.startsWith('x')", "requires a string"),
        ("args.n.matches('x')", "requires a string"),
        ("double(args.list[1]) > 1", "\"x\" is not a number"),
        ("timestamp(args.amount) < now", "not an RFC 3339 time"),
        ("cidr('10.0.0.0/8').containsIP(args.ip)", "not an IP address"),
        ("args.n.all(x, true)", "cannot iterate over a number"),
        ("size(args.n) > 0", "this function does not accept a number"),
        ("now + duration('1000000000000000s') > now", "out of range"),
    ] {
        let error = holds(source, &args).expect_err(source);
        assert!(error.contains(complaint), "{source}: {error}");
    }
}

#[test]
fn what_can_never_work_is_refused() {
    for (source, complaint) in [
        ("", "column 1: the condition is empty"),
        ("1 +", "column 4: unexpected end of the condition"),
        ("args.to == 'x", "column 12: unterminated string"),
        ("arg.to == 'x'", "column 1: unknown variable arg, did you mean args?"),
        ("args.to == other", "unknown variable other"),
        ("args.to.endswith('x')", "unknown function endswith, did you mean endsWith?"),
        ("shell('rm')", "unknown function shell"),
        ("endsWith(args.to, 'x')", "endsWith is a method; write x.endsWith(…)"),
        ("args.to.timestamp()", "timestamp is not a method; write timestamp(x)"),
        ("agent.nam == 'x'", "unknown field nam"),
        ("caller.groups == []", "unknown field groups"),
        ("has(agent.nam)", "unknown field nam"),
        ("has(args)", "has() requires a field"),
        ("tool > 5", "`>` cannot compare a string and a number"),
        ("tool.name == 'x'", "a string has no field name"),
        ("now.getHours('Berlin') > 5", "a time zone must be a name"),
        ("now.getHours(tool) > 5", "a time zone must be a name"),
        ("now.getHours(1, 2) > 5", "takes 0 arguments"),
        ("now", "the condition is a timestamp"),
        ("'true'", "the condition is a string"),
        ("args.to.matches(args.pattern)", "must be a string in quotes"),
        ("args.to.matches('(')", "is invalid"),
        ("args.to.matches('(?:[ab]{1,40}){1,40}c')", "too complex"),
        ("timestamp('yesterday') < now", "always fails"),
        ("1 / 0 > 1", "always fails"),
        ("args.n == 9007199254740993", "beyond 2^53"),
        ("args.b == b'x'", "use a string or a finite number"),
        ("args.?to == 'x'", "`.?` is not supported here"),
        ("a.B{c: 1} == 1", "not supported"),
        ("{1: 2}[1] == 2", "keys must be strings"),
        ("{'a': 1, 'a': 2} == args", "duplicate key"),
        ("args.all(x, args.all(y, args.all(z, true)))", "at most 2"),
        ("args.all(args, true)", "the name args is already in use"),
        ("args.all(x, args.all(x, true))", "the name x is already in use"),
        ("args.all(5, true)", "must be a name for the items"),
        ("args.all(x)", "requires a name and an expression"),
        ("cidr('10.0.0.0').containsIP(args.ip)", "cidr(\"10.0.0.0/8\")"),
        ("args.ip.containsIP('10.0.0.1')", "must be called on a network"),
        ("x in 5", "unknown variable x"),
        ("agent.name != 5", "a string and a number are never equal"),
        ("5 in labels", "the keys of a map are strings"),
        ("1 in 5", "`in` requires a list or map, not a number"),
    ] {
        let wrong = refused(source);
        assert!(wrong.contains(complaint), "{source}: {wrong}");
    }
}

#[test]
fn everything_wrong_is_told_at_once() {
    let wrong = Condition::compile("agnt.name == 'x' && args.to.endsWit('y') && now > 5").unwrap_err();
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    assert!(wrong.iter().all(|wrong| wrong.starts_with("column ")), "{wrong:?}");
}

#[test]
fn constants_are_known() {
    for (source, constant) in [
        ("true", Some(true)),
        ("1 + 1 == 3", Some(false)),
        ("!(2 > 1)", Some(false)),
        ("args.x == 1 && false", Some(false)),
        ("args.x == 1 || 'a' == 'a'", Some(true)),
        ("args.x == 1", None),
        ("now > timestamp('2026-01-01T00:00:00Z')", None),
    ] {
        assert_eq!(Condition::compile(source).unwrap().constant(), constant, "{source}");
    }
}

/// Hazards that were measured with the library's interpreter.
mod hazards {
    use super::*;

    #[test]
    fn long_and_deep_sources_are_refused_and_nothing_overflows() {
        let deep = |open: &str, close: &str, times: usize| format!("{}1{}", open.repeat(times), close.repeat(times));
        let sources = [
            vec!["1"; 2_000].join("+"),
            vec!["1"; 500].join("+"),
            deep("(", ")", 500),
            deep("[", "]", 400),
            "!".repeat(1_000) + "true",
            "-".repeat(1_000) + "1",
            "a?b:".repeat(200) + "c",
            "args".to_owned() + &".a".repeat(500),
            "args".to_owned() + &"[0]".repeat(300),
            deep("size(", ")", 150),
            "\u{0}\u{fffd}\"".repeat(100),
        ];
        for source in sources {
            // Either rejected or compiled, but without a crash. The server's threads have small stacks.
            if let Ok(condition) = compiled(&source) {
                let evaluated = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
                    let _ = told(&condition, &arguments(&json!({})), &StepBudget::new(STEPS));
                });
                evaluated.unwrap().join().unwrap();
            }
        }
        assert!(refused(&"x".repeat(SOURCE_MAX + 1)).contains("1025 bytes; at most 1024"));
        assert!(refused(&vec!["args.n"; 100].join("+")).contains("at most 48 levels"));
    }

    #[test]
    fn a_chain_of_alternatives_is_one_level() {
        let source = (0..65).map(|n| format!("tool=='t{n}'")).collect::<Vec<_>>().join("||");
        assert_eq!(holds(&source, &json!({})), Ok(false));
    }

    #[test]
    fn the_deepest_condition_fits_a_small_stack() {
        let source = format!("{}args.n{} == 1", "-(".repeat(40), ")".repeat(40));
        let condition = compiled(&source).unwrap();
        let small = std::thread::Builder::new()
            .stack_size(1 << 20)
            .spawn(move || told(&condition, &arguments(&json!({"n": 1})), &StepBudget::new(STEPS)));
        assert_eq!(small.unwrap().join().unwrap(), Ok(true));
    }

    #[test]
    fn no_evaluation_takes_more_than_its_steps() {
        let many: Vec<_> = (0..12_000).collect();
        let long = "a".repeat(48_000);
        for (source, args) in [
            ("args.l.all(x, args.l.all(y, x + y >= 0))", json!({"l": many})),
            ("args.l.all(x, x in args.l)", json!({"l": many.iter().rev().collect::<Vec<_>>()})),
            ("args.l.map(x, args.l + args.l).size() > 0", json!({"l": many})),
            ("args.l.all(x, args.l == args.l)", json!({"l": many})),
            ("args.l.all(x, !args.t.contains('b'))", json!({"l": vec![0; 8_000], "t": "a".repeat(20_000)})),
            ("args.l.all(x, !args.t.matches('b'))", json!({"l": vec![0; 8_000], "t": "a".repeat(20_000)})),
            ("args.l.all(x, args.t + args.t != '')", json!({"l": vec![0; 8_000], "t": "a".repeat(20_000)})),
            ("args.l.all(x, size(args.t) > 0)", json!({"l": vec![0; 8_000], "t": "a".repeat(20_000)})),
            ("args.l.exists(x, args.l.exists(y, args.l.size() == 1)) || args.yes", json!({"l": many, "yes": true})),
            ("args.l.exists(x, args.l.exists(y, int(y) == 1))", json!({"l": vec!["a".repeat(40); 300]})),
            (
                "args.l.all(x, args.l.all(y, !(args.k in args.m)))",
                json!({"l": vec![0; 400], "k": "k".repeat(20_000), "m": {"k".repeat(19_999): 1}}),
            ),
            ("[args.t].map(x, x + x).map(x, x + x).map(x, x + x).all(x, x.split('').size() > 0)", json!({"t": long})),
            ("args.t.split('').all(x, args.t.split('').all(y, x == y))", json!({"t": long})),
        ] {
            let condition = compiled(source).unwrap();
            let told = told(&condition, &arguments(&args), &StepBudget::new(STEPS));
            assert_eq!(told, Err(EvaluationError::TooLong), "{source}");
        }
    }

    #[test]
    fn running_out_of_steps_is_never_absorbed() {
        let many: Vec<_> = (0..2_000).collect();
        let args = arguments(&json!({"l": many, "yes": true}));
        for source in ["args.l.all(x, args.l.all(y, x >= 0 && y >= 0)) || args.yes", "args.yes || args.l.all(x, x > 0)"]
        {
            let condition = compiled(source).unwrap();
            let (little, much) = (StepBudget::new(500), StepBudget::new(100_000_000));
            let told_little = told(&condition, &args, &little);
            let quick = source.starts_with("args.yes");
            assert_eq!(told_little, if quick { Ok(true) } else { Err(EvaluationError::TooLong) }, "{source}");
            assert_eq!(told(&condition, &args, &much), Ok(true), "{source}");
        }
    }

    #[test]
    fn several_conditions_share_the_steps() {
        let condition = Condition::compile("args.l.all(x, x >= 0)").unwrap();
        let (args, meter) = (arguments(&json!({"l": vec![1; 100]})), StepBudget::new(1_000));
        let told: Vec<_> = (0..5).map(|_| told(&condition, &args, &meter)).collect();
        assert_eq!(told[0], Ok(true));
        assert_eq!(told[4], Err(EvaluationError::TooLong));
    }
}
