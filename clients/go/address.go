package signoff

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// address is where a server is.
type address struct {
	tls  bool
	host string
	port string
}

// The rejected text is not shown: it may contain a password.
var errAddress = misused("Address", "must be https://HOST:PORT or http://HOST:PORT, and nothing else")

func parseAddress(text string) (address, error) {
	withScheme := text
	if !strings.Contains(text, "://") {
		withScheme = "http://" + text
	}
	parsed, err := url.Parse(withScheme)
	if err != nil || parsed.Hostname() == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
		return address{}, errAddress
	}
	if strings.Trim(parsed.Path, "/") != "" || parsed.RawQuery != "" || parsed.Fragment != "" || parsed.User != nil {
		return address{}, errAddress
	}
	a := address{tls: parsed.Scheme == "https", host: parsed.Hostname(), port: parsed.Port()}
	if a.port == "" {
		a.port = map[bool]string{false: "80", true: "443"}[a.tls]
	}
	return a, nil
}

// target is the address in the form of gRPC.
func (a address) target() string { return "dns:///" + net.JoinHostPort(a.host, a.port) }

func (a address) String() string {
	scheme := map[bool]string{false: "http://", true: "https://"}[a.tls]
	return scheme + net.JoinHostPort(a.host, a.port)
}

// exposed tells whether others can read what is sent there on its way.
func (a address) exposed() bool {
	ip, err := netip.ParseAddr(a.host)
	onThisMachine := strings.EqualFold(a.host, "localhost") || (err == nil && ip.Unmap().IsLoopback())
	return !a.tls && !onThisMachine
}
