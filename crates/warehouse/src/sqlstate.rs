//! The meaning of Postgres' error codes (SQLSTATE) for a lane. Source: PostgreSQL manual, appendix A.

use faults::FaultClass;
use tokio_postgres::error::DbError;

/// The class of a SQLSTATE. `routine` is the function in the server that raised it.
///
/// | codes | what | class |
/// |---|---|---|
/// | 22xxx | the data: out of range, invalid character, invalid date, bad JSON | the record |
/// | 54xxx | a limit of the server: an index row too large, JSON nested too deep | the record |
/// | 23xxx | a constraint: not null, unique on another index, foreign key, check, exclusion | the record |
/// | 44000 | a view's check option | the record |
/// | 38xxx, P0xxx | a trigger or function of the table's owner that refuses the row | the record |
/// | 21000 | two rows of the statement have the same key; each one alone can be stored | the record |
/// | 54000 from the allocation of transaction ids | the server stopped to avoid a wraparound | configuration |
/// | 08, 53, 57, 58, XX | connection, resources, shutdown, cancellation, timeouts, I/O, internal errors | retryable |
/// | 25 | the transaction: read-only after a failover, ended by an earlier error or a timeout | retryable |
/// | 40 | deadlock, serialization | retryable |
/// | 55 but 55000 | a lock that was not available in time, an object in use | retryable |
/// | 0A, 28, 3D, 42, 55000, all others | the statement, the rights, or the tables' definition | configuration |
///
/// "The record" means that the table cannot hold the record: it is parked, and its neighbours are stored. This includes
/// foreign keys. The row that a record refers to may come later, but until then the record would block its partition.
/// `parked redrive` stores it later.
pub(crate) fn class_of(code: &str, routine: Option<&str>) -> FaultClass {
    match code.get(..2).unwrap_or_default() {
        _ if code == "55000" => FaultClass::Configuration,
        "54" if matches!(routine, Some("GetNewTransactionId" | "GetNewMultiXactId")) => {
            FaultClass::Configuration
        }
        "21" | "22" | "23" | "38" | "44" | "54" | "P0" => FaultClass::Poison,
        "08" | "25" | "40" | "53" | "55" | "57" | "58" | "XX" => FaultClass::Retryable,
        _ => FaultClass::Configuration,
    }
}

/// The class of a server's error answer.
pub(crate) fn class_of_answer(answer: &DbError) -> FaultClass {
    class_of(answer.code().code(), answer.routine())
}

/// Whether the connection cannot be used any more after this error: the server closes it, or it does not accept writes
/// any more. The next connection resolves the host's name again, so it finds the new primary.
pub(crate) fn ends_session(code: &str) -> bool {
    // Read-only; idle in a transaction or a transaction too long; shutdown, crash, starting up; idle too long.
    const CODES: [&str; 7] = ["25006", "25P03", "25P04", "57P01", "57P02", "57P03", "57P05"];
    CODES.contains(&code) || code.starts_with("08") || code.starts_with("XX")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_values_are_poison_and_errors_of_the_server_are_not() {
        for code in [
            "22003", "22P02", "22P05", "22021", "22008", "54000", "54001", "23502", "23505", "23503",
            "23514", "23P01", "44000", "P0001", "38000", "21000",
        ] {
            assert_eq!(class_of(code, None), FaultClass::Poison, "{code}");
        }
        for code in ["25006", "57014", "55P03", "25P03", "57P05", "40P01", "08006", "53300", "53100", "XX000"]
        {
            assert_eq!(class_of(code, None), FaultClass::Retryable, "{code}");
        }
        for code in ["42P01", "42501", "42804", "42P10", "0A000", "28P01", "3D000", "55000", "", "9"] {
            assert_eq!(class_of(code, None), FaultClass::Configuration, "{code}");
        }
        assert_eq!(class_of("54000", Some("GetNewTransactionId")), FaultClass::Configuration);
    }

    #[test]
    fn a_session_outlives_a_lock_time_out_and_not_a_failover() {
        for code in ["25006", "57P01", "57P03", "08006", "25P03"] {
            assert!(ends_session(code), "{code}");
        }
        for code in ["55P03", "57014", "40P01", "22003"] {
            assert!(!ends_session(code), "{code}");
        }
    }
}
