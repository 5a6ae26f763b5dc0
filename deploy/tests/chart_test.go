package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

const chart = "../helm/signoff"

// template are the arguments of every rendering, for the oldest Kubernetes that the chart allows.
var template = []string{"template", "signoff", chart, "--namespace", "approvals", "--kube-version", "1.27.0"}

// rendered is what the chart makes of values, decoded strictly: an unknown or doubled field is an error.
type rendered struct {
	server      apps.StatefulSet
	service     core.Service
	configMaps  map[string]core.ConfigMap
	claim       *core.PersistentVolumeClaim
	account     *core.ServiceAccount
	budget      *policy.PodDisruptionBudget
	network     *networking.NetworkPolicy
	monitor     *monitoring.ServiceMonitor
	command     *batch.Job
	description string
}

func helm(args ...string) (string, error) {
	output, err := exec.Command("helm", args...).CombinedOutput()
	return string(output), err
}

// render renders the chart with a file of testdata/values.
func render(t *testing.T, values string) rendered {
	t.Helper()
	file := filepath.Join("testdata/values", values+".yaml")
	// Errors and warnings are on standard error, and the test fails on either.
	command := exec.Command("helm", append(slices.Clone(template), "--values", file)...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%s: %v: %s", values, err, &stderr)
	}
	result := rendered{configMaps: map[string]core.ConfigMap{}, description: values}
	for _, document := range strings.Split(string(output), "\n---\n") {
		result.add(t, []byte(document))
	}
	return result
}

func (r *rendered) add(t *testing.T, document []byte) {
	t.Helper()
	var kind meta.TypeMeta
	if err := yaml.Unmarshal(document, &kind); err != nil {
		t.Fatal(err)
	}
	var into any
	switch kind.APIVersion + " " + kind.Kind {
	case "apps/v1 StatefulSet":
		into = &r.server
	case "v1 Service":
		into = &r.service
	case "v1 ConfigMap":
		var configMap core.ConfigMap
		strictly(t, document, &configMap)
		r.configMaps[configMap.Name] = configMap
		return
	case "v1 PersistentVolumeClaim":
		r.claim = new(core.PersistentVolumeClaim)
		into = r.claim
	case "v1 ServiceAccount":
		r.account = new(core.ServiceAccount)
		into = r.account
	case "policy/v1 PodDisruptionBudget":
		r.budget = new(policy.PodDisruptionBudget)
		into = r.budget
	case "networking.k8s.io/v1 NetworkPolicy":
		r.network = new(networking.NetworkPolicy)
		into = r.network
	case "monitoring.coreos.com/v1 ServiceMonitor":
		r.monitor = new(monitoring.ServiceMonitor)
		into = r.monitor
	case "batch/v1 Job":
		r.command = new(batch.Job)
		into = r.command
	default:
		t.Fatalf("unexpected %s %s:\n%s", kind.APIVersion, kind.Kind, document)
	}
	strictly(t, document, into)
}

func strictly(t *testing.T, document []byte, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(document, into); err != nil {
		t.Fatalf("%v:\n%s", err, document)
	}
}

// all renders the chart with every file of testdata/values.
func all(t *testing.T) []rendered {
	t.Helper()
	files, err := filepath.Glob("testdata/values/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("%v: %v", files, err)
	}
	var results []rendered
	for _, file := range files {
		results = append(results, render(t, strings.TrimSuffix(filepath.Base(file), ".yaml")))
	}
	return results
}

func TestTheChartHasNothingToLint(t *testing.T) {
	files, _ := filepath.Glob("testdata/values/*.yaml")
	for _, file := range files {
		if output, err := helm("lint", "--strict", chart, "--values", file); err != nil {
			t.Errorf("%s: %v: %s", file, err, output)
		}
	}
}

func TestPodsHaveNoRightsThatTheServerDoesNotUse(t *testing.T) {
	for _, chart := range all(t) {
		pods := []core.PodSpec{chart.server.Spec.Template.Spec}
		if chart.command != nil {
			pods = append(pods, chart.command.Spec.Template.Spec)
		}
		for _, pod := range pods {
			checkPod(t, chart.description, pod)
		}
	}
}

