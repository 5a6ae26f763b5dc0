//! The documented rules of Block Kit and of the methods that are called: fields, lengths, numbers. Returns what is wrong.

use std::collections::BTreeSet;

use serde_json::Value;

/// The arguments of a method.
pub(crate) fn call(method: &str, arguments: &Value) -> Vec<String> {
    let mut check = Check(Vec::new());
    match method {
        "chat.postMessage" => {
            let optional = ["mrkdwn", "parse", "link_names", "unfurl_links", "unfurl_media"];
            check.keys(method, arguments, &["channel", "text", "blocks"], &optional);
            check.message(arguments);
        }
        "chat.update" => {
            check.keys(method, arguments, &["channel", "ts", "text", "blocks"], &["parse", "link_names"]);
            check.message(arguments);
        }
        "views.open" => {
            check.keys(method, arguments, &["trigger_id", "view"], &[]);
            check.view(&arguments["view"]);
        }
        other => check.say(format!("no such method: {other}")),
    }
    check.0
}

/// The body for a response URL.
pub(crate) fn response(body: &Value) -> Vec<String> {
    let mut check = Check(Vec::new());
    check.keys("response", body, &["response_type", "text"], &["replace_original", "blocks"]);
    check.data("response", body["text"].as_str().unwrap_or_default());
    if body["response_type"] != "ephemeral" || body["replace_original"] != false {
        check.say(format!("the response is not for one person alone, beside the message: {body}"));
    }
    check.0
}

/// The body for an incoming webhook.
pub(crate) fn webhook(body: &Value) -> Vec<String> {
    let mut check = Check(Vec::new());
    check.keys("webhook", body, &["text"], &["blocks", "unfurl_links", "unfurl_media"]);
    check.message(body);
    check.0
}

struct Check(Vec<String>);

impl Check {
    fn say(&mut self, problem: impl Into<String>) {
        self.0.push(problem.into());
    }

    fn keys(&mut self, what: &str, value: &Value, required: &[&str], optional: &[&str]) {
        let Some(members) = value.as_object() else { return self.say(format!("{what} is not an object: {value}")) };
        for key in required.iter().filter(|key| !members.contains_key(**key)) {
            self.say(format!("{what} has no {key}: {value}"));
        }
        for key in members.keys().filter(|key| !required.contains(&key.as_str()) && !optional.contains(&key.as_str())) {
            self.say(format!("{what} may not have {key}"));
        }
    }

