package signoff_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	signoff "github.com/signoff-dev/signoff/clients/go"
	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

// unreachable makes a call that cannot succeed, and returns why, and what was logged.
func unreachable(
	t *testing.T, address string, patience time.Duration, options ...func(*signoff.Options),
) (*signoff.UnavailableError, string) {
	t.Helper()
	var log bytes.Buffer
	o := signoff.Options{Address: address, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	for _, option := range options {
		option(&o)
	}
	tool, call := &tool{}, impatient(patience)
	client := newClient(t, o)
	done := begin(func() (string, error) { return signoff.Do(t.Context(), client, call, tool.send) })
	refused := refusal[*signoff.UnavailableError](t, finish(t, done).err)
	tool.never(t)
	expected := "Cannot reach the approvals server at " + refused.Address + ": " + refused.Problem + "."
	if !strings.HasPrefix(refused.Address, "http") || !strings.Contains(refused.Address, "127.0.0.1:") ||
		refused.DeveloperText() != expected || refused.Cause == nil {
		t.Errorf("%#v", refused)
	}
	return refused, log.String()
}

// expectEnd checks that a call ends at once, with what to do: its patience is longer than the test.
func expectEnd(t *testing.T, address, problem string, options ...func(*signoff.Options)) {
	t.Helper()
	refused, log := unreachable(t, address, time.Hour, options...)
	if refused.Problem != problem || log != "" {
		t.Errorf("%s\nnot: %s\nlogged %q", refused.Problem, problem, log)
	}
}

const (
	speaksTLS = "this address speaks TLS: use https://"
	noTLS     = "this address does not speak TLS: use http://"
	trustCA   = ": set ca (SIGNOFF_CA) to the authority that signed it"
)

func TestWrongSchemesEndTheCall(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.issue("server", serverCertificate())
	secure := startServer(t,
		"SIGNOFF_TLS_CERTIFICATE="+a.file("server.crt"), "SIGNOFF_TLS_KEY="+a.file("server.key"))
	expectEnd(t, "http://"+secure.address, speaksTLS)
	plain := startServer(t)
	expectEnd(t, "https://"+plain.address, noTLS)
}

func serverCertificate() *x509.Certificate {
	return &x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		Subject: pkix.Name{CommonName: "server"},
	}
}

func TestCertificatesThatAreNotValidEndTheCall(t *testing.T) {
	t.Parallel()
	a, others := newAuthority(t), newAuthority(t)
	trusting := func(o *signoff.Options) { o.CA = a.file("ca.crt") }
	for name, change := range map[string]func(*x509.Certificate){
		"valid":   func(*x509.Certificate) {},
		"renamed": func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"approvals.example"} },
		"expired": func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Unix(1e9, 0), time.Unix(1e9+1, 0) },
	} {
		template := serverCertificate()
		change(template)
		a.issue(name, template)
		s := startServer(t, "SIGNOFF_TLS_CERTIFICATE="+a.file(name+".crt"), "SIGNOFF_TLS_KEY="+a.file(name+".key"))
		address := "https://" + s.address
		if name == "valid" {
			unknown := "its certificate is not trusted (x509: certificate signed by unknown authority"
			refused, _ := unreachable(t, address, time.Hour)
			if !strings.HasPrefix(refused.Problem, unknown) || !strings.HasSuffix(refused.Problem, trustCA) {
				t.Error(refused.Problem)
			}
			refused, _ = unreachable(t, address, time.Hour, func(o *signoff.Options) { o.CA = others.file("ca.crt") })
			if !strings.HasPrefix(refused.Problem, unknown) || !strings.HasSuffix(refused.Problem, trustCA) {
				t.Error(refused.Problem)
			}
			continue
		}
		refused, _ := unreachable(t, address, time.Hour, trusting)
		if !strings.HasPrefix(refused.Problem, "its certificate is not valid here (x509: ") {
			t.Errorf("%s: %s", name, refused.Problem)
		}
	}
}

func answering(code int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "<h1>hello</h1>")
	})
}

func TestOtherWebServersEndTheCall(t *testing.T) {
	t.Parallel()
	quiet := slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	serve := func(code int, change func(*httptest.Server)) *httptest.Server {
		s := httptest.NewUnstartedServer(answering(code))
		s.Config.ErrorLog = quiet
		change(s)
		if s.TLS != nil || s.EnableHTTP2 {
			s.StartTLS()
		} else {
			s.Start()
		}
		t.Cleanup(s.Close)
		return s
	}
	trusting := func(s *httptest.Server) func(*signoff.Options) {
		a := &authority{t: t, directory: t.TempDir()}
		a.write("ca", s.Certificate())
		return func(o *signoff.Options) { o.CA = a.file("ca.crt") }
	}
	plain := func(*httptest.Server) {}
	secure := func(s *httptest.Server) { s.EnableHTTP2 = true }
	clear := func(s *httptest.Server) {
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetHTTP1(true)
		s.Config.Protocols.SetUnencryptedHTTP2(true)
	}
	old := func(s *httptest.Server) { s.TLS = &tls.Config{NextProtos: []string{"http/1.1"}} }

	// A server of HTTP/1.1 takes the beginning of HTTP/2 for a request.
	expectEnd(t, serve(http.StatusTeapot, plain).URL, "it is not a Signoff server (HTTP 418)")
	for _, code := range []int{200, 302, 401, 403, 404, 500} {
		problem := fmt.Sprintf("it is not a Signoff server (HTTP %d)", code)
		expectEnd(t, serve(code, clear).URL, problem)
		s := serve(code, secure)
		expectEnd(t, s.URL, problem, trusting(s))
	}
	s := serve(200, old)
	expectEnd(t, s.URL, "it is not a Signoff server (no HTTP/2)", trusting(s))
	expectEnd(t, "http://"+s.Listener.Addr().String(), speaksTLS)
	expectEnd(t, "https://"+serve(200, plain).Listener.Addr().String(), noTLS)
	// What a proxy says while the server is away passes.
	for _, code := range []int{429, 502, 503, 504} {
		refused, log := unreachable(t, serve(code, clear).URL, 100*time.Millisecond)
		if refused.Problem != fmt.Sprintf("HTTP %d", code) || strings.Count(log, "Cannot reach") != 1 {
			t.Errorf("%s, logged %q", refused.Problem, log)
		}
	}
}

