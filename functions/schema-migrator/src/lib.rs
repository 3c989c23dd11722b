//! Runs the database migrations.
