package signoff

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Of what gRPC says of a connection, people get the cause.
func TestCausesOfFailures(t *testing.T) {
	t.Parallel()
	client, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	const dialing = `connection error: desc = "transport: Error while dialing: `
	const reading = `error reading server preface: `
	for message, expected := range map[string]string{
		dialing + `dial tcp 127.0.0.1:1: connect: connection refused"`:                      "connection refused",
		dialing + `dial tcp 192.0.2.1:1: i/o timeout"`:                                      "i/o timeout",
		`dns: A record lookup error: lookup nowhere.invalid on 127.0.0.53:53: no such host`: "no such host",
		reading + `EOF"`: "the connection was closed",
		reading + `remote error: tls: certificate required"`: "certificate required",
		`something else: as it is`:                           "something else: as it is",
		``:                                                   "UNAVAILABLE",
	} {
		if got := client.diagnose(status.Error(codes.Unavailable, message)); got.text != expected || got.lasting {
			t.Errorf("%s: %v", message, got)
		}
	}
	late := status.Error(codes.DeadlineExceeded, "context deadline exceeded")
	if got := client.diagnose(late); got.text != "no answer in time" {
		t.Error(got.text)
	}
	if got := client.diagnose(ErrClosed); got.text != "the client is closed" {
		t.Error(got.text)
	}
}

func TestSecondsAsPeopleReadThem(t *testing.T) {
	t.Parallel()
	for d, expected := range map[time.Duration]string{
		30 * time.Second: "30 s", time.Hour: "3600 s", 500 * time.Millisecond: "0.5 s", time.Second: "1 s", -1: "0 s",
		299800 * time.Millisecond: "300 s",
	} {
		if got := seconds(d); got != expected {
			t.Errorf("%v: %s", d, got)
		}
	}
}
