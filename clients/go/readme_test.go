package signoff_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	signoff "github.com/signoff-dev/signoff/clients/go"
	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

// The functions here have the code of README.md in them, as it is.

type Email struct {
	To      string `json:"to"`
	Subject string `json:"subject"`
}

func deliver(_ context.Context, email Email) (string, error) {
	return fmt.Sprintf("Sent %q to %s.", email.Subject, email.To), nil
}

var sendEmail = deliver

func readmeWraps(client *signoff.Client) (func(context.Context, Email) (string, error), error) {
	send, err := signoff.RequiresApproval(client, signoff.Call{ToolName: "send_email"}, sendEmail,
		func(ctx context.Context, email Email, call *signoff.Call) {
			call.Reason = "Mail about " + email.Subject
		})
	return send, err
}

func readmeDoes(ctx context.Context, client *signoff.Client) (string, error) {
	result, err := signoff.Do(ctx, client, signoff.Call{
		ToolName:      "send_email",
		Arguments:     map[string]any{"to": "alice@company.com", "subject": "Welcome"},
		ArgumentsType: reflect.TypeFor[Email](), // Edits must fit it.
	}, func(ctx context.Context, run *signoff.Run) (string, error) {
		var email Email
		if err := run.Decode(&email); err != nil {
			return "", err
		}
		return deliver(ctx, email)
	})
	return result, err
}

func readmeAsks(ctx context.Context, client *signoff.Client, keep func([]byte)) error {
	send, err := signoff.Wrap(client, signoff.Call{ToolName: "send_email"}, sendEmail)
	if err != nil {
		return err
	}
	handle, err := send.Ask(ctx, Email{To: "alice@company.com", Subject: "Welcome"})
	if err != nil {
		return err
	}
	saved, err := json.Marshal(handle)
	keep(saved)
	return err
}

func readmeResumes(ctx context.Context, send *signoff.Wrapped[Email, string], saved []byte, show func(string)) error {
	var handle signoff.Handle
	if err := json.Unmarshal(saved, &handle); err != nil {
		return err
	}
	result, err := send.Resume(ctx, handle)
	show(result)
	return err
}

func readmeTells(
	ctx context.Context, send func(context.Context, Email) (string, error), email Email,
) (string, error) {
	result, err := send(ctx, email)
	if text, refused := signoff.RefusalText(err); refused {
		return text, nil
	}
	return result, err
}

type (
	Query struct{ Table string }
	Row   struct{ Key string }
)

func rows(_ context.Context, q Query) iter.Seq[Row] { return slices.Values([]Row{{q.Table}}) }

func collect(all iter.Seq[Row]) ([]Row, error) { return slices.Collect(all), nil }

func query(ctx context.Context, q Query) ([]Row, error) {
	return collect(rows(ctx, q)) // Not the iterator: slices.Collect, io.ReadAll, <-done.
}

func readmeCompletes(ctx context.Context, run struct{ ID string }) context.Context {
	ctx = signoff.WithCall(ctx, func(call *signoff.Call) {
		call.RunID, call.Labels["team"] = run.ID, "billing"
	})
	return ctx
}

func readmeLists(ctx context.Context, client *signoff.Client) (*signoffv1.ListPendingResponse, error) {
	page, err := client.Approvals.ListPending(ctx, &signoffv1.ListPendingRequest{ToolName: "send_email"})
	return page, err
}

// withoutIndent has the lines of a text as they are, but for what stands before them.
func withoutIndent(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return "\n" + strings.Join(lines, "\n")
}

func TestReadmesCodeIsCompiled(t *testing.T) {
	t.Parallel()
	code := withoutIndent(string(read(t, "readme_test.go"))) + withoutIndent(string(read(t, "examples/email/main.go")))
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(read(t, "README.md")), -1)
	if len(blocks) < 8 {
		t.Fatalf("README.md has only %d pieces of code", len(blocks))
	}
	for _, block := range blocks {
		if !strings.Contains(code, withoutIndent(block[1])) {
			t.Errorf("neither this file nor the example has\n%s", block[1])
		}
	}
}

func TestReadmesCodeRuns(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	client := s.agent()
	const sent = `Sent "Welcome" to alice@company.com.`
	send, err := readmeWraps(client)
	if err != nil {
		t.Fatal(err)
	}
	ctx := readmeCompletes(t.Context(), struct{ ID string }{"run-1"})
	email := Email{To: "alice@company.com", Subject: "Welcome"}
	done := begin(func() (string, error) { return readmeTells(ctx, send, email) })
	approval := s.pending()
	if page, err := readmeLists(t.Context(), s.reviewer); err != nil || len(page.GetApprovals()) != 1 {
		t.Errorf("%v, %v", page, err)
	}
	if approval.GetReason() != "Mail about Welcome" || approval.GetLabels()["team"] != "billing" {
		t.Errorf("%v", approval)
	}
	s.decide(rejecting("Not today."))
	expectResult(t, finish(t, done),
		"NOT RUN. A reviewer rejected the call to send_email: Not today. Do not try it again.")
	done = begin(func() (string, error) { return readmeDoes(t.Context(), client) })
	s.approve()
	expectResult(t, finish(t, done), sent)

	var saved []byte
	if err := readmeAsks(t.Context(), client, func(text []byte) { saved = text }); err != nil {
		t.Fatal(err)
	}
	s.approve()
	var shown string
	again, err := signoff.Wrap(client, signoff.Call{ToolName: "send_email"}, sendEmail)
	if err != nil {
		t.Fatal(err)
	}
	err = readmeResumes(t.Context(), again, saved, func(result string) { shown = result })
	expectResult(t, outcome{shown, err}, sent)
	if all, err := query(t.Context(), Query{"users"}); err != nil || !slices.Equal(all, []Row{{"users"}}) {
		t.Errorf("%v, %v", all, err)
	}
}
