//! An MSK event decoded into per-partition records; the typed batch response.
