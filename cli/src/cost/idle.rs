//! What is paid while nothing flows.

use super::prices::{Amounts, Price, Prices};

/// One line of the bill of a month.
pub(crate) struct Line<'a> {
    pub(crate) price: &'a Price,
    pub(crate) arithmetic: String,
    pub(crate) usd: f64,
}

/// The lines, in the order of the price list.
pub(crate) fn lines<'a>(prices: &'a Prices, amounts: &Amounts) -> Vec<Line<'a>> {
    let known =
        prices.list.iter().filter_map(|(name, price)| amounts.get(name).map(|amount| (price, *amount)));
    known
        .map(|(price, amount)| Line {
            price,
            arithmetic: arithmetic(prices, price, amount),
            usd: prices.monthly(price, amount),
        })
        .collect()
}

/// US dollars a month.
pub(crate) fn total(prices: &Prices, amounts: &Amounts) -> f64 {
    lines(prices, amounts).iter().map(|line| line.usd).sum()
}

/// How a line comes about, such as `3 × $0.0456 × 730 h`.
fn arithmetic(prices: &Prices, price: &Price, amount: f64) -> String {
    if amount <= price.free {
        return format!("{amount}, free");
    }
    let count = if price.free > 0.0 { format!("({amount} − {})", price.free) } else { amount.to_string() };
    let hours = if price.by_the_hour() { format!(" × {} h", prices.hours) } else { String::new() };
    format!("{count} × ${}{hours}", price.usd)
}
