//! The log lines that Lambda writes before and after an invocation.

use std::time::Duration;

/// The content of the REPORT line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report<'a> {
    /// The id of the invocation.
    pub(crate) request_id: &'a str,
    /// From the event to the answer.
    pub(crate) duration: Duration,
    /// For the first invocation of a process, the time of its start.
    pub(crate) init: Option<Duration>,
    /// The function's memory size in MB.
    pub(crate) memory_mb: u32,
    /// The peak memory in bytes; `None` if it cannot be measured.
    pub(crate) most_memory: Option<u64>,
    /// `timeout`, or `error` with the error's type; `None` after a success.
    pub(crate) status: Option<(&'a str, Option<&'a str>)>,
}

/// The line before an invocation.
pub(crate) fn start(request_id: &str, version: &str) -> String {
    format!("START RequestId: {request_id} Version: {version}")
}

/// The line after an invocation, before REPORT.
pub(crate) fn end(request_id: &str) -> String {
    format!("END RequestId: {request_id}")
}

impl Report<'_> {
    /// The REPORT line, in Lambda's format, without a line end.
    pub(crate) fn line(&self) -> String {
        use std::fmt::Write as _;
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
        let duration = milliseconds(self.duration);
        // For custom runtimes, Lambda bills the start too.
        let billed = (duration + self.init.map_or(0.0, milliseconds)).ceil();
        let mut line = format!(
            "REPORT RequestId: {}\tDuration: {duration:.2} ms\tBilled Duration: {billed} ms\tMemory Size: {} MB",
            self.request_id, self.memory_mb
        );
        // Writing to a String cannot fail.
        if let Some(bytes) = self.most_memory {
            let _ = write!(line, "\tMax Memory Used: {} MB", bytes.div_ceil(1 << 20));
        }
        if let Some(init) = self.init {
            let _ = write!(line, "\tInit Duration: {:.2} ms", milliseconds(init));
        }
        if let Some((status, error_type)) = self.status {
            let _ = write!(line, "\tStatus: {status}");
            if let Some(error_type) = error_type {
                let _ = write!(line, "\tError Type: {error_type}");
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_as_lambdas() {
        let mut report = Report {
            request_id: "1",
            duration: Duration::from_micros(12_345),
            init: Some(Duration::from_micros(9_100)),
            memory_mb: 512,
            most_memory: Some(33_000_000),
            status: None,
        };
        assert_eq!(
            report.line(),
            "REPORT RequestId: 1\tDuration: 12.35 ms\tBilled Duration: 22 ms\tMemory Size: 512 MB\tMax Memory Used: 32 MB\tInit Duration: 9.10 ms"
        );
        report.init = None;
        report.most_memory = None;
        report.status = Some(("error", Some("Runtime.ExitError")));
        assert!(
            report.line().ends_with("Memory Size: 512 MB\tStatus: error\tError Type: Runtime.ExitError"),
            "{}",
            report.line()
        );
    }
}
