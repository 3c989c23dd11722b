//! Placeholder until its library stands.
fn main() {}
