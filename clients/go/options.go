package signoff

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"
)

const (
	defaultAddress  = "http://127.0.0.1:7766"
	defaultDeadline = 30 * time.Second
)

// Options say how to reach a server. What is left at its zero value comes from the environment, else from the default;
// an empty variable counts as unset.
type Options struct {
	// Address of the server: http://HOST:PORT or https://HOST:PORT; without a scheme it is http. From SIGNOFF_ADDRESS;
	// default http://127.0.0.1:7766.
	Address string
	// Token is the bearer token that is sent with every call, or empty for none. From SIGNOFF_TOKEN.
	Token Token
	// CA is a PEM file with the authorities that the server's certificate may come from, in place of the system's. From
	// SIGNOFF_CA. Only read for https addresses, as Certificate and Key are.
	CA string
	// Certificate is a PEM file with a certificate to show to the server, and its chain. From SIGNOFF_CERTIFICATE;
	// needs Key.
	Certificate string
	// Key is a PEM file with that certificate's private key. From SIGNOFF_KEY.
	Key string
	// Insecure allows to send the token without TLS to a host that is not loopback, where others may read it. True if
	// SIGNOFF_INSECURE is true or 1.
	Insecure bool
	// Deadline of each call that is not a stream, also of one whose context has a later deadline; 30 s if it is 0.
	Deadline time.Duration
	// Logger is told when the outcome of a call cannot be reported or an approval not be withdrawn; slog.Default() if
	// it is nil.
	Logger *slog.Logger
}

// Token is a bearer token. However it is printed, logged or encoded, it does not show.
type Token string

// String hides the token.
func (t Token) String() string {
	if t == "" {
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

// completed has the environment's values and the defaults for whatever is unset.
func (o Options) completed() (Options, error) {
	o.Address = cmp.Or(o.Address, os.Getenv("SIGNOFF_ADDRESS"), defaultAddress)
	o.Token = Token(strings.TrimSpace(cmp.Or(string(o.Token), os.Getenv("SIGNOFF_TOKEN"))))
	o.CA = cmp.Or(o.CA, os.Getenv("SIGNOFF_CA"))
	o.Certificate = cmp.Or(o.Certificate, os.Getenv("SIGNOFF_CERTIFICATE"))
	o.Key = cmp.Or(o.Key, os.Getenv("SIGNOFF_KEY"))
	o.Deadline = cmp.Or(o.Deadline, defaultDeadline)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	switch value := os.Getenv("SIGNOFF_INSECURE"); strings.ToLower(value) {
	case "true", "1":
		o.Insecure = true
	case "", "false", "0":
	default:
		return o, fmt.Errorf("signoff: SIGNOFF_INSECURE is %q, and can be true or false", value)
	}
	if o.Deadline < 0 {
		return o, fmt.Errorf("signoff: the deadline is negative: %v", o.Deadline)
	}
	for _, c := range []byte(o.Token) {
		if c <= ' ' || c > '~' {
			return o, fmt.Errorf("signoff: the token holds characters that no token has")
		}
	}
	if (o.Certificate == "") != (o.Key == "") {
		return o, fmt.Errorf("signoff: a certificate and its key are given together, or not at all")
	}
	return o, nil
}
