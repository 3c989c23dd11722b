//! Postgres: connection, migrations, offset ledger, bulk upserts.
