//! Texts with placeholders for an item, the token or the time.

use chrono::{DateTime, Utc};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use s3::S3Location;
use settings::presign::encoded;
use url::Url;

use crate::item::Item;
use crate::token::Token;

/// The placeholder for the item, in URLs and targets.
pub(crate) const ITEM: &str = "{item}";
/// The placeholder for the token, in URLs and headers.
pub(crate) const TOKEN: &str = "{token}";
/// The placeholder for the time of the run, in targets.
pub(crate) const TIME: &str = "{time}";

/// The URL of a source, with `{item}` and `{token}` in its path or query.
#[derive(Debug, Clone)]
pub(crate) struct UrlTemplate(String);

/// The filled text is not a valid URL or header value. Only a token with control characters causes this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the token cannot be part of a {0}: it holds line breaks or control characters")]
pub(crate) struct BadToken(&'static str);

impl UrlTemplate {
    /// `Err` says what is wrong.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let template = Self(text.to_owned());
        let filled = template.filled("item", "token");
        if let Some(name) = unknown_place(text, &[ITEM, TOKEN]) {
            return Err(format!("{name} is not a placeholder here; {ITEM} and {TOKEN} are"));
        }
        let url: Url = filled.parse().map_err(|error| format!("it is not a URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("it must begin with https:// or http://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(format!("a name and password are not allowed in the URL; use a header with {TOKEN}"));
        }
        // The host must be fixed, because only this host may get the token.
        let host = text.split_once("://").map_or(text, |(_, rest)| rest).split(['/', '?', '#']).next();
        if host.is_some_and(|host| host.contains('{')) {
            return Err(format!("{ITEM} and {TOKEN} cannot be part of the host"));
        }
        Ok(template)
    }

    /// Whether the URL has this placeholder.
    pub(crate) fn holds(&self, place: &str) -> bool {
        self.0.contains(place)
    }

    /// Whether requests are encrypted or stay on this machine.
    pub(crate) fn is_private(&self) -> bool {
        let Ok(url) = self.filled("item", "token").parse::<Url>() else { return false };
        let loopback = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        url.scheme() == "https" || loopback
    }

    /// Fills in the item and the token, percent-encoded. Removes the fragment.
    pub(crate) fn fill(&self, item: &Item, token: Option<&Token>) -> Result<Url, BadToken> {
        let mut url: Url =
            self.filled(item.as_ref(), token.map_or("", Token::text)).parse().map_err(|_| BadToken("URL"))?;
        url.set_fragment(None);
        Ok(url)
    }

    /// The text with both placeholders replaced, before it is parsed as a URL.
    fn filled(&self, item: &str, token: &str) -> String {
        self.0.replace(ITEM, &encoded(item).to_string()).replace(TOKEN, &encoded(token).to_string())
    }
}

/// A header of a source's requests, with `{token}` in its value.
#[derive(Debug, Clone)]
pub(crate) struct HeaderTemplate {
    name: HeaderName,
    value: String,
}

impl HeaderTemplate {
    /// `Err` says what is wrong.
    pub(crate) fn new(name: &str, value: &str) -> Result<Self, String> {
        /// The headers that the client sets. A second value would break the request.
        const OURS: [&str; 6] =
            ["host", "connection", "content-length", "transfer-encoding", "accept-encoding", "te"];
        let name: HeaderName = name.parse().map_err(|_| "it is not the name of a header".to_owned())?;
        if OURS.contains(&name.as_str()) {
            return Err("the function sets this header itself".to_owned());
        }
        if let Some(place) = unknown_place(value, &[TOKEN]) {
            return Err(format!("{place} is not a placeholder in a header; {TOKEN} is"));
        }
        HeaderValue::from_str(value)
            .map_err(|_| "its value has characters that are not allowed in a header".to_owned())?;
        Ok(Self { name, value: value.to_owned() })
    }

    /// Whether the value has the placeholder for the token.
    pub(crate) fn holds_token(&self) -> bool {
        self.value.contains(TOKEN)
    }

    /// Adds the header to `headers`. It is marked as sensitive, so that `Debug` output hides its value.
    pub(crate) fn fill(&self, headers: &mut HeaderMap, token: Option<&Token>) -> Result<(), BadToken> {
        let value = self.value.replace(TOKEN, token.map_or("", Token::text));
        let mut value = HeaderValue::from_str(&value).map_err(|_| BadToken("header"))?;
        value.set_sensitive(true);
        headers.insert(self.name.clone(), value);
        Ok(())
    }
}

/// The bucket and the key template of a source's objects.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    bucket: S3Location,
    key: String,
}

