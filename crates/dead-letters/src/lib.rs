//! Parked records: type, writing, listing, redriving.
