package sim_test

import (
	"os"
	"os/exec"
	"testing"
)

// TestSimulatorBuildsForBrowsers builds everything below sim for the targets on
// which there are no files and no sockets.
func TestSimulatorBuildsForBrowsers(t *testing.T) {
	if testing.Short() {
		t.Skip("builds two standard libraries")
	}
	for _, target := range [][2]string{{"js", "wasm"}, {"wasip1", "wasm"}} {
		cmd := exec.Command("go", "build", "trial/sim", "trial/engine/echo")
		cmd.Env = append(os.Environ(), "GOOS="+target[0], "GOARCH="+target[1])
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s/%s: %v\n%s", target[0], target[1], err, out)
		}
	}
}
