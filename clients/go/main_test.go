package signoff_test

import (
	"os"
	"strings"
	"testing"
)

// The server's program, from SIGNOFF_BIN.
var serverProgram string

// Neither the clients nor the servers of the tests see the developer's own settings.
func TestMain(m *testing.M) {
	if os.Getenv(resumedHandle) != "" {
		os.Exit(resumer())
	}
	serverProgram = os.Getenv("SIGNOFF_BIN")
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "SIGNOFF_") {
			_ = os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}
