package signoff

import (
	"errors"
	"fmt"
	"strings"
)

// RefusalText is the text for the model of an error of a gated call; refused tells whether the error is a [Refusal], or
// has one as a cause. Some frameworks hide errors from the model, or ask it to try again: return the text as the tool's
// result there.
//
// If the function itself returned the error, because a gated call that it made was refused, the text is that of the
// whole error: it may describe earlier work of the function.
func RefusalText(err error) (text string, refused bool) {
	if !errors.Is(err, ErrRefused) {
		return "", false
	}
	return err.Error(), true
}

// approvedNotRun is the text for people about an unused approval.
func approvedNotRun(r Refused) string {
	return fmt.Sprintf("Approval %s of the call to %s is approved, but the call did not run.", r.ApprovalID, r.ToolName)
}

// place names the argument, or all arguments, and the problem.
func place(path, problem string) string {
	where := "argument " + path
	if path == "" {
		where = "the set of arguments"
	}
	return where + " " + strings.TrimSuffix(problem, ".")
}

// because is the text of others, to be followed by a full stop.
func because(text string) string {
	if text = strings.TrimSuffix(text, "."); text == "" {
		return ""
	}
	return ": " + text
}