func checkPod(t *testing.T, name string, pod core.PodSpec) {
	t.Helper()
	must := func(holds bool, what string) {
		t.Helper()
		if !holds {
			t.Errorf("%s: %s", name, what)
		}
	}
	security, container := pod.SecurityContext, pod.Containers[0]
	must(*security.RunAsNonRoot && *security.RunAsUser == 65532, "runs as root")
	must(security.SeccompProfile.Type == core.SeccompProfileTypeRuntimeDefault, "has no seccomp profile")
	must(!*pod.AutomountServiceAccountToken, "has a token for Kubernetes")
	must(!*pod.EnableServiceLinks, "a Service named signoff would set SIGNOFF_PORT")
	must(!*container.SecurityContext.AllowPrivilegeEscalation, "may gain privileges")
	must(*container.SecurityContext.ReadOnlyRootFilesystem, "can write to its image")
	drops := container.SecurityContext.Capabilities.Drop
	must(len(drops) == 1 && drops[0] == "ALL" && container.SecurityContext.Capabilities.Add == nil, "has capabilities")
	must(container.Resources.Limits.Memory().Sign() > 0, "has no limit of memory")
	volumes := map[string]bool{}
	for _, volume := range pod.Volumes {
		volumes[volume.Name] = true
	}
	for _, mount := range container.VolumeMounts {
		must(volumes[mount.Name], mount.Name+" is mounted and has no volume")
		must(mount.ReadOnly != (mount.Name == "data" || mount.Name == "tmp"), mount.Name+" is writable, or is not")
		delete(volumes, mount.Name)
	}
	must(len(volumes) == 0, "a volume is not mounted")
}

func TestEverythingSelectsThePodOfTheServerAndNothingElse(t *testing.T) {
	for _, chart := range all(t) {
		pod := labels.Set(chart.server.Spec.Template.Labels)
		selectors := map[string]labels.Selector{
			"StatefulSet": selector(t, chart.server.Spec.Selector),
			"Service":     labels.SelectorFromSet(chart.service.Spec.Selector),
		}
		if chart.budget != nil {
			selectors["PodDisruptionBudget"] = selector(t, chart.budget.Spec.Selector)
		}
		if chart.network != nil {
			selectors["NetworkPolicy"] = selector(t, &chart.network.Spec.PodSelector)
		}
		for kind, selector := range selectors {
			if selector.Empty() || !selector.Matches(pod) {
				t.Errorf("%s: %s does not select the pod", chart.description, kind)
			}
			if chart.command != nil && selector.Matches(labels.Set(chart.command.Spec.Template.Labels)) {
				t.Errorf("%s: %s selects the pod of the command", chart.description, kind)
			}
		}
		if chart.monitor != nil && !selector(t, &chart.monitor.Spec.Selector).Matches(labels.Set(chart.service.Labels)) {
			t.Errorf("%s: ServiceMonitor does not select the Service", chart.description)
		}
		if chart.server.Spec.ServiceName != chart.service.Name {
			t.Errorf("%s: the StatefulSet's Service is not the chart's", chart.description)
		}
	}
}

