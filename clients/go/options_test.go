package signoff

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	for given, expected := range map[string]string{
		"http://127.0.0.1:7766": "http://127.0.0.1:7766", "http://127.0.0.1:7766/": "http://127.0.0.1:7766",
		"localhost:7766": "http://localhost:7766", "[::1]:7766": "http://[::1]:7766",
		"example.com":         "http://example.com:80",
		"https://example.com": "https://example.com:443", "HTTPS://example.com/": "https://example.com:443",
		"https://example.com/path": "", "ftp://example.com": "", "http://": "", "https://user@example.com": "",
		"https://example.com?q": "", "http://example.com:port": "",
	} {
		got, err := parseAddress(given)
		if (err == nil) != (expected != "") || err == nil && got.String() != expected {
			t.Errorf("%s: %v, %v", given, got, err)
		}
	}
}

func TestAddressesThatAreRefusedAreNotShown(t *testing.T) {
	t.Parallel()
	for _, given := range []string{
		"ftp://user:hunter2@example.com", "http://user:hunter2@example.com", "http://user:hunter2@",
		"user:hunter2@\x00", "https://example.com?token=hunter2",
	} {
		if _, err := New(Options{Address: given}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
	}
}

func TestTokensAreOnlySentWhereNobodyReadsThem(t *testing.T) {
	for address, safe := range map[string]bool{
		"https://example.com": true, "http://LOCALHOST:1": true, "http://127.9.9.9:1": true, "http://[::1]:1": true,
		"http://[::ffff:127.0.0.1]:1": true, "http://example.com": false, "http://localhost.example.com": false,
		"http://10.0.0.1:1": false, "http://[::]:1": false,
	} {
		expectNew(t, Options{Address: address, Token: NewToken("x")}, safe)
		expectNew(t, Options{Address: address}, true)
		expectNew(t, Options{Address: address, Token: NewToken("x"), Insecure: true}, true)
		for value, allows := range map[string]bool{"true": true, "1": true, "false": false, "0": false} {
			t.Setenv("SIGNOFF_INSECURE", value)
			expectNew(t, Options{Address: address, Token: NewToken("x")}, safe || allows)
		}
		t.Setenv("SIGNOFF_INSECURE", "")
	}
}

func expectNew(t *testing.T, o Options, works bool) {
	t.Helper()
	client, err := New(o)
	if (err == nil) != works {
		t.Errorf("%v: %v", o, err)
	}
	if err == nil {
		_ = client.Close()
	}
}

func TestOptionsComeFromTheEnvironment(t *testing.T) {
	expectCompleted(t, Options{}, Options{Address: "http://127.0.0.1:7766", Deadline: 30 * time.Second}, "")
	for name, value := range map[string]string{
		"ADDRESS": "https://example.com", "TOKEN": " secret\n", "CA": "ca.pem", "CERTIFICATE": "c.pem", "KEY": "k.pem",
		"INSECURE": "1",
	} {
		t.Setenv("SIGNOFF_"+name, value)
	}
	expectCompleted(t, Options{}, Options{
		Address: "https://example.com", CA: "ca.pem", Certificate: "c.pem", Key: "k.pem", Insecure: true,
		Deadline: 30 * time.Second,
	}, "secret")
	given := Options{
		Address: "https://a", CA: "c", Certificate: "d", Key: "e", Insecure: true, Deadline: time.Second,
		Logger: slog.New(slog.DiscardHandler), Token: NewToken("b"),
	}
	expectCompleted(t, given, given, "b")
	// Without TLS there is nothing to use the files for.
	plain := Options{Address: "http://localhost:1", Insecure: true, Deadline: time.Second}
	expectCompleted(t, plain, plain, "secret")
	expectNew(t, plain, true)
}

func expectCompleted(t *testing.T, given, expected Options, token string) {
	t.Helper()
	got, err := given.completed()
	if err != nil {
		t.Fatal(err)
	}
	address, err := parseAddress(got.Address)
	if err != nil {
		t.Fatal(err)
	}
	if got, err = got.withFiles(address); err != nil {
		t.Fatal(err)
	}
	if got.Token.reveal() != token || got.Logger == nil {
		t.Errorf("token %q, logger %v", got.Token.reveal(), got.Logger)
	}
	expected.Logger = cmp.Or(expected.Logger, slog.Default())
	got.Token, expected.Token = Token{}, Token{}
	if !reflect.DeepEqual(got, expected) {
		t.Errorf("%+v", got)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	file := filepath.Join(t.TempDir(), "no-certificate")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const tls = "https://example.com"
	for _, o := range []Options{
		{Address: "ftp://example.com"}, {Token: NewToken("a b")}, {Token: NewToken("é")}, {Token: NewToken("a\nb")},
		{Deadline: -1},
		{CA: "ca.pem"}, {Certificate: "c.pem"}, {Key: "k.pem"}, {Certificate: "c.pem", Key: "k.pem"},
		{Address: tls, Certificate: "c.pem"}, {Address: tls, Key: "k.pem"},
		{Address: tls, CA: "missing.pem"}, {Address: tls, CA: file}, {Address: tls, Certificate: file, Key: file},
	} {
		expectNew(t, o, false)
	}
	for _, value := range []string{"perhaps", "TRUE", "yes", " "} {
		t.Setenv("SIGNOFF_INSECURE", value)
		expectNew(t, Options{}, false)
	}
}

func TestTokensDoNotShow(t *testing.T) {
	t.Parallel()
	const secret = "s3cret"
	o := Options{Token: NewToken(secret)}
	client, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var out bytes.Buffer
	type holder struct {
		options Options
		token   Token
		client  *Client
	}
	held := holder{o, o.Token, client}
	for _, value := range []any{
		o, &o, client, *client, newBearer(o.Token, false), o.Token, held, &held, []holder{held},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
	}
	encoded, err := json.Marshal(struct{ Token Token }{o.Token})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(encoded)
	slog.New(slog.NewTextHandler(&out, nil)).Info("", "token", o.Token, "options", o)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("", "token", o.Token, "client", client)
	_, err = New(Options{Token: NewToken(secret + "\x00")})
	fmt.Fprintln(&out, err)
	_, err = New(Options{Token: NewToken(secret), Address: "example.com"})
	fmt.Fprintln(&out, err)
	if strings.Contains(out.String(), secret) || strings.Contains(out.String(), fmt.Sprintf("%x", secret)) {
		t.Errorf("shown in %s", out.String())
	}
	if header, err := newBearer(o.Token, false).GetRequestMetadata(t.Context()); err != nil ||
		header["authorization"] != "Bearer s3cret" {
		t.Errorf("%v, %v", header, err)
	}
}
