//! What the commands print with `--json` is what `docs/json-schema.json` says, key by key.

mod common;

use common::{folder, ksim};
use serde_json::{Value, json};
use std::path::Path;

/// What is wrong with a value, if it is not as a schema says. Stricter than JSON Schema: a key that
/// the schema does not have is wrong, so that everything printed is documented; and a keyword that
/// is not understood here is an error of the schema.
fn wrong(root: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    let keys = schema.as_object().expect("a schema is an object");
    keys.iter().find_map(|(key, rule)| match (key.as_str(), rule) {
        ("description", _) => None,
        ("$ref", _) => {
            let pointer = rule.as_str().and_then(|r| r.strip_prefix('#')).expect("within the file");
            let target = root.pointer(pointer).unwrap_or_else(|| panic!("{pointer}: dangling"));
            wrong(root, target, value, at)
        }
        ("type", Value::Array(some)) => {
            let fits = some.iter().any(|one| is(value, one));
            (!fits).then(|| format!("{at}: {value} is none of {rule}"))
        }
        ("type", one) => (!is(value, one)).then(|| format!("{at}: {value} is no {one}")),
        ("enum", Value::Array(some)) => {
            (!some.contains(value)).then(|| format!("{at}: {value} is none of {rule}"))
        }
        ("minimum", _) => {
            let low = value.as_f64().zip(rule.as_f64()).is_some_and(|(v, min)| v < min);
            low.then(|| format!("{at}: {value} is less than {rule}"))
        }
        ("pattern", _) => {
            assert_eq!(rule, "^[0-9a-f]{16}$", "no other pattern is understood here");
            let text = value.as_str().unwrap_or_default();
            let hash = text.len() == 16 && text.chars().all(|c| "0123456789abcdef".contains(c));
            (!hash).then(|| format!("{at}: {value} is no hash"))
        }
        ("anyOf", Value::Array(some)) => {
            let all: Option<Vec<String>> =
                some.iter().map(|one| wrong(root, one, value, at)).collect();
            all.map(|all| all.join("; or "))
        }
        ("items", one) => value
            .as_array()
            .into_iter()
            .flatten()
            .enumerate()
            .find_map(|(i, item)| wrong(root, one, item, &format!("{at}[{i}]"))),
        ("required", Value::Array(names)) => {
            let lacks = |name: &&Value| {
                value.is_object()
                    && value[name.as_str().unwrap()].is_null()
                    && value.get(name.as_str().unwrap()).is_none()
            };
            names.iter().find(lacks).map(|name| format!("{at}: no key {name}"))
        }
        ("properties", Value::Object(known)) => {
            value.as_object().into_iter().flatten().find_map(|(key, value)| match known.get(key) {
                Some(one) => wrong(root, one, value, &format!("{at}.{key}")),
                None => Some(format!("{at}.{key} is not in the schema")),
            })
        }
        ("additionalProperties", one) => value
            .as_object()
            .into_iter()
            .flatten()
            .find_map(|(key, value)| wrong(root, one, value, &format!("{at}.{key}"))),
        _ => panic!("{key} is not understood here"),
    })
}

fn is(value: &Value, kind: &Value) -> bool {
    match kind.as_str().expect("a type has a name") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no type is called {other}"),
    }
}

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/json-schema.json");
    let text = std::fs::read_to_string(path).expect("it can be read");
    serde_json::from_str(&text).expect("it is JSON")
}

#[test]
fn what_is_printed_is_what_the_schema_says() {
    let (folder, schema) = (folder("json"), schema());
    let (bug, pair) = ("services/rcu-irq/bug", "services/rcu-irq");
    let mut seen = Vec::new();
    let mut holds = |name: &str, args: &[&str]| -> Value {
        let (_, out, err) = ksim(&folder, args);
        let value: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}{err}"));
        let rule = &schema["$defs"][name];
        assert!(rule.is_object(), "the schema has no {name}");
        assert_eq!(wrong(&schema, rule, &value, name), None, "{args:?}");
        seen.push(name.to_owned());
        value
    };
    holds("list", &["list", "--json"]);
    let hunted = holds("hunt", &["hunt", pair, "--runs", "300", "--json"]);
    holds("hunt", &["hunt", "kernel", "--runs", "30", "--json"]);
    holds("prove", &["prove", pair, "--json"]);
    holds("prove", &["prove", bug, "--json", "--preemptions", "1", "--executions", "1"]);
    holds("check", &["check", pair, "--runs", "300", "--json"]);
    let wrong = holds("check", &["check", bug, "--runs", "1", "--strategy", "random", "--json"]);
    assert_eq!(wrong["results"][0]["as_expected"], json!(false));
    for finding in hunted["results"][0]["findings"].as_array().expect("findings") {
        let file = finding["schedule"].as_str().expect("it is saved");
        holds("show", &["show", file, "--format", "json"]);
        holds("explain", &["explain", file, "--runs", "20", "--json"]);
    }
    for pair in [[&format!("{bug}@1:0"), &format!("{bug}@1:7")], [&format!("{bug}@1"); 2]] {
        holds("diff", &["diff", pair[0], pair[1], "--json"]);
    }
    holds("matrix", &["matrix", "litmus", "--quick", "--json"]);
    holds("bench-samplers", &["bench-samplers", "classic/account", "--seeds", "3", "--json"]);

    // Nothing is described that no command prints: what is left is a part of the others.
    let parts = ["kind", "timing", "shrunk"];
    for name in schema["$defs"].as_object().expect("definitions").keys() {
        assert!(parts.contains(&name.as_str()) || seen.contains(name), "{name} is not tested");
    }
    let kinds = ksim::base::finding::Kind::ALL.map(|kind| kind.name());
    assert_eq!(schema["$defs"]["kind"]["enum"], json!(kinds));
}

#[test]
fn the_comparison_notices_what_is_wrong() {
    let schema = schema();
    let rule = &schema["$defs"]["timing"];
    for (value, problem) in [
        (json!({ "seconds": 1.5 }), None),
        (json!({}), Some("timing: no key \"seconds\"")),
        (json!({ "seconds": "1" }), Some("timing.seconds: \"1\" is no \"number\"")),
        (json!({ "seconds": 1, "more": 2 }), Some("timing.more is not in the schema")),
        (json!([]), Some("timing: [] is no \"object\"")),
    ] {
        assert_eq!(wrong(&schema, rule, &value, "timing").as_deref(), problem, "{value}");
    }
    let rule = &schema["$defs"]["list"];
    let value = json!({ "scenarios": [{ "name": 1 }] });
    assert_eq!(
        wrong(&schema, rule, &value, "list").as_deref(),
        Some("list.scenarios[0].name: 1 is no \"string\"")
    );
}
