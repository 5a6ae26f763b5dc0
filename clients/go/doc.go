// Package signoff asks a Signoff server for approval before a function runs: ask, wait, claim, run, report.
//
// Signoff is an approvals server for AI agents. The server's policy or a person decides each call of a sensitive tool.
// An approved call runs once, with exactly the approved arguments. After an error, a timeout or an unknown answer the
// function does not run, and a [Refusal] says why.
//
// [RequiresApproval] wraps a function so that its own arguments are the call's; [Do] takes a call and a function of the
// [Run]. [Client.Ask] only asks, and returns a [Handle] with which another process can [Resume] the call; [Wrap] has
// both for a wrapped function. [RefusalText] is the text for the model. [Client] also has every call of the server,
// through the generated clients of package signoffv1.
package signoff
