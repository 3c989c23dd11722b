//! Parses `FETCH_SOURCES`, a JSON array of sources, and reports all problems together.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Display;
use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;

use crate::item::Item;
use crate::pointer::Pointer;
use crate::source::Source;
use crate::template::{HeaderTemplate, ITEM, TOKEN, Target, UrlTemplate};

/// A source in JSON, before its values are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    url: String,
    items: Vec<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    require: Vec<String>,
    #[serde(default)]
    next: Option<String>,
    target: String,
    #[serde(default)]
    token_secret: Option<String>,
}

/// Parses the sources.
///
/// # Errors
/// All problems, each as `FETCH_SOURCES[index] ("name").field: problem`. They do not contain values, because
/// a value may be a token.
pub(crate) fn sources(json: &str) -> Result<Vec<Source>, Vec<String>> {
    let written: Vec<Value> = serde_json::from_str(json).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        vec![format!("FETCH_SOURCES is not a JSON array of sources (line {line}, column {column})")]
    })?;
    let mut problems = Vec::new();
    if written.is_empty() {
        problems.push("FETCH_SOURCES has no source".to_owned());
    }
    let (mut names, mut targets) = (HashSet::new(), HashSet::new());
    let mut sources = Vec::new();
    for (number, value) in written.into_iter().enumerate() {
        let mut of_source = Vec::new();
        let mut place = format!("FETCH_SOURCES[{number}]");
        match serde_path_to_error::deserialize::<_, Written>(value) {
            Err(error) => of_source.push(format!("{}: {}", error.path(), without_values(error.inner()))),
            Ok(written) => {
                place = format!("FETCH_SOURCES[{number}] ({:?})", written.name);
                if !names.insert(written.name.clone()) {
                    of_source.push("name: another source has the same name".to_owned());
                }
                if !targets.insert(written.target.clone()) {
                    of_source.push("target: another source has the same target".to_owned());
                }
                sources.extend(source(written, &mut of_source));
            }
        }
        problems.extend(of_source.into_iter().map(|problem| format!("{place}.{problem}")));
    }
    if problems.is_empty() { Ok(sources) } else { Err(problems) }
}

/// Checks the values of one source. Adds all problems to `problems`. `None` only if the URL or the target is
/// not valid; the caller rejects all sources if there is any problem.
fn source(written: Written, problems: &mut Vec<String>) -> Option<Source> {
    let Written { name, url, items, headers, require, next, target, token_secret } = written;
    if name.is_empty()
        || name.len() > 64
        || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    {
        problems.push("name: use 1 to 64 of A-Z, a-z, 0-9, '-' and '_'".to_owned());
    }
    let items: Vec<Item> = all("items", items, problems);
    if items.is_empty() && !problems.iter().any(|problem| problem.starts_with("items")) {
        problems.push("items: it is empty, so a scheduled run would fetch nothing".to_owned());
    }
    let mut seen = HashSet::new();
    if let Some(twice) = items.iter().find(|item| !seen.insert(*item)) {
        problems.push(format!("items: {twice} occurs twice"));
    }
    let headers: Vec<HeaderTemplate> = headers
        .iter()
        .filter_map(|(name, value)| {
            let header = HeaderTemplate::new(name, value);
            header.map_err(|reason| problems.push(format!("headers.{name}: {reason}"))).ok()
        })
        .collect();
    let require = all("require", require, problems);
    let next: Vec<Pointer> = all("next", next, problems);
    let target = Target::new(&target).map_err(|reason| problems.push(format!("target: {reason}"))).ok();
    let url = UrlTemplate::new(&url).map_err(|reason| problems.push(format!("url: {reason}"))).ok();
    if let Some(url) = &url {
        if items.len() > 1 && !url.holds(ITEM) {
            problems.push(format!("url: it has no {ITEM}, so every item would be the same answer"));
        }
        problems.extend(token_problem(url, &headers, token_secret.as_deref()));
    }
    let (next, target, url) = (next.into_iter().next(), target?, url?);
    Some(Source { name, items, url, headers, require, next, target, token_secret })
}

/// Checks that the token's secret is set exactly if the URL or a header uses the token.
fn token_problem(url: &UrlTemplate, headers: &[HeaderTemplate], secret: Option<&str>) -> Option<String> {
    let used = url.holds(TOKEN) || headers.iter().any(HeaderTemplate::holds_token);
    match secret.map(str::trim) {
        None if used => Some(format!("token_secret: it is missing, and {TOKEN} needs it")),
        Some(_) if !used => {
            Some(format!("token_secret: neither url nor headers contain {TOKEN}, so nothing uses it"))
        }
        Some("") => Some("token_secret: it is empty".to_owned()),
        Some(_) if !url.is_private() => Some(
            "url: a token is not sent over plain HTTP, because others could read it; use https://".to_owned(),
        ),
        _ => None,
    }
}

