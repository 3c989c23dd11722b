//! Stubs of external systems, with faults on request.

pub(crate) mod answer;
pub(crate) mod faults;
pub(crate) mod forecast;
