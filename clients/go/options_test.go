package signoff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	for given, expected := range map[string]string{
		"http://127.0.0.1:7766": "http://127.0.0.1:7766", "http://127.0.0.1:7766/": "http://127.0.0.1:7766",
		"localhost:7766": "http://localhost:7766", "[::1]:7766": "http://[::1]:7766", "example.com": "http://example.com:80",
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

func TestTokensAreOnlySentWhereNobodyReadsThem(t *testing.T) {
	for address, safe := range map[string]bool{
		"https://example.com": true, "http://LOCALHOST:1": true, "http://127.9.9.9:1": true, "http://[::1]:1": true,
		"http://[::ffff:127.0.0.1]:1": true, "http://example.com": false, "http://localhost.example.com": false,
		"http://10.0.0.1:1": false, "http://[::]:1": false,
	} {
		expectNew(t, Options{Address: address, Token: "x"}, safe)
		expectNew(t, Options{Address: address}, true)
		expectNew(t, Options{Address: address, Token: "x", Insecure: true}, true)
		for value, allows := range map[string]bool{"true": true, "1": true, "TRUE": true, "false": false, "0": false} {
			t.Setenv("SIGNOFF_INSECURE", value)
			expectNew(t, Options{Address: address, Token: "x"}, safe || allows)
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
	o, err := Options{}.completed()
	if err != nil || o.Address != "http://127.0.0.1:7766" || o.Token != "" || o.Deadline != 30*time.Second ||
		o.Logger == nil {
		t.Errorf("%v, %v", o, err)
	}
	for name, value := range map[string]string{
		"ADDRESS": "https://example.com", "TOKEN": " secret\n", "CA": "ca.pem", "CERTIFICATE": "c.pem", "KEY": "k.pem", "INSECURE": "1",
	} {
		t.Setenv("SIGNOFF_"+name, value)
	}
	o, err = Options{}.completed()
	o.Logger = nil
	expected := Options{
		Address: "https://example.com", Token: "secret", CA: "ca.pem", Certificate: "c.pem", Key: "k.pem", Insecure: true,
		Deadline: 30 * time.Second,
	}
	if err != nil || o != expected {
		t.Errorf("%v, %v", o, err)
	}
	given := Options{
		Address:     "a",
		Token:       "b",
		CA:          "c",
		Certificate: "d",
		Key:         "e",
		Insecure:    true,
		Deadline:    time.Second,
		Logger:      slog.Default(),
	}
	if o, err = given.completed(); err != nil || o != given {
		t.Errorf("%v, %v", o, err)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	file := filepath.Join(t.TempDir(), "no-certificate")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{
		{Address: "ftp://example.com"}, {Token: "a b"}, {Token: "é"}, {Token: "a\nb"}, {Deadline: -1}, {Certificate: "c.pem"}, {Key: "k.pem"},
		{Address: "https://example.com", CA: "missing.pem"}, {Address: "https://example.com", CA: file},
		{Address: "https://example.com", Certificate: file, Key: file},
	} {
		expectNew(t, o, false)
	}
	t.Setenv("SIGNOFF_INSECURE", "perhaps")
	expectNew(t, Options{}, false)
}

func TestTokensDoNotShow(t *testing.T) {
	t.Parallel()
	const secret = "s3cret"
	o := Options{Token: secret}
	client, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var out bytes.Buffer
	for _, value := range []any{o, &o, client, *client, newBearer(o.Token, false), o.Token} {
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
	_, err = New(Options{Token: secret + "\x00"})
	fmt.Fprintln(&out, err)
	_, err = New(Options{Token: secret, Address: "example.com"})
	fmt.Fprintln(&out, err)
	if strings.Contains(out.String(), secret) || strings.Contains(out.String(), fmt.Sprintf("%x", secret)) {
		t.Errorf("shown in %s", out.String())
	}
	if header, err := newBearer(o.Token, false).GetRequestMetadata(t.Context()); err != nil ||
		header["authorization"] != "Bearer s3cret" {
		t.Errorf("%v, %v", header, err)
	}
}
