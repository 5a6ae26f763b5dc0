package signoff_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"

	signoff "github.com/signoff-dev/signoff/clients/go"
	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

const policy = `
tools: [send_email, pay]
rules:
  - name: no-drops
    tools: ["sql.*"]
    auto_reject: {message: Dropping tables is not allowed.}
  - name: searching
    tools: [search_records]
    auto_approve: {}
`

// server is a real one, with a data directory and a policy of its own. It can be killed and started again.
type server struct {
	t           *testing.T
	directory   string
	environment []string
	listen      string
	address     string
	process     *exec.Cmd
	tokens      struct{ Agent, Reviewer, Operator string }
	reviewer    *signoff.Client
}

// startServer starts a server that is gone when the test is over.
func startServer(t *testing.T, environment ...string) *server {
	t.Helper()
	return startServerWith(t, policy, environment...)
}

// startServerWith is startServer with another policy.
func startServerWith(t *testing.T, policy string, environment ...string) *server {
	t.Helper()
	if serverProgram == "" {
		t.Skip("SIGNOFF_BIN does not name the server's program")
	}
	s := &server{t: t, directory: t.TempDir(), environment: environment}
	if err := os.WriteFile(s.file("policy.yaml"), []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	// A start waits when the file was written a moment ago.
	if err := os.Chtimes(s.file("policy.yaml"), time.Unix(1e9, 0), time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	for try := 0; s.address == ""; try++ {
		s.listen = freeAddress(t)
		if err := s.tryStart(); err != nil && try == 10 {
			t.Fatal(err)
		}
	}
	t.Cleanup(s.kill)
	content, err := os.ReadFile(s.file("data/dev-tokens.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &s.tokens); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *server) file(name string) string { return filepath.Join(s.directory, name) }

// tryStart starts the server and waits until it listens. Somebody else may have taken its port.
func (s *server) tryStart() error {
	s.process = exec.Command(serverProgram, "serve", "--dev", "--listen", s.listen,
		"--data-dir", s.file("data"), "--policy", s.file("policy.yaml"))
	s.process.Env = append(os.Environ(), s.environment...)
	log, err := os.OpenFile(s.file("log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s.process.Stderr = log
	out, err := s.process.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.process.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, address, ok := strings.Cut(lines.Text(), " is listening on "); ok {
			s.address = address
			go func() {
				for lines.Scan() {
				}
			}()
			return nil
		}
	}
	_ = s.process.Wait()
	said, _ := os.ReadFile(s.file("log"))
	return fmt.Errorf("the server does not start: %s", said)
}

// start starts a server that was stopped, where it was.
func (s *server) start() {
	s.t.Helper()
	var err error
	for range 10 {
		if err = s.tryStart(); err == nil {
			return
		}
	}
	s.t.Fatal(err)
}

// kill ends the server as a crash does.
func (s *server) kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

// drain ends the server as an operator does.
func (s *server) drain() {
	s.t.Helper()
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := s.process.Wait(); err != nil {
		s.t.Fatalf("the server did not exit well: %v", err)
	}
}

// client connects with a token, and with the other options given.
func (s *server) client(token string, options ...func(*signoff.Options)) *signoff.Client {
	s.t.Helper()
	o := signoff.Options{Address: s.address, Token: signoff.NewToken(token)}
	for _, option := range options {
		option(&o)
	}
	return newClient(s.t, o)
}

func newClient(t *testing.T, o signoff.Options) *signoff.Client {
	t.Helper()
	client, err := signoff.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func (s *server) agent() *signoff.Client { return s.client(s.tokens.Agent) }

// pending waits until an approval of this test is pending.
func (s *server) pending() *signoffv1.Approval {
	s.t.Helper()
	if s.reviewer == nil {
		s.reviewer = s.client(s.tokens.Reviewer)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	stream, err := s.reviewer.Approvals.WatchPending(ctx, &signoffv1.WatchPendingRequest{}, grpc.WaitForReady(true))
	if err != nil {
		s.t.Fatal(err)
	}
	for {
		message, err := stream.Recv()
		if err != nil {
			s.t.Fatal(err)
		}
		if approval := message.GetPending(); approval != nil {
			return approval
		}
	}
}

// decide votes on the pending approval, as the reviewer.
func (s *server) decide(vote *signoffv1.DecideRequest) *signoffv1.Approval {
	s.t.Helper()
	approval := s.pending()
	vote.ApprovalId = approval.GetId()
	vote.Seen = &signoffv1.DecideRequest_Revision{Revision: approval.GetRevision()}
	answer, err := s.reviewer.Approvals.Decide(s.t.Context(), vote, grpc.WaitForReady(true))
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.GetApproval()
}

func (s *server) approve() *signoffv1.Approval {
	s.t.Helper()
	return s.decide(&signoffv1.DecideRequest{Choice: signoffv1.VoteChoice_VOTE_CHOICE_APPROVE})
}

// approval reads an approval as it is now, as somebody who sees everything.
func (s *server) approval(id string) *signoffv1.Approval {
	s.t.Helper()
	answer, err := s.client(
		s.tokens.Operator,
	).Approvals.GetApproval(
		s.t.Context(),
		&signoffv1.GetApprovalRequest{ApprovalId: id},
	)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.GetApproval()
}

// all reads all approvals of the server.
func (s *server) all() []*signoffv1.Approval {
	s.t.Helper()
	answer, err := s.client(s.tokens.Operator).Approvals.ListApprovals(s.t.Context(), &signoffv1.ListApprovalsRequest{})
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.GetApprovals()
}

// freeAddress is one that nobody listens at now. It is none that the system gives to outgoing connections, so that it
// can be expected to stay free while a server is down.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 12000+rand.N(20000)))
		if err == nil {
			defer listener.Close()
			return listener.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// outcome is what became of a gated call.
type outcome struct {
	result string
	err    error
}

// begin makes a gated call in the background.
func begin(call func() (string, error)) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		result, err := call()
		done <- outcome{result, err}
	}()
	return done
}

// finish waits for what begin began.
func finish(t *testing.T, done <-chan outcome) outcome {
	t.Helper()
	select {
	case o := <-done:
		return o
	case <-time.After(time.Minute):
		t.Fatal("the call does not end")
		return outcome{}
	}
}

func rejecting(comment string) *signoffv1.DecideRequest {
	return &signoffv1.DecideRequest{Choice: signoffv1.VoteChoice_VOTE_CHOICE_REJECT, Comment: comment}
}
