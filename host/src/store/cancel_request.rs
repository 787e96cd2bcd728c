//! Requests to cancel, from other processes to the one that drives a run: it looks for them a few times a second, and
//! answers.

use rusqlite::{OptionalExtension, params};

use super::{OpenRun, RunRecord, Store, StoreError};

/// What somebody asks to be canceled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelRequest {
    number: i64,
    /// One step, as people name it; none: the whole run.
    pub step: Option<String>,
}

/// A request that was made, to hear the answer.
#[derive(Debug)]
pub struct MadeRequest(i64);

/// What came of a request. The error is why nothing was canceled.
pub type Canceled = Result<(), String>;

impl Store {
    /// Asks whoever drives the run to cancel a step, or all of it.
    pub fn request_cancel(&self, run: &RunRecord, step: Option<&str>) -> Result<MadeRequest, StoreError> {
        let insert = "INSERT INTO cancel_requests (run, step) VALUES (?1, ?2)";
        self.connection.execute(insert, params![run.number, step])?;
        Ok(MadeRequest(self.connection.last_insert_rowid()))
    }

    /// The answer to a request, once there is one. It is told once.
    pub fn take_answer(&self, request: &MadeRequest) -> Result<Option<Canceled>, StoreError> {
        let answered =
            "DELETE FROM cancel_requests WHERE number = ?1 AND answer IS NOT NULL RETURNING answer";
        let answer: Option<String> =
            self.connection.query_row(answered, [request.0], |row| row.get(0)).optional()?;
        Ok(answer.map(|why_not| if why_not.is_empty() { Ok(()) } else { Err(why_not) }))
    }

    /// Takes a request back that nobody answers.
    pub fn withdraw(&self, request: &MadeRequest) -> Result<(), StoreError> {
        self.connection.execute("DELETE FROM cancel_requests WHERE number = ?1", [request.0])?;
        Ok(())
    }
}

impl OpenRun {
    /// Requests that wait for an answer, first come first.
    pub fn cancel_requests(&self) -> Result<Vec<CancelRequest>, StoreError> {
        let connection = self.connection();
        let mut query = connection.prepare(
            "SELECT number, step FROM cancel_requests WHERE run = ?1 AND answer IS NULL ORDER BY number",
        )?;
        let request = |row: &rusqlite::Row<'_>| Ok(CancelRequest { number: row.get(0)?, step: row.get(1)? });
        Ok(query.query_map([self.number], request)?.collect::<Result<_, _>>()?)
    }

    /// Answers a request.
    pub fn answer(&self, request: &CancelRequest, canceled: &Canceled) -> Result<(), StoreError> {
        let why_not = canceled.as_ref().err().map_or("", String::as_str);
        self.connection().execute(
            "UPDATE cancel_requests SET answer = ?2 WHERE number = ?1",
            params![request.number, why_not],
        )?;
        Ok(())
    }
}