    fn text_of<'a>(&mut self, what: &str, value: &'a Value, max: usize) -> &'a str {
        let Some(text) = value.as_str() else {
            self.say(format!("{what} is not a text: {value}"));
            return "";
        };
        let length = text.encode_utf16().count();
        if length == 0 || length > max {
            self.say(format!("{what} has {length} characters; allowed: 1 to {max}"));
        }
        text
    }

    fn message(&mut self, message: &Value) {
        let text = self.text_of("text", &message["text"], 4_000).to_owned();
        self.data("text", &text);
        for flag in ["mrkdwn", "link_names", "unfurl_links", "unfurl_media"] {
            if !matches!(message.get(flag), None | Some(Value::Bool(false))) {
                self.say(format!("{flag} is not false"));
            }
        }
        if !matches!(message.get("parse").map(|parse| parse.as_str()), None | Some(Some("none"))) {
            self.say("parse is not none");
        }
        self.blocks(&message["blocks"], 50, &["header", "section", "context", "actions"]);
    }

    fn blocks(&mut self, blocks: &Value, max: usize, allowed: &[&str]) {
        let Some(blocks) = blocks.as_array() else { return self.say("blocks is not a list") };
        if blocks.is_empty() || blocks.len() > max {
            self.say(format!("{} blocks; allowed: 1 to {max}", blocks.len()));
        }
        let mut ids = BTreeSet::new();
        for block in blocks {
            let kind = block["type"].as_str().unwrap_or_default();
            if !allowed.contains(&kind) {
                self.say(format!("a block of type {kind:?}"));
            }
            if let Some(id) = block.get("block_id") {
                let id = self.text_of("block_id", id, 255);
                if !ids.insert(id.to_owned()) {
                    self.say("a block_id twice");
                }
            }
            self.block(kind, block);
        }
    }

    fn block(&mut self, kind: &str, block: &Value) {
        let list = |name: &str| block[name].as_array().cloned().unwrap_or_default();
        match kind {
            "header" => {
                self.keys(kind, block, &["type", "text"], &["block_id"]);
                self.plain("header", &block["text"], 150);
            }
            "section" => {
                self.keys(kind, block, &["type"], &["block_id", "text", "fields", "expand"]);
                let fields = list("fields");
                if block.get("text").is_none() && fields.is_empty() {
                    self.say("a section without text and fields");
                }
                if block.get("text").is_some() {
                    self.text("section", &block["text"], 3_000);
                }
                if fields.len() > 10 {
                    self.say(format!("{} fields; at most 10 are allowed", fields.len()));
                }
                fields.iter().for_each(|field| self.text("field", field, 2_000));
            }
            "context" => {
                self.keys(kind, block, &["type", "elements"], &["block_id"]);
                self.count("elements of a context", list("elements").len(), 10);
                list("elements").iter().for_each(|element| self.text("context", element, 3_000));
            }
            "actions" => {
                self.keys(kind, block, &["type", "elements"], &["block_id"]);
                self.count("elements of actions", list("elements").len(), 25);
                let mut ids = BTreeSet::new();
                for element in list("elements") {
                    self.button(&element);
                    if !ids.insert(element["action_id"].to_string()) {
                        self.say("an action_id twice");
                    }
                }
            }
            "input" => {
                self.keys(kind, block, &["type", "label", "element"], &["block_id", "hint", "optional"]);
                self.plain("label", &block["label"], 2_000);
                if block.get("hint").is_some() {
                    self.plain("hint", &block["hint"], 2_000);
                }
                self.element(&block["element"]);
            }
            _ => {}
        }
    }

    fn button(&mut self, button: &Value) {
        self.keys("button", button, &["type", "text", "action_id"], &["value", "url", "style"]);
        self.plain("button", &button["text"], 75);
        self.text_of("action_id", &button["action_id"], 255);
        for (key, max) in [("value", 2_000), ("url", 3_000)] {
            if let Some(value) = button.get(key) {
                self.text_of(key, value, max);
            }
        }
        if !matches!(button.get("style").map(|style| style.as_str()), None | Some(Some("primary" | "danger"))) {
            self.say("a style that does not exist");
        }
    }

    fn element(&mut self, element: &Value) {
        match element["type"].as_str() {
            Some("plain_text_input") => {
                self.keys("input", element, &["type", "action_id"], &["multiline", "max_length"]);
                let max = element["max_length"].as_u64().unwrap_or(1);
                if !(1..=3_000).contains(&max) {
                    self.say(format!("a max_length of {max}; allowed: 1 to 3000"));
                }
            }
            Some("static_select") => {
                self.keys("select", element, &["type", "action_id", "options"], &["placeholder"]);
                self.plain("placeholder", &element["placeholder"], 150);
                let options = element["options"].as_array().cloned().unwrap_or_default();
                self.count("options", options.len(), 100);
                for option in options {
                    self.keys("option", &option, &["text", "value"], &[]);
                    self.plain("option", &option["text"], 75);
                    self.text_of("value of an option", &option["value"], 150);
                }
            }
            other => self.say(format!("an element of type {other:?}")),
        }
        self.text_of("action_id", &element["action_id"], 255);
    }

    fn view(&mut self, view: &Value) {
        let required = ["type", "title", "blocks", "submit"];
        self.keys("view", view, &required, &["close", "private_metadata", "callback_id"]);
        for part in ["title", "submit", "close"] {
            self.plain(part, &view[part], 24);
        }
        self.text_of("callback_id", &view["callback_id"], 255);
        self.text_of("private_metadata", &view["private_metadata"], 3_000);
        self.blocks(&view["blocks"], 100, &["section", "input"]);
    }

    fn count(&mut self, what: &str, count: usize, max: usize) {
        if count == 0 || count > max {
            self.say(format!("{count} {what}; allowed: 1 to {max}"));
        }
    }

    fn text(&mut self, what: &str, text: &Value, max: usize) {
        if text["type"] == "mrkdwn" {
            self.keys(what, text, &["type", "text"], &["verbatim"]);
            let own = self.text_of(what, &text["text"], max).to_owned();
            if text["verbatim"] != true {
                self.say(format!("{what} parses names: {own}"));
            }
            self.own(what, &own);
        } else {
            self.plain(what, text, max);
        }
    }

    fn plain(&mut self, what: &str, text: &Value, max: usize) {
        self.keys(what, text, &["type", "text"], &["emoji"]);
        if text["type"] != "plain_text" {
            self.say(format!("{what} is not plain_text"));
        }
        if text["emoji"] != false {
            self.say(format!("{what} shows emoji for :names:"));
        }
        let shown = self.text_of(what, &text["text"], max).to_owned();
        self.data(what, &shown);
    }

    /// A text of anybody: nothing in it may have a meaning, and nothing may be invisible.
    fn data(&mut self, what: &str, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find(['&', '<', '>']) {
            rest = &rest[at..];
            if !["&amp;", "&lt;", "&gt;"].iter().any(|entity| rest.starts_with(entity)) {
                return self.say(format!("{what} is not escaped: {text:?}"));
            }
            rest = &rest[1..];
        }
        // Isolates around a text from right to left are ours.
        let hidden =
            |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
        if text.contains(hidden) {
            self.say(format!("{what} has invisible characters: {text:?}"));
        }
    }

    /// A text of the server: labels, links to its own pages, and dates.
    fn own(&mut self, what: &str, text: &str) {
        let label = text.strip_prefix('*').and_then(|text| text.strip_suffix('*'));
        let is_label = label.is_some_and(|label| label.chars().all(|c| c.is_ascii_alphabetic() || c == ' '));
        let inner = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
        let is_one = inner.is_some_and(|inner| {
            !inner.contains(['<', '>'])
                && (inner.starts_with("https://signoff.example/") || inner.starts_with("!date^"))
        });
        if !is_label && !is_one {
            self.say(format!("{what} is neither a label, a link nor a date: {text:?}"));
        }
    }
}
