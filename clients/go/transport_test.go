package signoff_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	signoff "github.com/signoff-dev/signoff/clients/go"
	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

// authority makes certificates, in files.
type authority struct {
	t           *testing.T
	directory   string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, directory: t.TempDir()}
	a.certificate, a.key = a.issue("ca", &x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		Subject: pkix.Name{CommonName: "test authority"},
	})
	return a
}

// issue makes a certificate and a key, and writes them to NAME.crt and NAME.key.
func (a *authority) issue(name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	must := func(err error) {
		a.t.Helper()
		if err != nil {
			a.t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent, parentKey := a.certificate, a.key
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	must(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	must(os.WriteFile(a.file(name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	certificate, err := x509.ParseCertificate(der)
	must(err)
	a.write(name, certificate)
	return certificate, key
}

// write writes a certificate to NAME.crt.
func (a *authority) write(name string, certificate *x509.Certificate) {
	a.t.Helper()
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
	if err := os.WriteFile(a.file(name+".crt"), block, 0o600); err != nil {
		a.t.Fatal(err)
	}
}

func (a *authority) file(name string) string { return filepath.Join(a.directory, name) }

func TestTLS(t *testing.T) {
	t.Parallel()
	a, others := newAuthority(t), newAuthority(t)
	a.issue("server", &x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	name := &url.URL{Scheme: "spiffe", Host: "company.com", Path: "/bot"}
	a.issue(
		"client",
		&x509.Certificate{URIs: []*url.URL{name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
	)
	s := startServer(t, "SIGNOFF_TLS_CERTIFICATE="+a.file("server.crt"), "SIGNOFF_TLS_KEY="+a.file("server.key"),
		"SIGNOFF_TLS_CLIENT_CA="+a.file("ca.crt"), "SIGNOFF_CERTIFICATES_AGENT=URI:spiffe://company.com/*")
	s.address = "https://" + s.address
	trusting := func(o *signoff.Options) { o.CA = a.file("ca.crt") }
	who := func(c *signoff.Client) (*signoffv1.Caller, error) {
		answer, err := c.Access.GetCaller(t.Context(), &signoffv1.GetCallerRequest{})
		return answer.GetCaller(), err
	}

	caller, err := who(s.client(s.tokens.Agent, trusting))
	if err != nil || caller.GetMethod() != signoffv1.AuthenticationMethod_AUTHENTICATION_METHOD_DEV_TOKEN {
		t.Errorf("with a token: %v, %v", caller, err)
	}
	mutual := s.client("", trusting, func(o *signoff.Options) {
		o.Certificate, o.Key = a.file("client.crt"), a.file("client.key")
	})
	caller, err = who(mutual)
	if err != nil || caller.GetMethod() != signoffv1.AuthenticationMethod_AUTHENTICATION_METHOD_CERTIFICATE {
		t.Errorf("with a certificate: %v, %v", caller, err)
	}
	call := sending()
	call.ToolName = "search_records"
	result, err := signoff.Do(t.Context(), mutual, call, new(tool).send)
	expectResult(t, outcome{result, err}, "1 to alice@company.com")

	for _, distrusting := range []func(*signoff.Options){
		func(*signoff.Options) {}, // The system's authorities do not know it.
		func(o *signoff.Options) { o.CA = others.file("ca.crt") },
	} {
		_, err := who(s.client(s.tokens.Agent, distrusting))
		if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("trusts another: %v", err)
		}
	}
}

func TestPlainCalls(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	operator := s.client(s.tokens.Operator)
	got, err := operator.Policies.GetPolicy(t.Context(), &signoffv1.GetPolicyRequest{})
	if err != nil || got.GetVersion().GetPolicy().GetRules()[0].GetName() != "no-drops" {
		t.Errorf("%v, %v", got, err)
	}
	made, err := operator.Access.CreateToken(t.Context(), &signoffv1.CreateTokenRequest{
		RequestId: "1", Subject: "bot", Kind: signoffv1.ActorKind_ACTOR_KIND_AGENT,
		Roles: []signoffv1.Role{signoffv1.Role_ROLE_AGENT},
	})
	if err != nil {
		t.Fatal(err)
	}
	call := sending()
	call.ToolName = "search_records"
	if _, err := signoff.Do(t.Context(), s.client(made.GetSecret()), call, new(tool).send); err != nil {
		t.Error(err)
	}
	if caller := s.all()[0].GetCaller(); caller.GetIssuer() != "local" || caller.GetSubject() != "bot" {
		t.Errorf("asked by %v", caller)
	}
}

func TestUnaryCallsHaveADeadline(t *testing.T) {
	t.Parallel()
	f := &fake{claim: claims{
		func(ctx context.Context, _ *signoffv1.ClaimExecutionRequest) (*signoffv1.ClaimExecutionResponse, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	}}
	client := f.client(t, func(o *signoff.Options) { o.Deadline = 50 * time.Millisecond })
	_, err := client.Approvals.ClaimExecution(t.Context(), &signoffv1.ClaimExecutionRequest{})
	if status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
}

func TestLargeAnswersFit(t *testing.T) {
	t.Parallel()
	f := &fake{claim: claims{
		func(context.Context, *signoffv1.ClaimExecutionRequest) (*signoffv1.ClaimExecutionResponse, error) {
			return &signoffv1.ClaimExecutionResponse{ClaimId: strings.Repeat("x", 60<<20)}, nil
		},
	}}
	answer, err := f.client(t).Approvals.ClaimExecution(t.Context(), &signoffv1.ClaimExecutionRequest{})
	if err != nil || len(answer.GetClaimId()) != 60<<20 {
		t.Errorf("got %v", err)
	}
}
