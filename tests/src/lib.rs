//! End-to-end tests on a real broker, a real Postgres and the emulator.
