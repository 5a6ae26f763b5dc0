package signoff_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	signoff "github.com/signoff-dev/signoff/clients/go"
	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

func TestHandlesOfTheVectors(t *testing.T) {
	t.Parallel()
	read := vectors[struct{ Accepted, Refused []json.RawMessage }](t, "handles.json")
	if len(read.Accepted) < 2 || len(read.Refused) < 15 {
		t.Fatal("nothing to check")
	}
	for _, text := range read.Accepted {
		var handle signoff.Handle
		if err := json.Unmarshal(text, &handle); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		again, err := json.Marshal(handle)
		if !reflect.DeepEqual(parsedJSON(t, again), parsedJSON(t, text)) {
			t.Errorf("%s: %s, %v", text, again, err)
		}
	}
	for _, text := range read.Refused {
		handle := signoff.Handle{ApprovalID: "before"}
		misuse(t, json.Unmarshal(text, &handle))
		if handle != (signoff.Handle{ApprovalID: "before"}) {
			t.Errorf("%s: read %#v", text, handle)
		}
	}
	twice := misuse(t, json.Unmarshal([]byte(`{"digest": "a", "digest": "a"}`), &signoff.Handle{}))
	if twice.Problem != "cannot be read: digest appears twice" {
		t.Error(twice)
	}
	for _, text := range []string{
		`{"approval_id": "a", "approval_id": "b", "request_id": "c", "tool_name": "d", "digest": "` + otherDigest + `"}`,
		`{"Approval_id": "a", "request_id": "c", "tool_name": "d", "digest": "` + otherDigest + `"}`,
	} {
		misuse(t, json.Unmarshal([]byte(text), &signoff.Handle{}))
	}
}

