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

// Options say how to reach a server. What is left at its zero value comes from the environment, else from the default;
// an empty variable counts as unset.
type Options struct {
	// Address of the server: http://HOST:PORT or https://HOST:PORT; without a scheme it is http. From SIGNOFF_ADDRESS;
	// default http://127.0.0.1:7766.
	Address string
	// Token is the bearer token that is sent with every call, made by [NewToken]. From SIGNOFF_TOKEN.
	Token Token
	// CA is a PEM file with the authorities that the server's certificate may come from, in place of the system's. From
	// SIGNOFF_CA. It needs an https address, as Certificate and Key do; otherwise those of the environment are ignored.
	CA string
	// Certificate is a PEM file with a certificate to show to the server, and its chain. From SIGNOFF_CERTIFICATE;
	// needs Key.
	Certificate string
	// Key is a PEM file with that certificate's private key. From SIGNOFF_KEY.
	Key string
	// Insecure allows to send the token without TLS to a host that is not loopback, where others may read it. True if
	// SIGNOFF_INSECURE is true or 1; it can be false or 0 too.
	Insecure bool
	// Deadline of each call that is not a stream, also of one whose context has a later deadline; 30 s if it is 0.
	Deadline time.Duration
	// Logger gets warnings: of the first failure of a call to reach the server, of outcomes that cannot be reported, of
	// approvals that cannot be withdrawn, and of calls that cannot be tried again safely. slog.Default() if it is nil.
	Logger *slog.Logger
}

// completed has the environment's values and the defaults for whatever is unset, apart from files.
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

// withFiles has the environment's PEM files for those that are unset, if they count for such an address.
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
