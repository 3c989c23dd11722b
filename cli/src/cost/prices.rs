//! The price list.

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
    pub(crate) region: String,
    pub(crate) looked_up: String,
    /// Hours of a month.
    pub(crate) hours: f64,
    /// How a price was seen, in words, by the name that prices give for it.
    pub(crate) seen: BTreeMap<String, String>,
    /// In the order of the tables.
    #[serde(rename = "prices", deserialize_with = "in_order")]
    pub(crate) list: Vec<(String, Price)>,
    /// What a profile keeps running: amounts by price.
    #[serde(deserialize_with = "in_order")]
    pub(crate) profiles: Vec<(String, Amounts)>,
    /// The page of each price's source.
    #[serde(deserialize_with = "in_order")]
    pub(crate) sources: Vec<(String, String)>,
}

/// How much there is of what a price is for.
pub(crate) type Amounts = BTreeMap<String, f64>;

/// One price.
#[derive(Debug, Deserialize)]
pub(crate) struct Price {
    pub(crate) what: String,
    pub(crate) usd: f64,
    per: String,
    /// So many a month are free.
    #[serde(default)]
    pub(crate) free: f64,
    pub(crate) seen: String,
}

impl Prices {
    /// The list that is built in.
    pub(crate) fn built_in() -> anyhow::Result<Self> {
        serde_json::from_str(FILE).context("the built-in price list is damaged")
    }

    /// The price of this name.
    pub(crate) fn find(&self, name: &str) -> Option<&Price> {
        self.list.iter().find(|(known, _)| known == name).map(|(_, price)| price)
    }

    /// US dollars for so much. Of a price by the hour it is the cost of a month.
    pub(crate) fn usd(&self, name: &str, amount: f64) -> anyhow::Result<f64> {
        let price = self.find(name).with_context(|| format!("terraform/prices.json has no price {name}"))?;
        Ok(self.monthly(price, amount))
    }

    /// As [`Self::usd`], of a price at hand.
    pub(crate) fn monthly(&self, price: &Price, amount: f64) -> f64 {
        (amount - price.free).max(0.0) * price.usd * if price.by_the_hour() { self.hours } else { 1.0 }
    }
}

impl Price {
    pub(crate) fn by_the_hour(&self) -> bool {
        self.per == "hour"
    }
}

/// A JSON object as a list, in the order of the file.
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
