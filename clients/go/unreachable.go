package signoff

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// diagnosis is the reason that a server is unreachable.
type diagnosis struct {
	text string
	// Whether a retry cannot help.
	lasting bool
}

const (
	problemSpeaksTLS = "this address speaks TLS: use https://"
	problemNoTLS     = "this address does not speak TLS: use http://"
	problemNoHTTP2   = "it is not a Signoff server (no HTTP/2)"
)

// Answers of proxies while the server behind them is down.
var passingHTTP = map[int]bool{429: true, 502: true, 503: true, 504: true}

func diagnoseHTTP(code int) *diagnosis {
	if passingHTTP[code] {
		return &diagnosis{text: fmt.Sprintf("HTTP %d", code)}
	}
	return &diagnosis{fmt.Sprintf("it is not a Signoff server (HTTP %d)", code), true}
}

// diagnoseHandshake finds why there is no TLS connection. Of the certificate it shows only the TLS library's own text.
func diagnoseHandshake(err error) *diagnosis {
	var (
		noTLS   tls.RecordHeaderError
		unknown x509.UnknownAuthorityError
		invalid *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &noTLS):
		return &diagnosis{problemNoTLS, true}
	case errors.As(err, &unknown):
		return &diagnosis{
			fmt.Sprintf("its certificate is not trusted (%v): "+
				"set ca (SIGNOFF_CA) to the authority that signed it", unknown),
			true,
		}
	case errors.As(err, &invalid):
		return &diagnosis{fmt.Sprintf("its certificate is not valid here (%v)", invalid.Err), true}
	case isAlert(err) && strings.Contains(err.Error(), "no application protocol"),
		strings.Contains(err.Error(), "missing selected ALPN"):
		return &diagnosis{problemNoHTTP2, true}
	default:
		return &diagnosis{text: lastPart(err.Error())}
	}
}

// How gRPC words failures of connections. It keeps nothing of their causes but the text.
var (
	otherServer = regexp.MustCompile(`^unexpected HTTP status code received from server: (\d+)`)
	dialing     = regexp.MustCompile(`(?:Error while dialing|name resolver error|record lookup error): ([^"]*)`)
	preface     = regexp.MustCompile(`error reading server preface: ?([^"]*)`)
)

// diagnose finds why a call failed before it reached the server.
func (c *Client) diagnose(err error) *diagnosis {
	if errors.Is(err, ErrClosed) {
		return &diagnosis{text: "the client is closed"}
	}
	failure := status.Convert(err)
	message := failure.Message()
	if serverReason(failure) != "" {
		return &diagnosis{text: message}
	}
	if found := otherServer.FindStringSubmatch(message); found != nil {
		code, _ := strconv.Atoi(found[1])
		return diagnoseHTTP(code)
	}
	if found := dialing.FindStringSubmatch(message); found != nil {
		return &diagnosis{text: lastPart(found[1])}
	}
	if seen := c.lastConnection.Load(); seen != nil && failure.Code() == codes.Unavailable {
		return seen
	}
	if found := preface.FindStringSubmatch(message); found != nil {
		return &diagnosis{text: lastPart(found[1])}
	}
	if failure.Code() == codes.DeadlineExceeded {
		return &diagnosis{text: "no answer in time"}
	}
	return &diagnosis{text: cmp.Or(message, codeName(failure.Code()))}
}

// lastPart is the cause at the end of an error's text.
func lastPart(text string) string {
	text = text[strings.LastIndex(text, ": ")+1:]
	if text = strings.TrimSpace(text); text == "EOF" {
		return "the connection was closed"
	}
	return text
}

// notice records a failure, and returns a refusal if a retry cannot help. The first passing failure of a call is
// logged.
func (g *gate) notice(ctx context.Context, err error, patience time.Duration) error {
	if g.client.closed.Err() != nil || ctx.Err() != nil {
		return nil
	}
	found := g.client.diagnose(err)
	passes := isPassing(err)
	// A server that has answered is there: what is wrong since then may pass.
	if found.lasting && (g.approval == nil || !passes) {
		return g.unavailable(found, err)
	}
	if !passes {
		return nil
	}
	g.failure = err
	if !g.warned && serverReason(status.Convert(err)) == "" {
		g.warned = true
		g.client.logger.WarnContext(ctx, fmt.Sprintf("Cannot reach the approvals server at %s%s. Trying for %s.",
			g.client.address, because(found.text), seconds(patience)),
			"tool_name", g.call.ToolName, "approval_id", g.approvalID())
	}
	return nil
}

func (g *gate) unavailable(found *diagnosis, cause error) error {
	return &UnavailableError{
		Refused: g.refused(), Address: g.client.address.String(), Problem: found.text, Approved: g.isApproved(),
		Cause: cause,
	}
}

// seconds is a duration as people read it, such as 30 s.
func seconds(d time.Duration) string {
	digits := 0
	if d < 10*time.Second {
		digits = 1
	}
	text := strconv.FormatFloat(max(0, d).Seconds(), 'f', digits, 64)
	return strings.TrimSuffix(text, ".0") + " s"
}