func selector(t *testing.T, of *meta.LabelSelector) labels.Selector {
	t.Helper()
	result, err := meta.LabelSelectorAsSelector(of)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestProbesSpeakWhatTheServerSpeaks(t *testing.T) {
	container := func(values string) core.Container { return render(t, values).server.Spec.Template.Spec.Containers[0] }
	plaintext, tls, clients := container("plaintext"), container("tls"), container("everything")
	for _, probe := range []func(core.Container) *core.Probe{
		func(c core.Container) *core.Probe { return c.StartupProbe },
		func(c core.Container) *core.Probe { return c.LivenessProbe },
		func(c core.Container) *core.Probe { return c.ReadinessProbe },
	} {
		if grpc := probe(plaintext).GRPC; grpc == nil || grpc.Port != 7766 {
			t.Errorf("without TLS: %v", probe(plaintext))
		}
		if get := probe(tls).HTTPGet; get == nil || get.Scheme != "HTTPS" || get.Port.StrVal != "api" {
			t.Errorf("with TLS: %v", probe(tls))
		}
		if probe(clients).TCPSocket == nil {
			t.Errorf("with client certificates: %v", probe(clients))
		}
	}
	if tls.LivenessProbe.HTTPGet.Path != "/healthz" || tls.ReadinessProbe.HTTPGet.Path != "/readyz" {
		t.Errorf("%v, %v", tls.LivenessProbe, tls.ReadinessProbe)
	}
	startup := tls.StartupProbe
	if startup.PeriodSeconds*startup.FailureThreshold != 600 {
		t.Errorf("a start may take %d s", startup.PeriodSeconds*startup.FailureThreshold)
	}
}

func TestACommandRunsOnTheDataOfTheStoppedServer(t *testing.T) {
	chart := render(t, "offline-command")
	if *chart.server.Spec.Replicas != 0 || chart.command == nil {
		t.Fatal("the server runs beside the command")
	}
	container := chart.command.Spec.Template.Spec.Containers[0]
	if strings.Join(container.Args[:2], " ") != "token create" {
		t.Error(container.Args)
	}
	server := render(t, "tls")
	if *server.server.Spec.Replicas != 1 || server.command != nil {
		t.Error("one server, and no command")
	}
}

func TestValuesSetWhatTheySay(t *testing.T) {
	chart := render(t, "everything")
	pod := chart.server.Spec.Template
	for what, holds := range map[string]bool{
		"image":            strings.HasPrefix(pod.Spec.Containers[0].Image, "registry.example.com/signoff@sha256:0123"),
		"pull secret":      pod.Spec.ImagePullSecrets[0].Name == "registry",
		"variable":         pod.Spec.Containers[0].Env[0].ValueFrom.SecretKeyRef.Name == "signoff-hook",
		"claim":            chart.claim.Annotations == nil && *chart.claim.Spec.StorageClassName == "fast",
		"port":             chart.service.Spec.Ports[0].Port == 443 && chart.service.Spec.Ports[0].TargetPort.StrVal == "api",
		"account":          chart.account.Name == "approvals" && pod.Spec.ServiceAccountName == "approvals",
		"budget":           chart.budget.Spec.MaxUnavailable.IntVal == 0,
		"egress":           len(chart.network.Spec.PolicyTypes) == 2 && len(chart.network.Spec.Egress[0].Ports) == 2,
		"monitor":          *chart.monitor.Spec.Endpoints[0].Scheme == "https" && chart.monitor.Labels["release"] == "prometheus",
		"annotation":       pod.Annotations["example.com/team"] == "platform",
		"toleration":       pod.Spec.Tolerations[0].Key == "dedicated",
		"affinity":         pod.Spec.Affinity.NodeAffinity != nil,
		"priority":         pod.Spec.PriorityClassName == "high",
		"name":             chart.server.Name == "signoff-approvals",
		"kept by default":  render(t, "tls").claim.Annotations["helm.sh/resource-policy"] == "keep",
		"an own claim":     render(t, "plaintext").claim == nil,
		"no other objects": len(render(t, "plaintext").configMaps) == 1 && render(t, "plaintext").account == nil,
	} {
		if !holds {
			t.Error(what)
		}
	}
}

func TestAChangeOfTheSettingsRestartsTheServerAndOneOfThePolicyDoesNot(t *testing.T) {
	checksum := func(set ...string) string {
		args := append(slices.Clone(template), "--values", "testdata/values/everything.yaml")
		output, err := helm(append(args, set...)...)
		if err != nil {
			t.Fatal(output)
		}
		_, after, _ := strings.Cut(output, "checksum/config: ")
		checksum, _, _ := strings.Cut(after, "\n")
		return checksum
	}
	before := checksum()
	if before == "" || before == checksum("--set-string", "config=retain = \"30d\"") {
		t.Error("a change of the settings does not restart the server")
	}
	if before != checksum("--set-string", "policy=other") {
		t.Error("a change of the policy restarts the server")
	}
}

func TestWrongValuesAreRejected(t *testing.T) {
	for _, wrong := range []struct{ set, says string }{
		{"plaintext=false", "tls.existingSecret is not set. Set it to a Secret of the type kubernetes.io/tls"},
		{"plaintext=true,tls.existingSecret=x", "plaintext and tls.existingSecret are both set"},
		{"plaintext=true,tls.clientCa.existingSecret=x", "tls.clientCa.existingSecret requires tls.existingSecret"},
		{"tls.existingSecret=x,tls.clientCa.required=true", "tls.clientCa.required requires tls.clientCa.existingSecret"},
		{"tls.existingSecret=x,replicas=3", "replicas"},
		{"tls.existingSecret=x,podDisruptionBudget.maxUnavailable=2", "maxUnavailable"},
		{"tls.existingSecret=x,persistence.accessModes={ReadWriteMany}", "accessModes"},
		{"tls.existingSecret=x,image.digest=latest", "digest"},
	} {
		output, err := helm(append(slices.Clone(template), "--set", wrong.set)...)
		if err == nil || !strings.Contains(output, wrong.says) {
			t.Errorf("%s: %v: %s", wrong.set, err, output)
		}
	}
}

func TestTheServerAcceptsTheSettingsThatTheChartWrites(t *testing.T) {
	for _, chart := range all(t) {
		// The mounts of the pod are in a directory of this test.
		root := t.TempDir()
		here := func(path string) string { return filepath.Join(root, path) }
		writeCertificate(t, here("etc/signoff/tls/tls.crt"), here("etc/signoff/tls/tls.key"))
		copyFile(t, here("etc/signoff/tls/tls.crt"), here("etc/signoff/client-ca/ca.crt"))
		writeFile(t, here("etc/signoff/secrets/oidc/secret"), "secret\n")
		if err := os.MkdirAll(here("var/lib/signoff"), 0o700); err != nil {
			t.Fatal(err)
		}
		for name, configMap := range chart.configMaps {
			directory := "config"
			if strings.HasSuffix(name, "-policy") {
				directory = "policy"
			}
			for key, text := range configMap.Data {
				text = strings.NewReplacer("/etc/", here("etc")+"/", "/var/", here("var")+"/").Replace(text)
				writeFile(t, here(filepath.Join("etc/signoff", directory, key)), text)
			}
		}
		check := exec.Command(server(t), "config", "check", "--config", here("etc/signoff/config/signoff.toml"))
		check.Env = []string{"HOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
		output, err := check.CombinedOutput()
		if err != nil || !strings.Contains(string(output), "listen = \"0.0.0.0:7766\"") {
			t.Errorf("%s: %v: %s", chart.description, err, output)
		}
	}
}