// Servers of something else, such as SSH, speak first.
func TestOtherServersEndTheCall(t *testing.T) {
	t.Parallel()
	for greeting, problem := range map[string]string{
		"SSH-2.0-OpenSSH_9.6\r\n":                   "it is not a Signoff server (no HTTP/2)",
		"HTTP/1.1 400 Bad Request\r\n\r\n":          "it is not a Signoff server (HTTP 400)",
		"HTTP/1.1 huh":                              "it is not a Signoff server (no HTTP/2)",
		"\x15\x03\x03\x00\x02\x02\x0a":              speaksTLS,
		"HTTP/1.0 503 Service Unavailable\r\n\r\n ": "",
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					_, _ = io.ReadFull(conn, make([]byte, 24))
					for _, c := range []byte(greeting) { // In pieces.
						_, _ = conn.Write([]byte{c})
					}
				}()
			}
		}()
		if problem != "" {
			expectEnd(t, listener.Addr().String(), problem)
			continue
		}
		if refused, _ := unreachable(t, listener.Addr().String(), 100*time.Millisecond); refused.Problem != "HTTP 503" {
			t.Error(refused.Problem)
		}
	}
}

func TestTheFirstFailureIsLoggedOnce(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	refused, log := unreachable(t, address, time.Second)
	if refused.Problem != "connection refused" || strings.Count(log, "\n") != 1 ||
		!strings.Contains(log, "Cannot reach the approvals server at http://"+address+
			": connection refused. Trying for 1 s.") {
		t.Errorf("%s, logged %q", refused.Problem, log)
	}
	if text := refused.Error(); strings.Contains(text, address) || strings.Contains(text, "refused") {
		t.Error(text)
	}
}

// mended is a listener whose connections speak TLS until it is mended.
type mended struct {
	net.Listener
	yet atomic.Bool
	// After so many more connections it is mended, if there are any.
	wrong atomic.Int32
	// The last connection that was good.
	last atomic.Pointer[net.Conn]
}

func (m *mended) Accept() (net.Conn, error) {
	for {
		conn, err := m.Listener.Accept()
		if err != nil || m.yet.Load() {
			m.last.Store(&conn)
			return conn, err
		}
		_, _ = conn.Write([]byte("\x15\x03\x03\x00\x02\x02\x0a"))
		_ = conn.Close()
		if m.wrong.Load() > 0 && m.wrong.Add(-1) == 0 {
			m.yet.Store(true)
		}
	}
}

func TestAServerThatIsMendedIsFoundSoon(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m, tool := &mended{Listener: listener}, &tool{}
	server := grpc.NewServer()
	signoffv1.RegisterApprovalServiceServer(server, &fake{})
	go func() { _ = server.Serve(m) }()
	t.Cleanup(server.Stop)
	var log bytes.Buffer
	client := newClient(t, signoff.Options{
		Address: listener.Addr().String(), Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	for range 3 {
		_, err := signoff.Do(t.Context(), client, sending(), tool.send)
		if refused := refusal[*signoff.UnavailableError](t, err); refused.Problem != speaksTLS {
			t.Error(refused.Problem)
		}
	}
	m.yet.Store(true)
	// A connection may be under way since before that. Without a new look, gRPC would tell the old failure much longer.
	result, err := "", error(nil)
	for range 5 {
		if result, err = signoff.Do(t.Context(), client, sending(), tool.send); err == nil {
			break
		}
	}
	expectResult(t, outcome{result, err}, "1 to alice@company.com")
	if log.Len() > 0 {
		t.Errorf("logged %q", log.String())
	}
}

// Once a server has answered, what is wrong with its address may pass: a certificate or a proxy is being replaced.
func TestAServerThatHasAnsweredIsWaitedFor(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m, tool, f := &mended{Listener: listener}, &tool{}, &fake{}
	m.yet.Store(true)
	f.ask = answers{
		func(request *signoffv1.RequestApprovalRequest, stream asking) error {
			if err := f.send(stream, f.approvalOf(request, pending)); err != nil {
				return err
			}
			return silent(request, stream)
		},
		f.sends(nil, approved),
	}
	server := grpc.NewServer()
	signoffv1.RegisterApprovalServiceServer(server, f)
	go func() { _ = server.Serve(m) }()
	t.Cleanup(server.Stop)
	var log bytes.Buffer
	client := newClient(t, signoff.Options{
		Address: listener.Addr().String(), Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	client.Approvals = hooked{client.Approvals, sync.OnceFunc(func() {
		m.wrong.Store(2)
		m.yet.Store(false)
		_ = (*m.last.Load()).Close()
	})}
	done := begin(func() (string, error) { return signoff.Do(t.Context(), client, sending(), tool.send) })
	expectResult(t, finish(t, done), "1 to alice@company.com")
	if strings.Count(log.String(), "Cannot reach") != 1 || m.wrong.Load() != 0 {
		t.Errorf("logged %q, %d connections were not wrong", log.String(), m.wrong.Load())
	}
}
