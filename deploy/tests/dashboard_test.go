package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheQueriesOfTheDashboardAreValid gives them to promtool, as rules.
func TestTheQueriesOfTheDashboardAreValid(t *testing.T) {
	text, err := os.ReadFile("../grafana/signoff.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			ID      int
			Type    string
			GridPos struct{ X, Y, W, H int }
			Title   string
			Targets []struct{ RefID, Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	rules := "groups:\n- name: dashboard\n  rules:\n"
	ids, queries := map[int]bool{}, 0
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] {
			t.Errorf("two panels have the id %d", panel.ID)
		}
		ids[panel.ID] = true
		if panel.Type != "row" && len(panel.Targets) == 0 || panel.GridPos.X+panel.GridPos.W > 24 {
			t.Errorf("%s has no query, or is too wide", panel.Title)
		}
		for _, target := range panel.Targets {
			queries++
			expr := strings.ReplaceAll(target.Expr, "$__rate_interval", "5m")
			rules += fmt.Sprintf("  - record: panel:%d:%s\n    expr: %q\n", panel.ID, strings.ToLower(target.RefID), expr)
		}
	}
	if queries < 30 {
		t.Errorf("only %d queries were found", queries)
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	writeFile(t, file, rules)
	if output, err := exec.Command("promtool", "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v: %s\n%s", err, output, rules)
	}
}
