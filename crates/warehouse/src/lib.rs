//! Access to Postgres: the connection, the migrations, the offset ledger, the registry of processed objects, and bulk
//! upserts.
//!
//! A process has one connection, because a Lambda environment handles one event at a time. It is opened when it is
//! first needed, and again if it breaks. Statements are not prepared, and they are pipelined: several of them share one
//! network round trip.

pub mod certificates;
mod columns;
mod connect;
mod definition;
mod error;
mod grants;
pub mod ledger;
mod limits;
mod login;
mod migrate;
mod names;
mod plan;
pub mod registry;
mod retention;
mod roots;
mod rows_table;
pub mod search;
mod session;
mod settings;
mod shape;
mod sqlstate;
mod tls;
mod totals_table;
pub mod values;

pub use self::settings::{DatabaseAuth, DatabaseSettings};
pub use columns::Columns;
pub use connect::{Session, connect};
pub use error::WarehouseError;
pub use grants::{Rights, grant};
pub use limits::begin;
pub use migrate::migrate;
pub use names::quoted;
pub use plan::{Misfit, TablePlan};
pub use rows_table::{NewRow, RowsTable};
pub use session::Warehouse;
pub use tokio_postgres::Client;
pub use tokio_postgres::types as sql_types;
pub use totals_table::{SumType, TotalsTable};
