package signoff

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// UsageError reports an invalid option, or a function that cannot be gated: an error of the program. Nothing was asked,
// and nothing ran.
type UsageError struct {
	// Option is the name of the option, such as Timeout; empty for other problems.
	Option string
	// Problem says what is wrong with it.
	Problem string
}

func (e *UsageError) Error() string {
	if e.Option == "" {
		return "signoff: " + e.Problem
	}
	return fmt.Sprintf("signoff: %s %s", e.Option, e.Problem)
}

func misused(option, format string, values ...any) error {
	return &UsageError{Option: option, Problem: fmt.Sprintf(format, values...)}
}

// checkOptions finds options that are invalid however the call is completed.
func (c Call) checkOptions() error {
	switch {
	case c.Timeout < 0:
		return misused("Timeout", "must be positive, or 0 for the server's default, not %v", c.Timeout)
	case c.Patience < 0:
		return misused("Patience", "must be positive, or 0 for 30 s, not %v", c.Patience)
	case c.OnBehalfOf != nil && c.OnBehalfOf.Subject == "":
		return misused("OnBehalfOf", "must have a Subject")
	}
	for name, value := range c.Labels {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return misused("Labels", "must be valid UTF-8, and %q: %q is not", name, value)
		}
	}
	for _, name := range c.RequiredOptions {
		if !slices.Contains(requirable, name) {
			return misused("RequiredOptions", "can name %s, and not %q", strings.Join(requirable, ", "), name)
		}
	}
	if _, p := encodeArguments(c.ArgumentsSchema); p != nil {
		return misused("ArgumentsSchema", "cannot be sent: %s", strings.TrimLeft(p.path+" "+p.text, " "))
	}
	return nil
}

// checkCompleted finds what is wrong with a completed call.
func (c Call) checkCompleted() error {
	if err := c.checkOptions(); err != nil {
		return err
	}
	if c.ToolName == "" {
		return misused("ToolName", "is empty")
	}
	if c.CallID != "" && c.RunID == "" {
		return misused("CallID", "needs a RunID: alone it does not identify a call")
	}
	for _, name := range c.RequiredOptions {
		if reflect.ValueOf(c).FieldByName(name).IsZero() || name == "Labels" && len(c.Labels) == 0 {
			return misused(name, "is required for calls to %s, and not set", c.ToolName)
		}
	}
	return nil
}

// requirable are the options that RequiredOptions can name.
var requirable = []string{
	"AgentName", "CallID", "Chain", "Labels", "OnBehalfOf", "Reason", "RequestID", "RunID", "Timeout",
}
