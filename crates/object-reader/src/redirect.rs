//! Decides which redirects and links to next pages are followed.

use hyper::Response;
use hyper::header::LOCATION;
use url::Url;

/// Why a link is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLink {
    /// The link is not an HTTP URL.
    #[error("it is not an HTTP URL")]
    NotHttp,
    /// The link leads from HTTPS to HTTP on another host.
    #[error("it leads from HTTPS to HTTP on another host")]
    Downgrade,
    /// The link leads to another host, which must not get the token.
    #[error("it leads to another host, {0}, but the token is only for {1}")]
    OtherHost(String, String),
}

/// The target of a redirect, from `Location`; `None` if the answer is not a redirect or has no `Location`.
#[must_use]
pub fn redirect<B>(answer: &Response<B>) -> Option<String> {
    if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let link = answer.headers().get(LOCATION)?;
    Some(String::from_utf8_lossy(link.as_bytes()).into_owned())
}

/// Resolves `link`, absolute or relative, on the page `from`.
///
/// With `guarded`, the requests carry a token, so the link must stay on the same host. Servers behind a TLS proxy often
/// write `http://` into links to themselves; such a link is followed over HTTPS.
///
/// # Errors
/// If the link must not be followed; the error says why.
pub fn follow(from: &Url, link: &str, guarded: bool) -> Result<Url, BadLink> {
    let mut to = from.join(link.trim()).map_err(|_| BadLink::NotHttp)?;
    to.set_fragment(None);
    // A name and password in a link are ignored: they are not part of the configuration.
    let _ = (to.set_username(""), to.set_password(None));
    if !matches!(to.scheme(), "http" | "https") || to.host_str().is_none() {
        return Err(BadLink::NotHttp);
    }
    if from.scheme() == "https" && to.scheme() == "http" {
        if to.host() != from.host() || to.port().is_some() {
            return Err(BadLink::Downgrade);
        }
        to.set_scheme("https").map_err(|()| BadLink::NotHttp)?;
        // Use the port of the page.
        to.set_port(from.port()).map_err(|()| BadLink::NotHttp)?;
    }
    if guarded && to.origin() != from.origin() {
        return Err(BadLink::OtherHost(origin(&to), origin(from)));
    }
    Ok(to)
}

/// The URL's scheme, host and port.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The URL that is requested next.
    fn followed(from: &str, link: &str, guarded: bool) -> Result<String, BadLink> {
        follow(&from.parse().unwrap(), link, guarded).map(String::from)
    }

    #[test]
    fn relative_and_absolute_links_are_followed() {
        let page = "https://api.example/v1/orders?page=1";
        for (link, to) in [
            ("?page=2", "https://api.example/v1/orders?page=2"),
            ("/v1/orders?page=2#top", "https://api.example/v1/orders?page=2"),
            ("items", "https://api.example/v1/items"),
            ("//api.example/x", "https://api.example/x"),
            (" https://api.example:443/x y ", "https://api.example/x%20y"),
            ("http://api.example/x", "https://api.example/x"),
        ] {
            assert_eq!(followed(page, link, true).as_deref(), Ok(to), "{link}");
        }
        assert_eq!(followed("https://h:8443/", "http://h/x", true).as_deref(), Ok("https://h:8443/x"));
    }

    /// A link over HTTP to the same host is followed over HTTPS, because servers behind a TLS proxy write
    /// such links.
    #[test]
    fn a_token_stays_on_its_host_and_https_is_not_downgraded() {
        let page = "https://api.example/v1";
        for link in [
            "https://evil.example/",
            "https://api.example.evil.example/",
            "https://api.example:8443/",
            "//evil.example/",
            "https://api.example@evil.example/",
            r"\\evil.example\x",
        ] {
            assert!(matches!(followed(page, link, true), Err(BadLink::OtherHost(..))), "{link}");
            assert!(followed(page, link, false).is_ok(), "{link}");
        }
        assert_eq!(followed(page, "http://cdn.example/", false), Err(BadLink::Downgrade));
        assert_eq!(
            followed("http://h/", "https://h/x", true),
            Err(BadLink::OtherHost("https://h".into(), "http://h".into()))
        );
        for link in ["javascript:x", "file:///etc/passwd", "data:,x", "http://", "mailto:a@b"] {
            assert!(followed(page, link, false).is_err(), "{link}");
        }
    }
}
