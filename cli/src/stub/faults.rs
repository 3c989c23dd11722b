//! Faults that the weather stub produces on request, by city.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The name that stands for all cities without an entry of their own.
pub(crate) const EVERY_CITY: &str = "*";

/// The kind of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Status 429 with `Retry-After: 1`.
    TooMany,
    /// Status 500.
    ServerError,
    /// A correct answer after 60 seconds, later than any client waits.
    Slow,
    /// A forecast with an empty list of hours.
    Empty,
    /// Status 200 with JSON that is not a forecast.
    Shape,
    /// The connection is closed after half of the body.
    Cut,
    /// Status 200 with an HTML page.
    Html,
}

/// Names of the faults on the command line and in JSON.
const KINDS: [(&str, Kind); 7] = [
    ("429", Kind::TooMany),
    ("500", Kind::ServerError),
    ("slow", Kind::Slow),
    ("empty", Kind::Empty),
    ("shape", Kind::Shape),
    ("cut", Kind::Cut),
    ("html", Kind::Html),
];

/// One fault, written as `KIND` or `KIND:TIMES`, for example `429:3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// The number of requests that will still get the fault. `None` means all requests.
    times: Option<u32>,
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, times) = match text.split_once(':') {
            Some((name, times)) => {
                let times = times.parse().map_err(|_| format!("{times} is not a number of requests"))?;
                (name, Some(times))
            }
            None => (text, None),
        };
        let names = || KINDS.map(|(name, _)| name).join(", ");
        let kind = KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
        Ok(Self { kind: kind.ok_or_else(|| format!("unknown fault {name}: use {}", names()))?, times })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = KINDS.iter().find(|(_, kind)| *kind == self.kind).map_or("", |(name, _)| name);
        match self.times {
            Some(times) => write!(out, "{name}:{times}"),
            None => out.write_str(name),
        }
    }
}

impl TryFrom<String> for Fault {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        fault.to_string()
    }
}

/// The active faults, by city id or [`EVERY_CITY`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Faults(BTreeMap<String, Fault>);

impl Faults {
    /// Returns the fault for a request of a city, and counts the request. A fault for `TIMES` requests is removed
    /// after the last of them. `None` means a correct answer.
    pub(crate) fn take(&mut self, city: &str) -> Option<Kind> {
        let name = if self.0.contains_key(city) { city } else { EVERY_CITY };
        let fault = self.0.get_mut(name)?;
        let kind = fault.kind;
        if let Some(times) = &mut fault.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.0.remove(name);
            }
        }
        Some(kind)
    }
}

impl FromIterator<CityFault> for Faults {
    fn from_iter<T: IntoIterator<Item = CityFault>>(faults: T) -> Self {
        Self(faults.into_iter().map(|CityFault { city, fault }| (city, fault)).collect())
    }
}

/// Argument `CITY=FAULT` of the command line.
#[derive(Debug, Clone)]
pub(crate) struct CityFault {
    /// A city id, or [`EVERY_CITY`].
    city: String,
    fault: Fault,
}

impl FromStr for CityFault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (city, fault) = text.split_once('=').ok_or("write CITY=FAULT, as in 3477=500")?;
        Ok(Self { city: city.to_owned(), fault: fault.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(texts: &[&str]) -> Faults {
        texts.iter().map(|text| text.parse::<CityFault>().unwrap()).collect()
    }

    #[test]
    fn a_counted_fault_is_used_up_and_an_uncounted_one_stays() {
        let mut faults = faults(&["1=500:2", "2=slow"]);
        assert_eq!(
            [faults.take("1"), faults.take("1"), faults.take("1")],
            [Some(Kind::ServerError), Some(Kind::ServerError), None]
        );
        assert_eq!([faults.take("2"), faults.take("2")], [Some(Kind::Slow), Some(Kind::Slow)]);
        assert_eq!(faults.take("3"), None);
    }

    #[test]
    fn the_fault_of_a_city_has_priority_over_that_of_every_city() {
        let mut faults = faults(&["*=429", "1=html"]);
        assert_eq!([faults.take("1"), faults.take("7")], [Some(Kind::Html), Some(Kind::TooMany)]);
    }

    #[test]
    fn faults_have_the_same_form_in_json_and_on_the_command_line() {
        let sent = serde_json::to_string(&faults(&["*=429:3", "1=empty"])).unwrap();
        assert_eq!(sent, r#"{"*":"429:3","1":"empty"}"#);
        assert_eq!(serde_json::from_str::<Faults>(&sent).unwrap(), faults(&["*=429:3", "1=empty"]));
    }

    #[test]
    fn an_unknown_fault_is_refused_with_the_list_of_faults() {
        let error = "1=boom".parse::<CityFault>().unwrap_err();
        assert!(error.contains("429") && error.contains("html"), "{error}");
        assert!("3477".parse::<CityFault>().is_err() && "1=500:x".parse::<CityFault>().is_err());
    }
}
