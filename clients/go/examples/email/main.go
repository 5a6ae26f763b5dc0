// Command email asks for approval of an e-mail, and pretends to send it after the approval.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"

	signoff "github.com/signoff-dev/signoff/clients/go"
)

// Email is the arguments of the tool: what reviewers see, and can edit.
type Email struct {
	To      string `json:"to"`
	Subject string `json:"subject"`
}

func sendEmail(_ context.Context, email Email) (string, error) {
	return fmt.Sprintf("Sent %q to %s.", email.Subject, email.To), nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, err := signoff.New(signoff.Options{}) // From SIGNOFF_ADDRESS, SIGNOFF_TOKEN and so on.
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	send, err := signoff.RequiresApproval(client, signoff.Call{
		ToolName:        "send_email",
		AgentName:       "welcome-bot",
		Reason:          "Welcome mail",
		OnProgress:      func(p signoff.Progress) { fmt.Println(p.Message) },
		CancelOnAbandon: true, // Ctrl-C withdraws the request.
	}, sendEmail)
	if err != nil {
		log.Fatal(err)
	}

	result, err := send(ctx, Email{To: "alice@company.com", Subject: "Welcome"})
	var refusal signoff.Refusal
	switch {
	case err == nil:
		fmt.Println(result)
	case errors.As(err, &refusal): // It was not sent.
		fmt.Println(refusal)               // For the model, unchanged.
		log.Print(refusal.DeveloperText()) // For people.
	default:
		log.Print(err)
	}
}
