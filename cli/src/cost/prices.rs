//! The price list (`terraform/prices.json`).

use std::{collections::BTreeMap, fmt};

use anyhow::Context as _;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

const FILE: &str = include_str!("../../../terraform/prices.json");

/// `terraform/prices.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct Prices {
    /// AWS region of the prices.
    pub(crate) region: String,
    /// Date on which the prices were looked up.
    pub(crate) looked_up: String,
    /// Hours of a month, for prices per hour.
    pub(crate) hours: f64,
    /// Kinds of evidence for the prices: name → description. [`Price::seen`] holds such a name.
    pub(crate) seen: BTreeMap<String, String>,
    /// Name → price, in the order in which tables show them.
    #[serde(rename = "prices", deserialize_with = "in_order")]
    pub(crate) list: Vec<(String, Price)>,
    /// Name of a profile (`dev`, `prod`) → the amounts with fixed costs.
    #[serde(deserialize_with = "in_order")]
    pub(crate) profiles: Vec<(String, Amounts)>,
    /// Name of an AWS service → address of its page of prices.
    #[serde(deserialize_with = "in_order")]
    pub(crate) sources: Vec<(String, String)>,
}

/// Name of a price → amount, in the unit of that price.
pub(crate) type Amounts = BTreeMap<String, f64>;

/// One price.
#[derive(Debug, Deserialize)]
pub(crate) struct Price {
    /// What is paid for, in words with its unit.
    pub(crate) what: String,
    /// US dollars for one unit.
    pub(crate) usd: f64,
    /// `hour`, `month`, or a quantity such as `GB` or `million`.
    per: String,
    /// Amount per month that is free.
    #[serde(default)]
    pub(crate) free: f64,
    /// Name of the kind of evidence, see [`Prices::seen`].
    pub(crate) seen: String,
}

impl Prices {
    /// The price list that was compiled into this command.
    pub(crate) fn built_in() -> anyhow::Result<Self> {
        serde_json::from_str(FILE).context("the built-in price list is damaged")
    }

    /// The price of this name, if the list has it.
    pub(crate) fn find(&self, name: &str) -> Option<&Price> {
        self.list.iter().find(|(known, _)| known == name).map(|(_, price)| price)
    }

    /// US dollars for an amount. For a price per hour, it is the cost of a whole month. Fails if the list has no such
    /// price.
    pub(crate) fn usd(&self, name: &str, amount: f64) -> anyhow::Result<f64> {
        let price = self.find(name).with_context(|| format!("terraform/prices.json has no price {name}"))?;
        Ok(self.monthly(price, amount))
    }

    /// The same as [`Self::usd`], for a price that was found already.
    pub(crate) fn monthly(&self, price: &Price, amount: f64) -> f64 {
        (amount - price.free).max(0.0) * price.usd * if price.by_the_hour() { self.hours } else { 1.0 }
    }
}

impl Price {
    pub(crate) fn by_the_hour(&self) -> bool {
        self.per == "hour"
    }
}

/// Deserializes a JSON object as a list of its entries, in the order of the file. A map would sort them.
fn in_order<'de, D: Deserializer<'de>, T: Deserialize<'de>>(object: D) -> Result<Vec<(String, T)>, D::Error> {
    struct Entries<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
        type Value = Vec<(String, T)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = map.next_entry()? {
                entries.push(entry);
            }
            Ok(entries)
        }
    }

    object.deserialize_map(Entries(std::marker::PhantomData))
}
