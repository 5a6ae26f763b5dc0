// Package signoff asks a Signoff server for approval before a function runs: ask, wait, claim, run, report.
//
// Signoff is an approvals server for AI agents. A call of a sensitive tool is decided by the server's policy or by a
// person, and runs only with a yes, once, with exactly the arguments that were approved. Whatever else happens, an
// error, a timeout or an answer that is not understood, the function does not run, and a [Refusal] says why.
//
// [RequiresApproval] wraps a function so that its own arguments are the call's; [Do] gets a call and a function of the
// [Run]. [Client.Ask] only asks, and gives a [Handle] with which another process can [Resume] the call; [Wrap] has both
// for a wrapped function. [RefusalText] is what a model reads. [Client] also has plain access to every call of the
// server, through the generated clients of package signoffv1.
package signoff
