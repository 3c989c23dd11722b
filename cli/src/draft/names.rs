//! Names of fields: whether they can be columns, how they are quoted in YAML, and what they suggest about the values.

/// The reason why a key cannot be a field of a pipeline file. `None` if it can.
///
/// The parser of pipeline files decides, so that this function cannot differ from it.
pub(crate) fn barred(key: &str) -> Option<&'static str> {
    if key.is_empty() {
        return Some("its name is empty");
    }
    if key.starts_with('_') {
        return Some("its name begins with `_`, which is reserved for the lake's own columns");
    }
    let parses = |name: &str| {
        let yaml = format!(
            "topic: {{ name: a-topic, partitions: 1 }}\nfields:\n  - {{ name: {}, type: string }}\nlake: {{ consumer_group: g, path: p }}\n",
            quoted(name)
        );
        pipeline::Pipeline::from_yaml(&yaml, "a file")
            .is_ok_and(|pipeline| pipeline.fields.iter().any(|field| field.name == name))
    };
    if parses(key) {
        None
    } else {
        Some("its name has a character that is not valid in a column's name, such as `.` or a space")
    }
}

/// A text as a YAML scalar. Quotes are left out only if every YAML parser reads the text as a string without them.
pub(crate) fn quoted(text: &str) -> String {
    // Booleans and nulls of YAML 1.1 and 1.2.
    const WORDS: [&str; 10] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"];
    let simple = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if simple { text.to_owned() } else { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) }
}

/// A key for a comment or message: escaped, between backticks, and cut after 60 characters.
pub(crate) fn shown(key: &str) -> String {
    const MOST: usize = 60;
    let escape = |c: char| {
        if c.is_ascii() && !c.is_ascii_control() { c.to_string() } else { c.escape_unicode().to_string() }
    };
    let text: String = key.chars().take(MOST).map(escape).collect();
    let more = if key.chars().nth(MOST).is_some() { "…" } else { "" };
    format!("`{text}{more}`")
}

/// The words of a name in lower case: `createdAt` and `created_at` both become `created` and `at`.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && lower) {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        lower = c.is_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a name suggests a time. Numbers count as times only under such a name.
pub(crate) fn names_a_time(name: &str) -> bool {
    const TIMES: [&str; 14] = [
        "ts",
        "time",
        "timestamp",
        "date",
        "datetime",
        "at",
        "when",
        "epoch",
        "created",
        "updated",
        "modified",
        "started",
        "ended",
        "timestampms",
    ];
    words(name).iter().any(|word| TIMES.contains(&word.as_str()))
}

/// Whether a name suggests an amount of money.
pub(crate) fn names_an_amount(name: &str) -> bool {
    const AMOUNTS: [&str; 9] =
        ["amount", "price", "total", "cost", "fee", "balance", "tax", "turnover", "revenue"];
    words(name).iter().any(|word| AMOUNTS.contains(&word.as_str()))
}
