package trialrun

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	example = "../../examples/ownengine"
	readme  = "../../README.md"
)

// An engine of another module, with its own clients and judges: it builds with
// what this module exports, finds its planted bug, passes without it, and runs on
// sockets and files.
func TestAnotherModulePlugsIn(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and tests another module")
	}
	cmd := exec.Command("go", "test", "-mod=readonly", "-count=1", "./...")
	cmd.Dir = example
	cmd.Env = append(os.Environ(), "GOWORK=off", "SIM_SEED=", "SIM_RUNS=", "SIM_PLAN=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), "go.mod") {
		t.Log("its go.mod and go.sum must name what trial/host needs, in the versions of this module's go.mod")
	}
}

// The lines that the README tells a user to write are those of the example.
func TestTheReadmeShowsTheExamplesGoMod(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(example, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, line := range strings.Split(string(mod), "\n") {
		if strings.HasPrefix(line, "require trial") || strings.HasPrefix(line, "replace trial") {
			shown++
			if !strings.Contains(string(text), "\n"+line+"\n") {
				t.Errorf("the README does not have the line %q", line)
			}
		}
	}
	if shown != 2 {
		t.Errorf("%d lines about trial in the example's go.mod, want 2", shown)
	}
}
