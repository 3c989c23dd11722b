//! The database users of the functions, and their rights.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::error::WarehouseError;

/// The rights of a user on the rows of every table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Read and change rows.
    Write,
    /// Read rows.
    Read,
}

impl Rights {
    /// The rights on tables, for `GRANT`.
    fn on_tables(self) -> &'static str {
        match self {
            Self::Write => "SELECT, INSERT, UPDATE, DELETE",
            Self::Read => "SELECT",
        }
    }

    /// The rights on sequences. Writers take running numbers from them.
    fn on_sequences(self) -> Option<&'static str> {
        match self {
            Self::Write => Some("USAGE"),
            Self::Read => None,
        }
    }
}

/// Creates the user if it does not exist, and grants it rights on the rows of every table, but not on the tables'
/// definitions. If the server is RDS, the user can log in with IAM.
///
/// The rights also apply to tables that the calling user creates later. Must run as a user who may create roles and
/// grant rights.
pub async fn grant(client: &Client, user: &str, rights: Rights) -> Result<(), WarehouseError> {
    let failed = WarehouseError::statement("grant a user's rights");
    // Identifiers cannot be statement parameters, so the server quotes them.
    let row = client
        .query_typed_one(
            "SELECT quote_ident($1), EXISTS (SELECT FROM pg_roles WHERE rolname = $1), \
             EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam')",
            &[(&user, Type::TEXT)],
        )
        .await
        .map_err(&failed)?;
    let (user, exists, is_rds): (String, bool, bool) = (row.get(0), row.get(1), row.get(2));
    let mut statements = Vec::new();
    if !exists {
        statements.push(format!("CREATE ROLE {user} LOGIN"));
    }
    if is_rds {
        statements.push(format!("GRANT rds_iam TO {user}"));
    }
    let schemas = client
        .query_typed(
            "SELECT quote_ident(nspname) FROM pg_namespace \
             WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema' ORDER BY 1",
            &[],
        )
        .await
        .map_err(&failed)?;
    for schema in schemas.iter().map(|row| row.get::<_, String>(0)) {
        statements.push(format!("GRANT USAGE ON SCHEMA {schema} TO {user}"));
        let kinds = [("TABLES", Some(rights.on_tables())), ("SEQUENCES", rights.on_sequences())];
        for (kind, rights) in kinds {
            let Some(rights) = rights else { continue };
            statements.push(format!("GRANT {rights} ON ALL {kind} IN SCHEMA {schema} TO {user}"));
            statements.push(format!(
                "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT {rights} ON {kind} TO {user}"
            ));
        }
    }
    client.batch_execute(&statements.join("; ")).await.map_err(&failed)
}
