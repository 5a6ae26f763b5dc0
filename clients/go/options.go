package signoff

import (
	"cmp"
	"log/slog"
	"os"
	"time"
)

const (
	defaultAddress  = "http://127.0.0.1:7766"
	defaultDeadline = 30 * time.Second
)

// Options define how to reach a server. A zero value comes from the environment, or else from the default; an empty
// variable counts as unset.
type Options struct {
	// Address of the server: http://HOST:PORT or https://HOST:PORT; without a scheme it is http. From SIGNOFF_ADDRESS;
	// default http://127.0.0.1:7766.
	Address string
	// Token is the bearer token that is sent with every call, made by [NewToken]. From SIGNOFF_TOKEN.
	Token Token
	// CA is a PEM file with the authorities that the server's certificate may come from, in place of the system's. From
	// SIGNOFF_CA. It needs an https address, like Certificate and Key; with http, those from the environment are ignored.
	CA string
	// Certificate is a PEM file with a certificate to show to the server, and its chain. From SIGNOFF_CERTIFICATE;
	// needs Key.
	Certificate string
	// Key is a PEM file with that certificate's private key. From SIGNOFF_KEY.
	Key string
	// Insecure allows sending the token without TLS to a host that is not loopback. From SIGNOFF_INSECURE: true, 1, false
	// or 0.
	Insecure bool
	// Deadline of each unary call, also if its context has a later deadline; 30 s if it is 0.
	Deadline time.Duration
	// Logger gets the warnings: the first failure of a call to reach the server, outcomes that cannot be reported,
	// requests that cannot be withdrawn, and calls that cannot be retried safely. slog.Default() if it is nil.
	Logger *slog.Logger
}

// completed fills unset options from the environment and the defaults, except files.
func (o Options) completed() (Options, error) {
	o.Address = cmp.Or(o.Address, os.Getenv("SIGNOFF_ADDRESS"), defaultAddress)
	if o.Token.secret == nil {
		o.Token = NewToken(os.Getenv("SIGNOFF_TOKEN"))
	}
	o.Deadline = cmp.Or(o.Deadline, defaultDeadline)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	switch value := os.Getenv("SIGNOFF_INSECURE"); value {
	case "true", "1":
		o.Insecure = true
	case "", "false", "0":
	default:
		return o, misused("SIGNOFF_INSECURE", "must be true, 1, false or 0, not %q", value)
	}
	if o.Deadline < 0 {
		return o, misused("Deadline", "must be positive, or 0 for 30 s, not %v", o.Deadline)
	}
	for _, c := range []byte(o.Token.reveal()) {
		if c <= ' ' || c > '~' {
			return o, misused("Token", "must consist of visible ASCII characters")
		}
	}
	return o, nil
}

// withFiles fills unset PEM files from the environment, if the address uses TLS.
func (o Options) withFiles(a address) (Options, error) {
	if a.tls {
		o.CA = cmp.Or(o.CA, os.Getenv("SIGNOFF_CA"))
		o.Certificate = cmp.Or(o.Certificate, os.Getenv("SIGNOFF_CERTIFICATE"))
		o.Key = cmp.Or(o.Key, os.Getenv("SIGNOFF_KEY"))
	} else if o.CA != "" || o.Certificate != "" || o.Key != "" {
		return o, misused("CA, Certificate, Key", "need an https:// address; Address is %s", a)
	}
	if (o.Certificate == "") != (o.Key == "") {
		return o, misused("Certificate, Key", "must be set together")
	}
	return o, nil
}
