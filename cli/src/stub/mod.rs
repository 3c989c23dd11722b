//! Stand-ins for other people's systems, with faults that can be switched on.

pub(crate) mod answer;
pub(crate) mod faults;
pub(crate) mod forecast;
