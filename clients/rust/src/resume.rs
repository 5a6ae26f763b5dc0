//! The gate of a call that was asked before, perhaps by another process.

use std::{fmt, future::Future};

use crate::{
    call::Call,
    client::Client,
    finished,
    gate::{GateError, Permit, Run},
    handle::Handle,
    refusal::{Kind, Refusal},
    wait::Wait,
};

impl Client {
    /// As [`run`](Self::run), for a call that was asked before, perhaps by another process: waits for it, and calls
    /// `function` with the server's arguments. `call` has the options of the wait ([`Call::patience`],
    /// [`Call::on_progress`], [`Call::check_edit`], …); its arguments are ignored.
    ///
    /// If several processes resume one handle, one runs; the others get [`Kind::AlreadyClaimed`].
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run). Also [`Kind::RequestFailed`] if `call` is for another tool than the handle, or if the
    /// server does not know the approval.
    pub async fn resume<T, E, F, Fut>(&self, handle: &Handle, call: Call, function: F) -> Result<T, GateError<E>>
    where
        F: FnOnce(Run) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: fmt::Display,
    {
        finished::check::<T>().map_err(|problem| self.refused(&call, Kind::invalid(problem)))?;
        self.resumed_permit(handle, &call).await?.execute(function).await
    }

    /// Waits until the call of a handle is approved, and claims nothing. `call` has the options, as for
    /// [`resume`](Self::resume).
    ///
    /// # Errors
    ///
    /// As [`resume`](Self::resume), except those of the claim.
    pub async fn wait(&self, handle: &Handle, call: &Call) -> Result<(), Refusal> {
        let wait = self.reattach(handle, call)?;
        let approval = self.decided(call, wait).await?;
        self.approved(call, Some(handle), approval).map(|_| ())
    }

    /// The permit of a call that was asked before.
    pub(crate) async fn resumed_permit(&self, handle: &Handle, call: &Call) -> Result<Permit, Refusal> {
        let wait = self.reattach(handle, call)?;
        self.permit(call, wait, Some(handle)).await
    }

    fn reattach(&self, handle: &Handle, call: &Call) -> Result<Wait, Refusal> {
        if call.tool_name == handle.tool_name {
            return Ok(Wait::resumed(self.clone(), handle, call.patience));
        }
        let problem = format!("the handle is for the tool {}, not for {}", handle.tool_name, call.tool_name);
        Err(self.refused(call, Kind::invalid(problem)))
    }
}
