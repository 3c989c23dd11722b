//! A cache for one answer. Many users may open the board at the same time, and requests to its sources cost time and
//! money.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::BoardError;

/// A cache for one answer.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The maximum age of the answer.
    age: Duration,
    /// The answer and the time at which it was made.
    answer: Mutex<Option<(Instant, Value)>>,
}

impl Kept {
    /// Creates a cache that keeps an answer for `age`.
    pub(crate) fn new(age: Duration) -> Self {
        Self { age, answer: Mutex::new(None) }
    }

    /// Returns the cached answer if it is not too old, otherwise the answer of `make`. An error is not cached. If
    /// several callers need a new answer, one makes it and the others wait.
    pub(crate) async fn or_make(
        &self,
        make: impl Future<Output = Result<Value, BoardError>>,
    ) -> Result<Value, BoardError> {
        let mut answer = self.answer.lock().await;
        if let Some((made, value)) = answer.as_ref()
            && made.elapsed() < self.age
        {
            return Ok(value.clone());
        }
        let value = make.await?;
        *answer = Some((Instant::now(), value.clone()));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_kept_until_it_is_old() {
        let kept = Kept::new(Duration::from_secs(5));
        assert_eq!(kept.or_make(async { Ok(1.into()) }).await.unwrap(), 1);
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(kept.or_make(async { Ok(2.into()) }).await.unwrap(), 1);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(kept.or_make(async { Ok(3.into()) }).await.unwrap(), 3);
    }
}
