//! The function's settings.

use rustls::RootCertStore;
use settings::Environment;

use crate::source::Source;
use crate::source_file;

/// The function's settings. README.md lists the variables.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `FETCH_SOURCES`: the sources. The first one is used if an event does not name one.
    pub sources: Vec<Source>,
    /// The trusted certificate authorities: the public ones and those in `FETCH_CA_PEM`.
    pub authorities: RootCertStore,
}

impl settings::FromEnvironment for Settings {
    fn read(environment: &mut Environment) -> Option<Self> {
        let mut authorities = authorities::public();
        if let Some(pem) = environment.text("FETCH_CA_PEM")
            && let Err(error) = authorities::add_variable(&mut authorities, "FETCH_CA_PEM", &pem)
        {
            environment.problem(error.to_string());
        }
        let json: Option<String> = environment.required("FETCH_SOURCES", "what to fetch, as a JSON array");
        match source_file::sources(&json?) {
            Ok(sources) => Some(Self { sources, authorities }),
            Err(problems) => {
                for problem in problems {
                    environment.problem(problem);
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::source_file::tests::weather;

    /// The settings from these variables, or the error message.
    fn read(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let environment: Environment = variables.iter().copied().collect();
        environment.settings().map_err(|error| error.to_string())
    }

    #[test]
    fn sources_are_parsed_and_public_authorities_are_trusted() {
        let settings = read(&[("FETCH_SOURCES", &json!([weather()]).to_string())]).unwrap();
        assert_eq!(settings.sources[0].name(), "forecast_72");
        assert!(settings.authorities.len() > 50);
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let error = read(&[("FETCH_CA_PEM", "x")]).unwrap_err();
        assert!(
            error.contains("FETCH_SOURCES is missing") && error.contains("FETCH_CA_PEM: it holds no"),
            "{error}"
        );
        let error = read(&[("FETCH_CA_PEM", "x"), ("FETCH_SOURCES", "[{}, {}]")]).unwrap_err();
        for part in ["FETCH_CA_PEM", "FETCH_SOURCES[0]", "FETCH_SOURCES[1]"] {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
    }
}