impl Target {
    /// `Err` says what is wrong.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let form = format!("it must be s3://bucket/prefix/name_{TIME}_{ITEM}.json");
        let location: S3Location = text.parse().map_err(|_| form.clone())?;
        let key = location.prefix();
        if let Some(place) = unknown_place(text, &[TIME, ITEM]) {
            return Err(format!("{place} is not a placeholder here; {TIME} and {ITEM} are"));
        }
        if location.bucket().contains('{') || text.ends_with('/') {
            return Err(form);
        }
        let missing: Vec<&str> = [TIME, ITEM].into_iter().filter(|place| !key.contains(place)).collect();
        if !missing.is_empty() {
            return Err(format!(
                "it has no {}, so that objects would overwrite each other",
                missing.join(" and no ")
            ));
        }
        Ok(Self { bucket: location.root(), key: key.to_owned() })
    }

    /// The bucket, without a prefix.
    pub(crate) fn bucket(&self) -> &S3Location {
        &self.bucket
    }

    /// The key of an item's object. The time in it has no colons, because Hadoop's paths do not allow them.
    pub(crate) fn key(&self, at: DateTime<Utc>, item: &Item) -> String {
        let time = at.format("%Y%m%dT%H%M%SZ").to_string();
        self.key.replace(TIME, &time).replace(ITEM, item.as_ref())
    }
}

/// The first `{…}` in `text` that is not one of `known`.
fn unknown_place<'t>(text: &'t str, known: &[&str]) -> Option<&'t str> {
    let mut rest = text;
    while let Some(start) = rest.find(['{', '}']) {
        let end = rest[start..].find('}').map_or(rest.len(), |end| start + end + 1);
        let place = &rest[start..end];
        if !known.contains(&place) {
            return Some(place);
        }
        rest = &rest[end..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(text: &str) -> Item {
        text.parse().unwrap()
    }

    #[test]
    fn a_token_is_percent_encoded_in_a_url_and_unchanged_in_a_header() {
        let url = UrlTemplate::new("https://h/a/{item}/b?token={token}&x=1#f").unwrap();
        let token = Token::new("a b&c=/é").unwrap();
        assert_eq!(
            url.fill(&item("3477"), Some(&token)).unwrap().as_str(),
            "https://h/a/3477/b?token=a%20b%26c%3D%2F%C3%A9&x=1"
        );
        let mut headers = HeaderMap::new();
        let token = Token::new("a b&c").unwrap();
        HeaderTemplate::new("Authorization", "Bearer {token}")
            .unwrap()
            .fill(&mut headers, Some(&token))
            .unwrap();
        assert_eq!(headers["authorization"], "Bearer a b&c");
        assert!(!format!("{headers:?}").contains("a b&c"));
    }

    /// A token with a line break could add a header of its own to the request.
    #[test]
    fn a_token_with_control_characters_is_rejected() {
        let token = Token::new("a\r\nx-evil: 1").unwrap();
        let template = HeaderTemplate::new("x-key", "{token}").unwrap();
        assert!(template.fill(&mut HeaderMap::new(), Some(&token)).is_err());
    }

    #[test]
    fn a_key_has_the_time_in_utc_without_colons() {
        let target =
            Target::new("s3://raw/raw/clima_tempo/forecast_72/forecast_72_{time}_{item}.json").unwrap();
        let at = DateTime::parse_from_rfc3339("2026-11-26T20:00:05.123-03:00").unwrap().to_utc();
        let key = "raw/clima_tempo/forecast_72/forecast_72_20261126T230005Z_3477.json";
        assert_eq!(target.key(at, &item("3477")), key);
        assert_eq!(target.bucket().to_string(), "s3://raw");
    }

    #[test]
    fn invalid_templates_are_rejected_with_the_reason() {
        for (url, reason) in [
            ("ftp://h/{item}", "https://"),
            ("h/{item}", "not a URL"),
            ("https://u:p@h/{item}", "name and password"),
            ("https://{token}.h/{item}", "host"),
            ("https://h/{city}", "{city}"),
            ("https://h/{item", "{item"),
        ] {
            let refused = UrlTemplate::new(url).unwrap_err();
            assert!(refused.contains(reason), "{url}: {refused}");
        }
        for (target, reason) in [
            ("raw/{time}_{item}", "s3://"),
            ("s3://raw/{item}.json", "no {time}"),
            ("s3://raw/x.json", "no {time} and no {item}"),
            ("s3://raw/{date}/{time}_{item}", "{date}"),
            ("s3://raw-{item}/{time}_{item}", "s3://"),
            ("s3://raw/{time}_{item}/", "s3://"),
        ] {
            let refused = Target::new(target).unwrap_err();
            assert!(refused.contains(reason), "{target}: {refused}");
        }
        for (name, value) in [("a b", "x"), ("host", "x"), ("accept", "a\nb"), ("x", "{item}")] {
            assert!(HeaderTemplate::new(name, value).is_err(), "{name}: {value}");
        }
    }

    #[test]
    fn only_https_and_loopback_are_private() {
        for (url, private) in [
            ("https://api.example/", true),
            ("http://localhost:80/", true),
            ("http://api.localhost/", true),
            ("http://127.9.9.9/", true),
            ("http://[::1]/", true),
            ("http://api.example/", false),
            ("http://localhost.evil.example/", false),
            ("http://10.0.0.1/", false),
        ] {
            assert_eq!(UrlTemplate::new(url).unwrap().is_private(), private, "{url}");
        }
    }
}