/// Parses all values of a list. Adds a problem for each invalid value.
fn all<T: FromStr<Err: Display>>(
    field: &str,
    values: impl IntoIterator<Item = String>,
    problems: &mut Vec<String>,
) -> Vec<T> {
    let mut parsed = Vec::new();
    for value in values {
        match value.parse() {
            Ok(value) => parsed.push(value),
            Err(reason) => problems.push(format!("{field}: {reason}")),
        }
    }
    parsed
}

/// Serde's message without the value that it may quote.
fn without_values(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.strip_prefix("invalid ").and_then(|rest| rest.rsplit_once(", expected ")) {
        Some((_, expected)) => format!("it must be {expected}"),
        None => message,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// The weather source of the data contract.
    pub(crate) fn weather() -> Value {
        json!({
            "name": "forecast_72",
            "url": "https://api.example/api/v1/forecast/locale/{item}/hours/72?token={token}",
            "items": ["3477", "5959"],
            "headers": {"accept": "application/json"},
            "require": ["/id", "/data/0/date"],
            "next": null,
            "target": "s3://raw/raw/clima_tempo/forecast_72/forecast_72_{time}_{item}.json",
            "token_secret": "arn:aws:secretsmanager:us-east-1:000000000000:secret:token"
        })
    }

    /// The weather source with another value of one field.
    fn changed(field: &str, value: Value) -> Value {
        let mut source = weather();
        source[field] = value;
        source
    }

    /// The problems of sources that must be rejected.
    fn problems(sources: &[Value]) -> Vec<String> {
        super::sources(&json!(sources).to_string()).map(|sources| sources.len()).unwrap_err()
    }

    #[test]
    fn a_source_with_a_token_and_one_without_are_parsed() {
        let plain = json!({
            "name": "orders", "url": "http://api.example/orders", "items": ["all"],
            "target": "s3://raw/orders/{time}_{item}.jsonl", "next": "/links/next"
        });
        let sources = sources(&json!([weather(), plain]).to_string()).unwrap();
        assert_eq!(
            (sources[0].name(), sources[0].items().len(), sources[1].require.len()),
            ("forecast_72", 2, 0)
        );
    }

    #[test]
    fn every_problem_of_every_source_is_named_at_once() {
        let mut bad = weather();
        for (field, value) in [
            ("name", json!("a b")),
            ("url", json!("api.example/{item}")),
            ("items", json!(["a/b", "..", "ok"])),
            ("headers", json!({"host": "x", "accept": "{x}"})),
            ("require", json!(["id", "/data/~5"])),
            ("next", json!("next")),
            ("target", json!("s3://raw/x")),
        ] {
            bad[field] = value;
        }
        let found = problems(&[bad, changed("url", json!(7)), changed("nmae", json!("x")), json!("x")]);
        let text = found.join("\n");
        for part in [
            "[0] (\"a b\").name",
            ".url: it is not a URL",
            "\"a/b\"",
            "\"..\"",
            "headers.host",
            "headers.accept",
            "\"id\"",
            "~5",
            "\"next\"",
            "no {time} and no {item}",
            "[1].url: it must be a string",
            "nmae",
            "[3]",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[test]
    fn contradictory_sources_are_rejected() {
        for (source, reason) in [
            (changed("items", json!([])), "empty"),
            (changed("items", json!(["1", "1"])), "twice"),
            (changed("url", json!("https://h/x?t={token}")), "no {item}"),
            (changed("token_secret", Value::Null), "token_secret: it is missing"),
            (changed("url", json!("https://h/{item}")), "nothing uses it"),
            (changed("url", json!("http://h/{item}?t={token}")), "plain HTTP"),
        ] {
            let found = problems(&[source]);
            assert!(found.len() == 1 && found[0].contains(reason), "{reason}: {found:?}");
        }
        let header = json!({"name": "a", "url": "http://h/{item}", "items": ["1"], "headers": {"x-key": "{token}"},
            "target": "s3://b/{time}_{item}", "token_secret": "s"});
        assert!(problems(&[header]).join("").contains("plain HTTP"));
        let twice = problems(&[weather(), weather()]).join("\n");
        assert!(twice.contains("name: another") && twice.contains("target: another"), "{twice}");
        for (json, reason) in [("[", "line 1"), ("{}", "not a JSON array"), ("[]", "no source")] {
            assert!(super::sources(json).unwrap_err().join("").contains(reason), "{json}");
        }
    }

    #[test]
    fn a_local_server_may_get_a_token_over_plain_http() {
        let source = changed("url", json!("http://127.0.0.1:8072/{item}?token={token}"));
        assert!(super::sources(&json!([source]).to_string()).is_ok());
    }

    #[test]
    fn problems_do_not_quote_values() {
        let found =
            problems(&[changed("items", json!("s3cr3t")), changed("headers", json!({"x": ["s3cr3t"]}))]);
        assert!(found.len() == 2 && !found.join("").contains("s3cr3t"), "{found:?}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(field in "name|url|items|headers|require|next|target|token_secret", value in "\\PC{0,30}") {
            let _ = super::sources(&json!([changed(&field, json!(value))]).to_string());
            let _ = super::sources(&json!([changed(&field, json!([value]))]).to_string());
            let _ = super::sources(&value);
        }
    }
}
