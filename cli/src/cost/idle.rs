//! Fixed costs: what a deployment costs per month without any load.

use super::prices::{Amounts, Price, Prices};

/// One line of a monthly bill.
pub(crate) struct Line<'a> {
    pub(crate) price: &'a Price,
    /// The calculation as text, such as `3 × $0.0456 × 730 h`.
    pub(crate) arithmetic: String,
    /// US dollars per month.
    pub(crate) usd: f64,
}

/// The lines of the bill, in the order of the price list. Amounts without a price are left out.
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

/// Sum of all lines in US dollars per month.
pub(crate) fn total(prices: &Prices, amounts: &Amounts) -> f64 {
    lines(prices, amounts).iter().map(|line| line.usd).sum()
}

/// The calculation of a line as text, such as `3 × $0.0456 × 730 h`.
fn arithmetic(prices: &Prices, price: &Price, amount: f64) -> String {
    if amount <= price.free {
        return format!("{amount}, free");
    }
    let count = if price.free > 0.0 { format!("({amount} − {})", price.free) } else { amount.to_string() };
    let hours = if price.by_the_hour() { format!(" × {} h", prices.hours) } else { String::new() };
    format!("{count} × ${}{hours}", price.usd)
}
