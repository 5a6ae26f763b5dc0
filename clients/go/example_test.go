package signoff_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	signoff "github.com/signoff-dev/signoff/clients/go"
)

func ExampleDo() {
	client, err := signoff.New(signoff.Options{})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	call := signoff.Call{
		ToolName:  "delete_record",
		Arguments: map[string]any{"id": 7},
		Reason:    "The customer asked for it",
	}
	_, err = signoff.Do(
		context.Background(),
		client,
		call,
		func(_ context.Context, run *signoff.Run) (struct{}, error) {
			fmt.Println("deleting", run.Arguments["id"], "as approved in", run.ApprovalID)
			return struct{}{}, nil
		},
	)
	var rejected *signoff.RejectedError
	if errors.As(err, &rejected) {
		fmt.Println(rejected.DecidedBy, "said no:", rejected.Comment)
	}
}

func ExampleRequiresApproval() {
	type payment struct {
		To     string  `json:"to"`
		Amount float64 `json:"amount"`
	}
	client, err := signoff.New(signoff.Options{})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	pay, err := signoff.RequiresApproval(client, signoff.Call{ToolName: "process_payment"},
		func(_ context.Context, p payment) (string, error) {
			return fmt.Sprintf("paid %.2f to %s", p.Amount, p.To), nil
		})
	if err != nil {
		panic(err)
	}
	receipt, err := pay(context.Background(), payment{To: "bob", Amount: 12.5})
	if errors.Is(err, signoff.ErrRefused) {
		fmt.Println("tell the model:", err)
		return
	}
	fmt.Println(receipt)
}

// One process asks, and keeps the handle; another one runs the call once it is approved.
func ExampleResume() {
	ctx := context.Background()
	client, err := signoff.New(signoff.Options{})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	call := signoff.Call{ToolName: "delete_record", Arguments: map[string]any{"id": 7}, RunID: "run-1", CallID: "call-1"}
	handle, err := client.Ask(ctx, call)
	if err != nil {
		panic(err)
	}
	saved, err := json.Marshal(handle)
	if err != nil {
		panic(err)
	}

	var read signoff.Handle
	if err := json.Unmarshal(saved, &read); err != nil {
		panic(err)
	}
	result, err := signoff.Resume(ctx, client, read, signoff.ResumeOptions{ToolName: "delete_record"},
		func(_ context.Context, run *signoff.Run) (string, error) {
			return fmt.Sprint("deleted ", run.Arguments["id"]), nil
		})
	if text, refused := signoff.RefusalText(err); refused {
		result = text
	}
	fmt.Println(result)
}

func ExampleWithCall() {
	ctx := signoff.WithCall(context.Background(), func(call *signoff.Call) {
		call.RunID, call.Labels["team"] = "run-1", "billing"
	})
	call := signoff.Call{ToolName: "delete_record", RequiredOptions: []string{"Labels", "RunID"}}
	deleting := func(context.Context, *signoff.Run) (string, error) { return "deleted", nil }
	_ = func(client *signoff.Client) error { // The labels come along, also into goroutines.
		_, err := signoff.Do(ctx, client, call, deleting)
		return err
	}
}
