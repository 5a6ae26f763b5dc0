package signoff_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestLicenseIsTheRepositorys(t *testing.T) {
	t.Parallel()
	if !bytes.Equal(read(t, "LICENSE"), read(t, "../../LICENSE")) {
		t.Error("LICENSE differs")
	}
}

func TestReadmeShowsTheExample(t *testing.T) {
	t.Parallel()
	block := "```go\n" + string(read(t, "examples/email/main.go")) + "```\n"
	if !strings.Contains(string(read(t, "README.md")), block) {
		t.Error("README.md does not show examples/email/main.go as it is")
	}
}

func TestReadmeNamesEveryOptionAndRefusal(t *testing.T) {
	t.Parallel()
	readme := string(read(t, "README.md"))
	names := []string{
		"SIGNOFF_ADDRESS", "SIGNOFF_TOKEN", "SIGNOFF_CA", "SIGNOFF_CERTIFICATE", "SIGNOFF_KEY", "SIGNOFF_INSECURE",
		"Deadline", "Logger",
	}
	for name := range declaredRefusals(t) {
		names = append(names, name)
	}
	for _, name := range names {
		if !strings.Contains(readme, "`"+name+"`") && !strings.Contains(readme, "`*"+name+"`") {
			t.Errorf("README.md does not name %s", name)
		}
	}
}

func TestExampleRuns(t *testing.T) {
	t.Parallel()
	s := startServer(t, "SIGNOFF_HEARTBEAT=5m") // Progress would be printed too.
	program := filepath.Join(t.TempDir(), "email")
	build := exec.Command("go", "build", "-trimpath", "-o", program, "./examples/email")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := func() <-chan outcome {
		return begin(func() (string, error) {
			example := exec.Command(program)
			example.Env = append(os.Environ(), "SIGNOFF_ADDRESS="+s.address, "SIGNOFF_TOKEN="+s.tokens.Agent)
			out, err := example.Output() // What goes to the log is for people.
			return string(out), err
		})
	}
	done := run()
	s.approve()
	expectResult(t, finish(t, done), "Sent \"Welcome\" to alice@company.com.\n")
	done = run()
	s.decide(rejecting("Not today"))
	expectResult(t, finish(t, done),
		"NOT RUN. A reviewer rejected the call to send_email: Not today. Do not try it again.\n")
}
