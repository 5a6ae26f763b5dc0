package signoff

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

func statusWith(code codes.Code, details ...protoadapt.MessageV1) error {
	made, err := status.New(code, "").WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return made.Err()
}

func TestPassingFailures(t *testing.T) {
	t.Parallel()
	own := &errdetails.ErrorInfo{Domain: "signoff.v1", Reason: "X"}
	others := &errdetails.ErrorInfo{Domain: "proxy.example", Reason: "X"}
	retry := &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)}
	passing := map[codes.Code]bool{
		codes.Canceled: true, codes.Unknown: true, codes.Internal: true, codes.Aborted: true, codes.OutOfRange: true,
		codes.DataLoss: true, codes.DeadlineExceeded: true, codes.ResourceExhausted: true, codes.Unavailable: true,
	}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		if got := isPassing(statusWith(code)); got != passing[code] {
			t.Errorf("%v: %v", code, got)
		}
		if got := isPassing(statusWith(code, others)); got != passing[code] {
			t.Errorf("%v of others: %v", code, got)
		}
		if got := isPassing(statusWith(code, own)); got != (code == codes.Unavailable) {
			t.Errorf("%v of the server: %v", code, got)
		}
		if !isPassing(statusWith(code, own, retry)) {
			t.Errorf("%v with a RetryInfo does not pass", code)
		}
	}
	if !isPassing(errors.New("no status")) {
		t.Error("what is no status does not pass")
	}
}

func TestDelays(t *testing.T) {
	t.Parallel()
	p := &pace{delay: firstDelay}
	broken := statusWith(codes.Unavailable)
	base := firstDelay
	for range 20 {
		if delay := p.next(broken); delay < base/2 || delay > base {
			t.Errorf("%v, of %v", delay, base)
		}
		base = min(2*base, maxDelay)
	}
	p.restart()
	asked := statusWith(codes.Unavailable, &errdetails.RetryInfo{RetryDelay: durationpb.New(3 * time.Second)})
	if delay := p.next(asked); delay < 3*time.Second+firstDelay/2 || delay > 3*time.Second+firstDelay {
		t.Errorf("%v", delay)
	}
	for _, seconds := range []int64{-1, 1 << 62} {
		odd := statusWith(codes.Unavailable, &errdetails.RetryInfo{RetryDelay: &durationpb.Duration{Seconds: seconds}})
		if delay := p.next(odd); delay <= 0 {
			t.Errorf("%v", delay)
		}
	}
}

func TestPausesEnd(t *testing.T) {
	t.Parallel()
	client, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	broken := statusWith(codes.Unavailable)
	ended, end := context.WithCancel(t.Context())
	end()
	if err := client.newPace(time.Hour).pause(ended, time.Now(), broken); err != context.Canceled {
		t.Errorf("got %v", err)
	}
	var last exhausted
	if err := client.newPace(0).pause(t.Context(), time.Now().Add(time.Second), broken); !errors.As(err, &last) ||
		last.error != broken {
		t.Errorf("got %v", err)
	}
	if err := client.newPace(0).pause(t.Context(), time.Now().Add(-time.Second), broken); err != nil {
		t.Errorf("no try after the bound: %v", err)
	}
	_ = client.Close()
	if err := client.newPace(time.Hour).pause(t.Context(), time.Now(), broken); err != ErrClosed {
		t.Errorf("got %v", err)
	}
}

// Once a server is back the next try reaches it, however long gRPC would wait by itself.
func TestReconnects(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	// Connections are accepted and closed, so that they fail, and nobody else gets the port.
	refusing := make(chan struct{})
	go func() {
		defer close(refusing)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	client, err := New(Options{Address: listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Access.GetCaller(t.Context(), &signoffv1.GetCallerRequest{}); status.Code(
		err,
	) != codes.Unavailable {
		t.Fatalf("got %v", err)
	}
	for state := client.conn.GetState(); state != connectivity.TransientFailure; state = client.conn.GetState() {
		client.conn.Connect()
		client.conn.WaitForStateChange(t.Context(), state)
	}
	_ = listener.Close()
	<-refusing
	listener, err = net.Listen("tcp", listener.Addr().String())
	if err != nil {
		t.Skipf("the port was taken: %v", err)
	}
	server := grpc.NewServer()
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	for client.conn.GetState() != connectivity.Ready {
		client.reconnect(t.Context())
	}
	if _, err := client.Access.GetCaller(t.Context(), &signoffv1.GetCallerRequest{}); status.Code(
		err,
	) != codes.Unimplemented {
		t.Errorf("got %v", err)
	}
}
