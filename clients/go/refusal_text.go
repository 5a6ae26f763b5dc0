package signoff

import (
	"errors"
	"fmt"
	"strings"
)

// RefusalText is what the model reads of an error of a gated call; refused tells whether it is a [Refusal], or has one
// as a cause. Some frameworks hide errors from the model, or ask it to try again: return the text as the tool's result
// there.
//
// Where the function itself gave the error, as a gated call that it made was refused, the text is that of the whole
// error: it may tell what the function did before.
func RefusalText(err error) (text string, refused bool) {
	if !errors.Is(err, ErrRefused) {
		return "", false
	}
	return err.Error(), true
}

// approvedNotRun tells people of an approval that nobody has used.
func approvedNotRun(r Refused) string {
	return fmt.Sprintf("Approval %s of the call to %s is approved, but the call did not run.", r.ApprovalID, r.ToolName)
}

// place says what is wrong with the arguments, or with one of them.
func place(path, problem string) string {
	where := "argument " + path
	if path == "" {
		where = "the set of arguments"
	}
	return where + " " + strings.TrimSuffix(problem, ".")
}

// because is what others said, to go before a full stop.
func because(text string) string {
	if text = strings.TrimSuffix(text, "."); text == "" {
		return ""
	}
	return ": " + text
}
