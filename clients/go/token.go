package signoff

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Token is a bearer token. No way of printing, logging or encoding shows it, also within another value. The zero value
// is no token.
type Token struct {
	// A function, because printing shows nested fields, but not the variables of a function.
	secret func() string
}

// NewToken makes a token from its text, without surrounding white space.
func NewToken(secret string) Token {
	if secret = strings.TrimSpace(secret); secret == "" {
		return Token{}
	}
	return Token{func() string { return secret }}
}

// reveal returns the token's text.
func (t Token) reveal() string {
	if t.secret == nil {
		return ""
	}
	return t.secret()
}

// String hides the token.
func (t Token) String() string {
	if t.secret == nil {
		return ""
	}
	return "(hidden)"
}

// Format hides the token from every verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// MarshalText hides the token from encoders.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// LogValue hides the token from logs.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }
