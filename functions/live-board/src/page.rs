//! The page: files that are compiled into the binary, served with strict security headers.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use function_kit::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The content security policy: only scripts, styles and data of this origin, and no inline code. With trusted
/// types, a script cannot insert text as HTML.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; font-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'";

/// A file of the page.
struct File {
    /// The path in the folder `page`, which is also the path in the URL.
    name: &'static str,
    content_type: &'static str,
    content: &'static str,
}

/// A file that is compiled into the binary.
macro_rules! file {
    ($name:literal, $content_type:expr) => {
        File { name: $name, content_type: $content_type, content: include_str!(concat!("../page/", $name)) }
    };
}

/// All files that are served. Paths are compared with this list only, so no path leads to another file.
const FILES: &[File] = &[
    file!("activity.js", JS),
    file!("board.css", CSS),
    file!("board.js", JS),
    file!("calm.js", JS),
    file!("chart.js", JS),
    file!("counting.js", JS),
    file!("elements.js", JS),
    file!("errors.js", JS),
    file!("fleet.css", CSS),
    file!("fleet.js", JS),
    file!("forecast.js", JS),
    file!("format.js", JS),
    file!("freshness.js", JS),
    file!("icon.svg", SVG),
    file!("idle.js", JS),
    file!("index.html", HTML),
    file!("lake.js", JS),
    file!("lanes.js", JS),
    file!("layout.css", CSS),
    file!("palette.js", JS),
    file!("parked.js", JS),
    file!("plane.js", JS),
    file!("poll.js", JS),
    file!("proof.js", JS),
    file!("rates.js", JS),
    file!("scale.js", JS),
    file!("sections.css", CSS),
    file!("soundings.js", JS),
    file!("stuck.js", JS),
    file!("theme.js", JS),
    file!("throughput.js", JS),
    file!("totals.js", JS),
    file!("vehicle.js", JS),
    file!("vehicles.js", JS),
    file!("vendor/uPlot.iife.min.js", JS),
    file!("vendor/uPlot.min.css", CSS),
];

/// The page: answers requests for its files.
pub(crate) struct Page {
    /// The `ETag`s of [`FILES`], in the same order.
    tags: Vec<Option<HeaderValue>>,
}

impl Page {
    /// Computes the `ETag`s.
    pub(crate) fn new() -> Self {
        Self { tags: FILES.iter().map(tag).collect() }
    }

    /// Answers with a file. The empty name is `index.html`. The status is 304 if the browser has the file already,
    /// 404 if there is no such file, and 405 for methods other than GET and HEAD.
    ///
    /// Browsers ask for each file again with its `ETag`, so that the page does not mix files of two deployments.
    pub(crate) fn answer(&self, name: &str, request: &Request) -> Response {
        let name = if name.is_empty() { "index.html" } else { name };
        let Some(index) = FILES.iter().position(|file| file.name == name) else {
            return guarded(Response::not_found());
        };
        if request.method != Method::GET {
            return guarded(Response::method_not_allowed("GET, HEAD"));
        }
        let (file, tag) = (&FILES[index], self.tags[index].as_ref());
        let known = request.headers.get(header::IF_NONE_MATCH);
        let mut response = if known.is_some() && known == tag {
            Response::text(StatusCode::NOT_MODIFIED, file.content_type, "")
        } else {
            Response::text(StatusCode::OK, file.content_type, file.content)
        };
        if let Some(tag) = tag {
            response = response.header(header::ETAG, tag.clone());
        }
        guarded(response.header(header::CACHE_CONTROL, HeaderValue::from_static("no-cache")).route(file.name))
    }
}

/// A file's `ETag`. A hash that is not cryptographic is enough: it only detects new versions of our own files.
fn tag(file: &File) -> Option<HeaderValue> {
    let mut hasher = DefaultHasher::new();
    file.content.hash(&mut hasher);
    HeaderValue::try_from(format!("\"{:016x}\"", hasher.finish())).ok()
}

/// Adds the security headers that every response has.
pub(crate) fn guarded(response: Response) -> Response {
    const HEADERS: [(HeaderName, &str); 4] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    HEADERS
        .into_iter()
        .fold(response, |response, (name, value)| response.header(name, HeaderValue::from_static(value)))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn get(name: &str, tag: Option<HeaderValue>) -> Response {
        let headers = tag.map(|tag| (header::IF_NONE_MATCH, tag)).into_iter().collect();
        let request = Request {
            method: Method::GET,
            path: format!("/{name}"),
            query: std::collections::BTreeMap::default(),
            headers,
            body: Vec::new().into(),
        };
        Page::new().answer(name, &request)
    }

    #[test]
    fn every_file_of_the_page_is_served_and_nothing_else() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
        let mut names = Vec::new();
        for (folder, prefix) in [(folder.clone(), ""), (folder.join("vendor"), "vendor/")] {
            for entry in fs::read_dir(folder).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                if [".html", ".css", ".js", ".svg"].iter().any(|end| name.ends_with(end)) {
                    names.push(format!("{prefix}{name}"));
                }
            }
        }
        names.sort_unstable();
        let mut served: Vec<_> = FILES.iter().map(|file| file.name.to_owned()).collect();
        served.sort_unstable();
        assert_eq!(served, names);
        assert_eq!(get("", None).body(), get("index.html", None).body());
        for name in ["vendor/LICENSE", "../Cargo.toml", "x"] {
            assert_eq!(get(name, None).status(), StatusCode::NOT_FOUND, "{name}");
        }
    }

    #[test]
    fn a_file_that_the_browser_has_is_not_sent_again() {
        let first = get("board.js", None);
        let tag = first.headers().get(header::ETAG).cloned();
        let again = get("board.js", tag.clone());
        assert_eq!((again.status(), again.body().len()), (StatusCode::NOT_MODIFIED, 0));
        assert_eq!(get("board.css", tag).status(), StatusCode::OK);
    }

    #[test]
    fn every_answer_forbids_inline_scripts_and_other_origins() {
        for name in ["", "board.js", "nothing"] {
            let response = get(name, None);
            let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
            assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{name}: {policy}");
            assert!(!policy.contains("unsafe"), "{name}: {policy}");
        }
    }
}