func parsedJSON(t *testing.T, text []byte) (value any) {
	t.Helper()
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// askedOf asks a fake for a call, and has it show the recorded request to those who watch.
func askedOf(t *testing.T, f *fake, client *signoff.Client, call signoff.Call) signoff.Handle {
	t.Helper()
	f.ask = answers{func(request *signoffv1.RequestApprovalRequest, stream asking) error {
		if err := f.send(stream, f.approvalOf(request, pending)); err != nil {
			return err
		}
		return silent(request, stream)
	}}
	handle, err := client.Ask(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	return handle
}

// shows is an answer to those who watch: the newest approval at this status, with the events that led there.
func (f *fake) shows(is signoffv1.ApprovalStatus, change func(*signoffv1.ApprovalUpdate)) func(
	*signoffv1.WatchApprovalRequest, watching) error {
	return func(request *signoffv1.WatchApprovalRequest, stream watching) error {
		f.mutex.Lock()
		approval := proto.CloneOf(f.approval)
		f.mutex.Unlock()
		events := []*signoffv1.Event{{Revision: 1, Kind: &signoffv1.Event_Requested_{
			Requested: &signoffv1.Event_Requested{Digest: approval.GetDigest(), Status: pending},
		}}}
		approval.Status = is
		if is != pending {
			approval.Revision, approval.Decision = 2, &signoffv1.Decision{Status: is, Digest: approval.GetDigest()}
			events = append(events, &signoffv1.Event{
				Revision: 2, Kind: &signoffv1.Event_Decided{Decided: approval.Decision},
			})
		}
		update := &signoffv1.ApprovalUpdate{Approval: approval, Events: events[request.GetAfterRevision():]}
		if change != nil {
			change(update)
		}
		f.mutex.Lock()
		f.approval = update.GetApproval()
		f.mutex.Unlock()
		return stream.Send(&signoffv1.WatchApprovalResponse{
			Message: &signoffv1.WatchApprovalResponse_Update{Update: update},
		})
	}
}

type watches = []func(*signoffv1.WatchApprovalRequest, watching) error

func TestAskingReturnsAtOnce(t *testing.T) {
	t.Parallel()
	for _, is := range []signoffv1.ApprovalStatus{pending, approved, timedOut, 99} {
		f, call := &fake{}, sending()
		f.ask = answers{func(request *signoffv1.RequestApprovalRequest, stream asking) error {
			if err := f.send(stream, f.approvalOf(request, is)); err != nil {
				return err
			}
			return silent(request, stream)
		}}
		call.RequestID = "mail-1"
		handle, err := f.client(t).Ask(t.Context(), call)
		digest, _ := signoff.Digest("send_email", f.asked[0].GetArguments().AsMap())
		expected := signoff.Handle{
			ApprovalID: "approval-1", RequestID: "mail-1", ToolName: "send_email", Digest: digest,
		}
		if err != nil || handle != expected || len(f.claimed)+len(f.cancels) != 0 {
			t.Errorf("%v: %#v, %v", is, handle, err)
		}
	}
}

func TestAskingFailsAsTheGateDoes(t *testing.T) {
	t.Parallel()
	ctx, giveUp := context.WithCancel(t.Context())
	f, call := &fake{ask: answers{func(request *signoffv1.RequestApprovalRequest, stream asking) error {
		giveUp()
		return silent(request, stream)
	}}}, sending()
	client := f.client(t)
	_, err := client.Ask(ctx, call)
	if waiting := refusal[*signoff.StillWaitingError](t, err); waiting.ApprovalID != "" || len(f.cancels) != 0 {
		t.Errorf("%#v", waiting)
	}
	if _, err := client.Ask(ctx, call); err != context.Canceled || len(f.asked) != 1 {
		t.Errorf("%v, asked %d times", err, len(f.asked))
	}
	call.ToolName = ""
	_, err = client.Ask(t.Context(), call)
	misuse(t, err)
	call = sending()
	call.Arguments = map[string]any{"a": 1 << 60}
	_, err = client.Ask(t.Context(), call)
	isRefusal[*signoff.InvalidArgumentsError](t, err)
	lying := &fake{ask: answers{func(request *signoffv1.RequestApprovalRequest, stream asking) error {
		approval := (&fake{}).approvalOf(request, pending)
		approval.RequestId = "another"
		return (&fake{}).send(stream, approval)
	}}}
	_, err = lying.client(t).Ask(t.Context(), sending())
	isRefusal[*signoff.InvalidAnswerError](t, err)
}

func TestResumingGoesOnAfterBrokenStreams(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	client := f.client(t)
	handle := askedOf(t, f, client, sending())
	breaks := f.shows(pending, nil)
	f.watch = watches{
		func(*signoffv1.WatchApprovalRequest, watching) error { return status.Error(codes.Unavailable, "away") },
		func(request *signoffv1.WatchApprovalRequest, stream watching) error {
			_ = breaks(request, stream)
			return failure(codes.Unavailable, "DRAINING", retryIn(time.Millisecond))
		},
		f.shows(approved, nil),
	}
	result, err := signoff.Resume(t.Context(), client, handle, signoff.ResumeOptions{}, tool.send)
	expectResult(t, outcome{result, err}, "1 to alice@company.com")
	tool.once(t)
	var revisions []uint64
	for _, request := range f.watched {
		revisions = append(revisions, request.GetAfterRevision())
		if request.GetApprovalId() != "approval-1" {
			t.Errorf("watched %v", request)
		}
	}
	if !slices.Equal(revisions, []uint64{0, 0, 1}) || len(f.asked) != 1 || len(f.reports) != 1 {
		t.Errorf("watched after %v, asked %d times, reported %v", revisions, len(f.asked), f.reports)
	}
}

// What is not the handle's is refused, whatever the server says.
func TestScenario26AnswersThatAreNotTheHandles(t *testing.T) {
	t.Parallel()
	noEvents := func(update *signoffv1.ApprovalUpdate) { update.Events = nil }
	for problem, change := range map[string]func(*signoffv1.ApprovalUpdate){
		"the approval's id changed":           func(u *signoffv1.ApprovalUpdate) { u.Approval.Id = "approval-2" },
		"the approval is for another request": func(u *signoffv1.ApprovalUpdate) { u.Approval.RequestId = "another" },
		"the approval is for another tool":    func(u *signoffv1.ApprovalUpdate) { u.Approval.ToolName = "pay" },
		"the request was recorded with other arguments": func(u *signoffv1.ApprovalUpdate) {
			u.Events[0].GetRequested().Digest = otherDigest
		},
		"the approval does not show the request": noEvents,
	} {
		f, tool := &fake{}, &tool{}
		client := f.client(t)
		handle := askedOf(t, f, client, sending())
		f.watch = watches{f.shows(approved, change)}
		_, err := signoff.Resume(t.Context(), client, handle, signoff.ResumeOptions{}, tool.send)
		if invalid := refusal[*signoff.InvalidAnswerError](t, err); invalid.Problem != problem {
			t.Errorf("%s: %#v", problem, invalid)
		}
		err = client.Wait(t.Context(), handle, signoff.ResumeOptions{})
		if invalid := refusal[*signoff.InvalidAnswerError](t, err); invalid.Problem != problem {
			t.Errorf("%s: %#v", problem, invalid)
		}
		tool.never(t)
		if len(f.claimed)+len(f.cancels) != 0 {
			t.Errorf("%s: claimed %v", problem, f.claimed)
		}
	}
	// The policy approves what was asked for; only people edit.
	f, tool := &fake{}, &tool{}
	client := f.client(t)
	handle := askedOf(t, f, client, sending())
	automatic := signoffv1.ApprovalStatus_APPROVAL_STATUS_AUTO_APPROVED
	f.watch = watches{f.shows(automatic, func(update *signoffv1.ApprovalUpdate) {
		approval := update.GetApproval()
		approval.Arguments.Fields["to"] = structpb.NewStringValue("eve")
		approval.Digest, _ = signoff.Digest("send_email", approval.GetArguments().AsMap())
		approval.Decision.Digest = approval.GetDigest()
	})}
	_, err := signoff.Resume(t.Context(), client, handle, signoff.ResumeOptions{}, tool.send)
	isRefusal[*signoff.DigestMismatchError](t, err)
	tool.never(t)
}

func TestGivingUpAHandleLeavesTheApproval(t *testing.T) {
	t.Parallel()
	for _, withdraws := range []bool{false, true} {
		for _, answered := range []bool{false, true} {
			f := &fake{}
			client := f.client(t)
			handle := askedOf(t, f, client, sending())
			ctx, giveUp := context.WithCancel(t.Context())
			f.watch = watches{func(request *signoffv1.WatchApprovalRequest, stream watching) error {
				if answered {
					_ = f.shows(pending, nil)(request, stream)
				}
				giveUp()
				<-stream.Context().Done()
				return stream.Context().Err()
			}}
			err := client.Wait(ctx, handle, signoff.ResumeOptions{CancelOnAbandon: withdraws})
			if !errors.Is(err, context.Canceled) || withdraws != (len(f.cancels) == 1) || len(f.asked) != 1 {
				t.Errorf("%v, withdrew %v", err, f.cancels)
			}
			if withdraws {
				isRefusal[*signoff.CancelledError](t, err)
			} else if waiting := refusal[*signoff.StillWaitingError](t, err); waiting.ApprovalID != "approval-1" {
				t.Errorf("%#v", waiting)
			}
		}
	}
}

func TestHandlesAreMisused(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	client := f.client(t)
	handle := askedOf(t, f, client, sending())
	for _, change := range []func(*signoff.Handle){
		func(h *signoff.Handle) { h.ApprovalID = "" }, func(h *signoff.Handle) { h.RequestID = "" },
		func(h *signoff.Handle) { h.ToolName = "" }, func(h *signoff.Handle) { h.Digest = "" },
		func(h *signoff.Handle) { h.Digest = "sha256:xyz" },
	} {
		changed := handle
		change(&changed)
		_, err := signoff.Resume(t.Context(), client, changed, signoff.ResumeOptions{}, tool.send)
		if misuse(t, err).Option != "Handle" {
			t.Error(err)
		}
	}
	for _, options := range []signoff.ResumeOptions{
		{ToolName: "pay"}, {Patience: -1}, {ArgumentsType: reflect.TypeFor[chan int]()},
	} {
		_, err := signoff.Resume(t.Context(), client, handle, options, tool.send)
		misuse(t, err)
		misuse(t, client.Wait(t.Context(), handle, options))
	}
	_, err := signoff.Resume(t.Context(), nil, handle, signoff.ResumeOptions{}, tool.send)
	misuse(t, err)
	_, err = signoff.Resume[string](t.Context(), client, handle, signoff.ResumeOptions{}, nil)
	misuse(t, err)
	pay, err := signoff.Wrap(client, signoff.Call{ToolName: "pay"},
		func(context.Context, email) (string, error) { return tool.send(t.Context(), nil) })
	if err != nil {
		t.Fatal(err)
	}
	_, err = pay.Resume(t.Context(), handle)
	if misuse(t, err).Option != "Handle" {
		t.Error(err)
	}
	tool.never(t)
	if len(f.watched) != 0 {
		t.Errorf("watched %v", f.watched)
	}
}
