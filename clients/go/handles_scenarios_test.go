package signoff_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"testing"

	"google.golang.org/grpc/codes"

	signoff "github.com/signoff-dev/signoff/clients/go"
	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

const (
	resumedHandle  = "RESUMER_HANDLE"
	resumedAddress = "RESUMER_ADDRESS"
	resumedToken   = "RESUMER_TOKEN"
)

// resumer is what the tests' program is when it is started with a handle: a process that did not ask. It prints the
// result or the kind of the refusal, and how often its tool ran.
func resumer() int {
	tool, token := &tool{}, signoff.NewToken(os.Getenv(resumedToken))
	client, err := signoff.New(signoff.Options{Address: os.Getenv(resumedAddress), Token: token})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer client.Close()
	var handle signoff.Handle
	if err := json.Unmarshal([]byte(os.Getenv(resumedHandle)), &handle); err != nil {
		fmt.Println(err)
		return 1
	}
	send, err := signoff.Wrap(client, signoff.Call{ToolName: "send_email"},
		func(_ context.Context, a email) (string, error) {
			tool.runs.Add(1)
			return fmt.Sprintf("%d to %s", a.Copies, a.To), nil
		})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	result, err := send.Resume(context.Background(), handle)
	if err != nil {
		result = reflect.TypeOf(err).String()
	}
	fmt.Printf("%s, ran %d times", result, tool.runs.Load())
	return 0
}

// resumes goes on with a handle in another process.
func (s *server) resumes(handle signoff.Handle) string {
	s.t.Helper()
	text, err := json.Marshal(handle)
	if err != nil {
		s.t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	other := exec.CommandContext(s.t.Context(), program)
	other.Env = append(os.Environ(),
		resumedHandle+"="+string(text), resumedAddress+"="+s.address, resumedToken+"="+s.tokens.Agent)
	said, err := other.Output()
	if err != nil {
		s.t.Fatalf("%v: %s", err, said)
	}
	return string(said)
}

// asksFor asks the server for a call, which then is pending.
func (s *server) asksFor(call signoff.Call) signoff.Handle {
	s.t.Helper()
	handle, err := s.agent().Ask(s.t.Context(), call)
	if err != nil {
		s.t.Fatal(err)
	}
	return handle
}

func TestScenario25ResumedInAnotherProcess(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	handle := s.asksFor(sending())
	if approval := s.approval(handle.ApprovalID); approval.GetStatus() != pending ||
		approval.GetDigest() != handle.Digest || approval.GetRequestId() != handle.RequestID {
		t.Errorf("%v is not %v", approval, handle)
	}
	s.approve()
	if said := s.resumes(handle); said != "1 to alice@company.com, ran 1 times" {
		t.Error(said)
	}
	approval := s.approval(handle.ApprovalID)
	expectReport(t, approval, signoffv1.ExecutionResult_EXECUTION_RESULT_SUCCEEDED, "")
	if said := s.resumes(handle); said != "*signoff.AlreadyClaimedError, ran 0 times" {
		t.Error(said)
	}
	tool := &tool{}
	_, err := signoff.Resume(t.Context(), s.agent(), handle, signoff.ResumeOptions{}, tool.send)
	if known := refusal[*signoff.AlreadyClaimedError](t, err); known.Result != "SUCCEEDED" {
		t.Errorf("%#v", known)
	}
	tool.never(t)
	if all := s.all(); len(all) != 1 {
		t.Errorf("%d approvals", len(all))
	}
}

func TestResumingBeforeTheDecisionWaits(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t), &tool{}
	handle, client := s.asksFor(sending()), s.agent()
	waits := begin(func() (string, error) {
		return "approved", client.Wait(t.Context(), handle, signoff.ResumeOptions{ToolName: "send_email"})
	})
	resumes := begin(func() (string, error) {
		return signoff.Resume(t.Context(), client, handle, signoff.ResumeOptions{}, tool.send)
	})
	s.approve()
	expectResult(t, finish(t, waits), "approved")
	expectResult(t, finish(t, resumes), "1 to alice@company.com")
	tool.once(t)
	run, _ := tool.ran.Load().(signoff.Run)
	if run.Edited || run.ApprovalID != handle.ApprovalID || run.Arguments["copies"] != int64(1) {
		t.Errorf("ran with %v", run)
	}
	handle = s.asksFor(sending())
	s.decide(rejecting("Not today."))
	rejected := refusal[*signoff.RejectedError](t, client.Wait(t.Context(), handle, signoff.ResumeOptions{}))
	if rejected.Comment != "Not today." || rejected.ApprovalID != handle.ApprovalID {
		t.Errorf("%#v", rejected)
	}
}

// The server is killed while nobody waits.
func TestHandlesOutliveTheServer(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t), &tool{}
	handle := s.asksFor(sending())
	s.kill()
	s.start()
	s.approve()
	client := s.agent()
	if err := client.Wait(t.Context(), handle, signoff.ResumeOptions{}); err != nil {
		t.Fatal(err)
	}
	if claim := s.approval(handle.ApprovalID).GetClaim(); claim != nil {
		t.Errorf("claimed by waiting: %v", claim)
	}
	result, err := signoff.Resume(t.Context(), client, handle, signoff.ResumeOptions{}, tool.send)
	expectResult(t, outcome{result, err}, "1 to alice@company.com")
}

