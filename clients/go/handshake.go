package signoff

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/credentials"
)

// observed are credentials that keep why the last connection failed: gRPC passes only a text on. It is nil once a
// connection works.
type observed struct {
	credentials.TransportCredentials
	last *atomic.Pointer[diagnosis]
}

// ClientHandshake implements [credentials.TransportCredentials].
func (o observed) ClientHandshake(
	ctx context.Context, authority string, raw net.Conn,
) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := o.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		if ctx.Err() == nil {
			o.last.Store(diagnoseHandshake(err))
		}
		return nil, nil, err
	}
	return &greeted{Conn: conn, last: o.last, secure: o.Info().SecurityProtocol == "tls"}, info, nil
}

// Clone implements [credentials.TransportCredentials].
func (o observed) Clone() credentials.TransportCredentials {
	return observed{o.TransportCredentials.Clone(), o.last}
}

// greeted is a connection that looks at the first bytes of the server: HTTP/2 begins with a frame of settings.
type greeted struct {
	net.Conn
	last  *atomic.Pointer[diagnosis]
	first []byte
	done  bool
	// Whether TLS is spoken.
	secure bool
}

// So long is a status line up to its code.
const statusLine = len("HTTP/1.1 400")

// How long a server has to say whether it speaks TLS.
const probeTime = 2 * time.Second

// Read implements [net.Conn]. Only one goroutine reads.
func (g *greeted) Read(into []byte) (int, error) {
	n, err := g.Conn.Read(into)
	if !g.done {
		g.first = g.whole(append(g.first, into[:n]...))
		if found, done := diagnoseGreeting(g.first); done {
			g.done, g.first = true, nil
			g.last.Store(found)
		}
	}
	if err != nil && !g.done {
		g.done = true
		if len(g.first) == 0 && !g.secure && speaksTLS(g.RemoteAddr()) {
			g.last.Store(&diagnosis{problemSpeaksTLS, true})
		}
	}
	return n, err
}

// whole completes the status line of HTTP/1.1: gRPC reads no further than where HTTP/2 would not be like it.
func (g *greeted) whole(first []byte) []byte {
	if !bytes.HasPrefix(first, []byte("HTTP/1.")) || len(first) >= statusLine {
		return first
	}
	rest := make([]byte, statusLine-len(first))
	_ = g.SetReadDeadline(time.Now().Add(probeTime))
	n, _ := io.ReadFull(g.Conn, rest)
	return append(first, rest[:n]...)
}

// speaksTLS asks a server that silently closed a connection whether it speaks TLS: servers written in Go do not say so.
// It sends only a handshake, so the certificate does not matter.
func speaksTLS(address net.Addr) bool {
	ctx, cancel := context.WithTimeout(context.Background(), probeTime)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, address.Network(), address.String())
	if err != nil {
		return false
	}
	defer raw.Close()
	err = tls.Client(raw, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(ctx)
	return err == nil || isAlert(err)
}

// isAlert tells whether the other side said by TLS why it ends the handshake.
func isAlert(err error) bool {
	var operation *net.OpError
	return errors.As(err, &operation) && operation.Op == "remote error"
}

const frameOfSettings = 4

// diagnoseGreeting says what the first bytes of a server mean; nil is as it should be. It may need more of them.
func diagnoseGreeting(first []byte) (found *diagnosis, done bool) {
	switch {
	case len(first) >= 2 && first[0] == 0x15 && first[1] == 3: // An alert of TLS.
		return &diagnosis{problemSpeaksTLS, true}, true
	case len(first) < 4:
		return nil, false
	case first[3] == frameOfSettings:
		return nil, true
	case !bytes.HasPrefix([]byte("HTTP/1."), first[:min(len(first), 7)]):
		return &diagnosis{problemNoHTTP2, true}, true
	case len(first) < len("HTTP/1."):
		return nil, false
	case len(first) < statusLine:
		return &diagnosis{problemNoHTTP2, true}, true
	}
	code, err := strconv.Atoi(string(first[statusLine-3 : statusLine]))
	if err != nil {
		return &diagnosis{problemNoHTTP2, true}, true
	}
	return diagnoseHTTP(code), true
}
