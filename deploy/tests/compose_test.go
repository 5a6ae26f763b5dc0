package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// compose loads the file as `docker compose config` does: what the schema does not have is an error.
func compose(t *testing.T) types.ServiceConfig {
	t.Helper()
	details := types.ConfigDetails{
		WorkingDir:  "..",
		ConfigFiles: []types.ConfigFile{{Filename: "../compose.yaml"}},
		Environment: types.Mapping{},
	}
	project, err := loader.LoadWithContext(t.Context(), details)
	if err != nil {
		t.Fatal(err)
	}
	if len(project.Services) != 1 || len(project.Volumes) != 1 {
		t.Fatalf("%v", project)
	}
	return project.Services["signoff"]
}

func TestTheContainerHasNoRightsThatTheServerDoesNotUse(t *testing.T) {
	service := compose(t)
	for what, holds := range map[string]bool{
		"root":        service.User == "65532:65532",
		"file system": service.ReadOnly && service.Volumes[0].ReadOnly && !service.Volumes[1].ReadOnly,
		"capability":  slices.Equal(service.CapDrop, []string{"ALL"}) && service.CapAdd == nil && !service.Privileged,
		"privileges":  slices.Contains(service.SecurityOpt, "no-new-privileges:true"),
		"memory":      service.MemLimit > 0,
	} {
		if !holds {
			t.Error(what)
		}
	}
}

func TestTheContainerIsHealthyOnceTheServerServes(t *testing.T) {
	service := compose(t)
	if !slices.Equal(service.HealthCheck.Test, []string{"CMD", "/usr/bin/signoff", "health"}) {
		t.Error(service.HealthCheck.Test)
	}
	if address := service.Environment["SIGNOFF_ADDRESS"]; *address != "https://"+service.Name+":7766" {
		t.Error(*address)
	}
	if *service.StopGracePeriod < types.Duration(68e9) {
		t.Error("it is killed before the server gives up")
	}
}

// TestTheServerAcceptsTheVariablesAndTheSampleConfiguration runs the container's command, with `config check` for `serve`.
func TestTheServerAcceptsTheVariablesAndTheSampleConfiguration(t *testing.T) {
	service := compose(t)
	if service.Command[0] != "serve" || service.Volumes[0].Target != "/etc/signoff" {
		t.Fatal(service.Command)
	}
	root := t.TempDir()
	etc := filepath.Join(root, "etc")
	writeCertificate(t, filepath.Join(etc, "tls.crt"), filepath.Join(etc, "tls.key"))
	sample, err := os.ReadFile("../signoff.toml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(sample), "/etc/signoff", etc)
	writeFile(t, filepath.Join(etc, "signoff.toml"), strings.ReplaceAll(text, "/var/lib/signoff", filepath.Join(root, "data")))
	args := []string{"config", "check"}
	for _, arg := range service.Command[1:] {
		args = append(args, strings.ReplaceAll(arg, "/etc/signoff", etc))
	}
	check := exec.Command(server(t), args...)
	for name, value := range service.Environment {
		check.Env = append(check.Env, name+"="+*value)
	}
	if output, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}