// A function that has changed since it was asked for gets nothing that it does not know.
func TestFunctionsThatHaveChangedAreNotResumed(t *testing.T) {
	t.Parallel()
	s, called := startServer(t), false
	handle := s.asksFor(sending())
	s.approve()
	renamed, err := signoff.Wrap(s.agent(), signoff.Call{ToolName: "send_email"},
		func(context.Context, struct {
			Recipient string `json:"recipient"`
		}) (string, error) {
			called = true
			return "", nil
		})
	if err != nil {
		t.Fatal(err)
	}
	_, err = renamed.Resume(t.Context(), handle)
	if invalid := refusal[*signoff.InvalidArgumentsError](t, err); called || invalid.Path != "copies" {
		t.Errorf("called %v, %#v", called, invalid)
	}
	if claim := s.approval(handle.ApprovalID).GetClaim(); claim != nil {
		t.Errorf("claimed: %v", claim)
	}
}

func TestScenario26HandlesThatAreAnothers(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t), &tool{}
	handle, other := s.asksFor(sending()), s.asksFor(signoff.Call{ToolName: "pay"})
	client := s.agent()
	resume := func(change func(*signoff.Handle)) error {
		t.Helper()
		changed := handle
		change(&changed)
		_, err := signoff.Resume(t.Context(), client, changed, signoff.ResumeOptions{}, tool.send)
		return err
	}
	expectInvalid := func(err error, problem string) {
		t.Helper()
		invalid := (*signoff.InvalidAnswerError)(nil)
		if !errors.As(err, &invalid) || invalid.Problem != problem {
			t.Errorf("got %v", err)
		}
	}
	expectInvalid(resume(func(h *signoff.Handle) { h.Digest = otherDigest }),
		"the request was recorded with other arguments")
	expectInvalid(resume(func(h *signoff.Handle) { h.RequestID = "another" }), "the approval is for another request")
	expectInvalid(resume(func(h *signoff.Handle) { h.ApprovalID = other.ApprovalID }),
		"the approval is for another request")
	expectInvalid(resume(func(h *signoff.Handle) { h.ToolName = "pay" }), "the approval is for another tool")
	missing := resume(func(h *signoff.Handle) { h.ApprovalID = "0190f3c4-0000-7000-8000-000000000001" })
	if failed := refusal[*signoff.RequestFailedError](t, missing); failed.Code != codes.NotFound {
		t.Errorf("%#v", failed)
	}
	_, err := signoff.Resume(t.Context(), client, other, signoff.ResumeOptions{ToolName: "send_email"}, tool.send)
	misuse(t, err)
	tool.never(t)
	for _, approval := range s.all() {
		if approval.GetStatus() != pending {
			t.Errorf("%v", approval)
		}
	}
}

func TestScenario27ResumedWithEdits(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t), &tool{}
	handle, options := s.asksFor(sending()), signoff.ResumeOptions{ArgumentsType: reflect.TypeFor[email]()}
	s.decide(edits(map[string]any{"to": "bob@company.com", "copies": 2}))
	result, err := signoff.Resume(t.Context(), s.agent(), handle, options, tool.send)
	expectResult(t, outcome{result, err}, "2 to bob@company.com")
	run, _ := tool.ran.Load().(signoff.Run)
	if !run.Edited || !reflect.DeepEqual(run.Arguments, map[string]any{"to": "bob@company.com", "copies": int64(2)}) {
		t.Errorf("ran with %v", run)
	}
	// An edit that does not fit is refused before the claim, also when it is only waited for.
	call := sending()
	call.Arguments = map[string]any{"to": "alice@company.com"}
	handle = s.asksFor(call)
	approval := s.decide(edits(map[string]any{"to": 5}))
	_, err = signoff.Resume(t.Context(), s.agent(), handle, options, tool.send)
	if refusal[*signoff.InvalidEditError](t, err).Path != "to" {
		t.Error(err)
	}
	isRefusal[*signoff.InvalidEditError](t, s.agent().Wait(t.Context(), handle, options))
	tool.once(t)
	if claim := s.approval(approval.GetId()).GetClaim(); claim != nil {
		t.Errorf("claimed: %v", claim)
	}
}

func TestWrappedFunctionsAreResumed(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	type key struct{}
	send, err := signoff.Wrap(s.agent(), signoff.Call{ToolName: "send_email"},
		func(ctx context.Context, a email) (string, error) { return fmt.Sprint(a.To, ctx.Value(key{})), nil },
		func(_ context.Context, a email, call *signoff.Call) { call.Reason = "For " + a.To })
	if err != nil {
		t.Fatal(err)
	}
	handle, err := send.Ask(t.Context(), email{To: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	if approval := s.approve(); approval.GetReason() != "For alice" {
		t.Errorf("asked %v", approval)
	}
	result, err := send.Resume(context.WithValue(t.Context(), key{}, "!"), handle)
	expectResult(t, outcome{result, err}, "alice!")
}
