//! The local stack's parts and what they share.

pub(crate) mod activity;
pub(crate) mod applied;
pub(crate) mod artifacts;
pub(crate) mod aws;
pub(crate) mod bridge;
pub(crate) mod emulator;
pub(crate) mod forecast_api;
pub(crate) mod http;
pub(crate) mod kafka;
pub(crate) mod lag;
pub(crate) mod layout;
pub(crate) mod lock;
pub(crate) mod ports;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod queues;
pub(crate) mod record;
pub(crate) mod requirements;
pub(crate) mod schema;
pub(crate) mod spark;
pub(crate) mod terraform;
pub(crate) mod tools;
pub(crate) mod unheard;
