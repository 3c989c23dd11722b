//! The verbs of the command line, one module per verb. Each has a struct of clap arguments and a function `run`. The
//! text of `--help` is in the doc comments of the fields and in `after_help`; the one-line summaries are in `main.rs`.
//!
//! The modules `accept_loss`, `given_up`, `own_function` and `rewind` are not verbs. They are parts of `offsets`,
//! `parked` and `bridge`.

mod accept_loss;
pub(crate) mod board;
pub(crate) mod bridge;
pub(crate) mod certificates;
pub(crate) mod cost;
pub(crate) mod detach;
pub(crate) mod down;
pub(crate) mod drain;
pub(crate) mod env;
pub(crate) mod fleet;
pub(crate) mod forecast;
pub(crate) mod given_up;
pub(crate) mod inbox;
pub(crate) mod ingest;
pub(crate) mod invoke;
pub(crate) mod lake;
pub(crate) mod logs;
pub(crate) mod media;
pub(crate) mod offsets;
pub(crate) mod own_function;
pub(crate) mod parked;
pub(crate) mod pipeline;
pub(crate) mod prepare;
pub(crate) mod rewind;
pub(crate) mod rooms;
pub(crate) mod status;
pub(crate) mod stub;
pub(crate) mod up;
pub(crate) mod verify;
