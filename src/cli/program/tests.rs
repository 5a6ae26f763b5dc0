//! Parses every command that the documentation names.

use clap::error::ErrorKind;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::*;

/// What a person would type: the commands of blocks, each in one line, and the pieces of code in sentences.
#[expect(clippy::disallowed_methods, reason = "the repository's own files")]
fn commands(page: &std::path::Path) -> (Vec<String>, Vec<String>) {
    let text = std::fs::read_to_string(page).expect("a page");
    let (mut blocks, mut mentions, mut shell) = (String::new(), Vec::new(), false);
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                shell = ["sh", "console"].contains(&&*language);
            }
            Event::End(TagEnd::CodeBlock) => shell = false,
            Event::Text(code) if shell => blocks.push_str(&code),
            Event::Code(code) => mentions.push(code.replace('\n', " ")),
            _ => {}
        }
    }
    let ours = |commands: Vec<String>| commands.into_iter().filter(|line| line.starts_with("signoff ")).collect();
    let blocks = blocks.replace("\\\n", " ");
    let blocks = blocks.lines().map(|line| line.strip_prefix("$ ").unwrap_or(line).to_owned());
    (ours(blocks.collect()), ours(mentions))
}

/// The words of a command, up to what belongs to the shell.
fn words(line: &str) -> Vec<String> {
    let line = ["&&", " | ", " > ", " #"].iter().fold(line, |line, end| line.split(end).next().unwrap_or(line));
    let printed = std::process::Command::new("sh").args(["-fc", &format!(r"printf '%s\0' {line}")]).output();
    let printed = printed.expect("a shell").stdout;
    String::from_utf8(printed).expect("UTF-8").split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn json_is_rejected_where_it_has_no_effect() {
    for line in [
        "serve --json",
        "--json demo",
        "config check --json",
        "--json export --data-dir d",
        "import --data-dir d --json f",
    ] {
        let error = parse(&format!("signoff {line}")).expect_err(line);
        assert!(error.to_string().contains("prints no JSON; remove --json"), "{error}");
    }
    for line in ["--json store check --data-dir d", "policy check p.yaml --json", "--json pending"] {
        parse(&format!("signoff {line}")).expect(line);
    }
    let help = command().try_get_matches_from(["signoff", "serve", "--help"]).expect_err("help").to_string();
    assert!(!help.contains("--json"), "{help}");
}

fn parse(line: &str) -> Result<(), clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(words(line).iter().filter(|word| *word != "…"))?;
    check_options(&mut command, &matches)?;
    Cli::from_arg_matches(&matches).map(|_| ())
}

#[test]
fn every_command_in_the_documentation_parses() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = root.join("docs").read_dir().expect("docs").map(|entry| entry.expect("an entry").path());
    let pages = docs.chain(["README.md", "ARCHITECTURE.md", "examples/README.md"].map(|name| root.join(name)));
    let (mut problems, mut count) = (Vec::new(), 0);
    for page in pages.filter(|page| page.extension().is_some_and(|extension| extension == "md")) {
        let (blocks, mentions) = commands(&page);
        count += blocks.len() + mentions.len();
        let whole = blocks.iter().filter_map(|line| parse(line).err().map(|error| (line, error)));
        // A sentence may name a command without all that it needs, and with a word for a value.
        let wrong = [ErrorKind::UnknownArgument, ErrorKind::InvalidSubcommand, ErrorKind::ArgumentConflict];
        let named = mentions.iter().filter(|line| !line.contains("COMMAND")).filter_map(|line| {
            parse(line).err().filter(|error| wrong.contains(&error.kind())).map(|error| (line, error))
        });
        problems.extend(whole.chain(named).map(|(line, error)| format!("{}: `{line}`: {error}", page.display())));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(count > 100, "only {count} commands were found");
}

/// A command and all below it, each with its words joined as in the name of its page.
fn names(command: &clap::Command, above: &str) -> Vec<String> {
    let name = if above.is_empty() { command.get_name().to_owned() } else { format!("{above}-{}", command.get_name()) };
    let below: Vec<_> = command.get_subcommands().flat_map(|below| names(below, &name)).collect();
    std::iter::once(name).chain(below).collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the pages were just written")]
fn every_command_has_a_manual_page() {
    let directory = tempfile::tempdir().expect("a directory");
    let pages = directory.path().join("share/man1");
    super::super::man_pages::write(command(), &pages).expect("writes");
    let names = names(&command(), "");
    for name in &names {
        let page = std::fs::read_to_string(pages.join(format!("{name}.1"))).expect(name);
        assert!(page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"), "{page}");
    }
    assert_eq!(pages.read_dir().expect("pages").count(), names.len());
    let page = |name: &str| std::fs::read_to_string(pages.join(name)).expect(name);
    assert!(page("signoff-token-create.1").contains("\\-\\-subject"));
    // As in the help, options without an effect are absent.
    assert!(!page("signoff-export.1").contains("address") && page("signoff-pending.1").contains("address"));
}

#[test]
fn shells_accept_the_completions() {
    use clap_complete::Shell;
    let directory = tempfile::tempdir().expect("a directory");
    for (shell, program) in [(Shell::Bash, "bash"), (Shell::Zsh, "zsh"), (Shell::Fish, "fish")] {
        let file = directory.path().join(program);
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command(), "signoff", &mut script);
        std::fs::write(&file, script).expect("writes");
        let checked = match std::process::Command::new(program).arg("-n").arg(&file).output() {
            Ok(checked) => checked,
            // Only bash is on every machine that runs these tests.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && program != "bash" => continue,
            Err(error) => panic!("{program}: {error}"),
        };
        assert!(checked.status.success() && checked.stderr.is_empty(), "{program}: {checked:?}");
    }
}
