package golden

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Ext is how the names of story files end.
const Ext = ".txt"

// updateEnv is the environment variable that makes Walk rewrite the files.
const updateEnv = "UPDATE_GOLDEN"

// Walk runs every file of a directory as a subtest of its name: open makes the
// world of one file. With UPDATE_GOLDEN=1 it rewrites the answers instead of
// comparing them.
func Walk(t *testing.T, dir string, open func(t *testing.T) World) {
	t.Helper()
	walk(t, dir, os.Getenv(updateEnv) == "1", open)
}

// Check is Walk that never writes: for the same stories in another world, where
// they must read the same.
func Check(t *testing.T, dir string, open func(t *testing.T) World) {
	t.Helper()
	walk(t, dir, false, open)
}

func walk(t *testing.T, dir string, update bool, open func(t *testing.T) World) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"+Ext))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatalf("%s has no file *%s", dir, Ext)
	}
	slices.Sort(paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), Ext), func(t *testing.T) {
			bad, err := one(path, update, open(t))
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range bad {
				t.Errorf("%s%s=1 rewrites the file; do that only if you can explain every line.", b, updateEnv)
			}
		})
	}
}

// Differences runs a file and lists, without failing a test, what reads differently:
// for stories that must read differently in a world with a bug.
func Differences(path string, w World) ([]string, error) { return one(path, false, w) }

// one runs a file and reports the answers that differ, or rewrites them.
func one(path string, update bool, w World) (bad []string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := Parse(filepath.ToSlash(path), string(text))
	if err != nil {
		return nil, err
	}
	answers, err := f.play(w)
	if err != nil {
		return nil, err
	}
	bad = f.compare(answers)
	if !update || len(bad) == 0 {
		return bad, nil
	}
	return nil, os.WriteFile(path, []byte(f.text(answers)), 0o644)
}
