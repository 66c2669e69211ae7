package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Every command of README.md and docs is run as it stands, and what is quoted
// behind it must come out. What is done to a command is here, and nowhere else:
//
//   - "go run ./cmd/simrun" is a binary built once, and so is the one with planted
//     bugs, which a plain "simrun" is, too;
//   - a run of more than fewSeeds seeds whose output is not quoted is cut down to
//     so many;
//   - serve gets a free port and a temporary directory, and the kcat lines behind it
//     that port; it is ended by SIGTERM;
//   - "go test" runs in the repository, everything else in a temporary directory
//     with its files, so that plans and traces land there;
//   - what is in dear is run only when SIM_RUNS is set, what is in notRun never.
//
// UPDATE_GOLDEN=1 writes into the documents what comes out where only numbers
// differ: instants, counts and offsets move with every change of the engine.
//
// The exit status must be 1 if the quoted output tells of a failure or a loss, and
// 0 otherwise.
const fewSeeds = 3

// notRun are commands that cannot be run here, with the reason.
var notRun = map[string]string{
	"go test ./...":                 "it runs this test",
	"go test ./seeds":               "part of go test ./...",
	"go test -tags mutants ./seeds": "a step of .ci/run",
	"SIM_PUBLISH=1 go test -tags mutants -timeout 4h -run TestPublish ./sim/cluster":        "takes hours and rewrites docs/MUTANTS.md",
	"SIM_PUBLISH=1 go test -tags mutants -timeout 1h -run TestPublish/REP-07 ./sim/cluster": "rewrites docs/MUTANTS.md",
}

// dear are commands that cost a minute; they run when SIM_RUNS is set.
var dear = map[string]string{
	"go run -tags mutants ./cmd/simrun shrink 0x9 --mode unbounded --mutant REP-22 -o out-of-sync.plan": "162 runs of a large plan; what it comes to is kept, and run, as seeds/rep-22-aimed-by-meaning.plan",
}

// A command of a document, with what is quoted behind it.
type quoted struct {
	doc    string
	line   int
	cmd    string
	output string // "" if none is quoted
}

// begins is how a line that is a command begins.
var begins = regexp.MustCompile(`^(\$ |simrun( |$)|([A-Z_]+=\S+ )*go (run|test|build|vet) |kcat )`)

// commands lists the commands of the code blocks of a text. In a block with "$ "
// these are the lines with it, and what follows is output; in others they are the
// lines that begin as a command does, up to two spaces, behind which it is explained.
func commands(doc, text string) []quoted {
	var list []quoted
	var block []string
	start := 0
	end := func() {
		dollar := slices.ContainsFunc(block, func(s string) bool { return strings.HasPrefix(s, "$ ") })
		for i, s := range block {
			cmd, prompt := strings.CutPrefix(s, "$ ")
			switch {
			case dollar && !prompt && len(list) > 0:
				list[len(list)-1].output += s + "\n"
			case dollar == prompt && begins.MatchString(s):
				cmd, _, _ = strings.Cut(cmd, "  ")
				list = append(list, quoted{doc: doc, line: start + i + 1, cmd: cmd})
			}
		}
		block = nil
	}
	fenced := false
	for i, line := range strings.Split(text, "\n") {
		fence := strings.HasPrefix(line, "```")
		indented, deep := strings.CutPrefix(line, "    ")
		switch {
		case fence && fenced:
			end()
			fenced = false
		case fence:
			fenced, start = true, i+1
		case fenced:
			block = append(block, line)
		case deep:
			if block == nil {
				start = i
			}
			block = append(block, indented)
		case block != nil:
			end()
		}
	}
	return list
}

const root = "../.."

// documents are README.md and everything below docs.
func documents(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	for _, pattern := range []string{"README.md", "docs/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			rel, _ := filepath.Rel(root, f)
			docs[filepath.ToSlash(rel)] = string(b)
		}
	}
	return docs
}

func TestDocumentedCommandsDoWhatIsSaid(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command twice and runs all of README.md and docs")
	}
	docs := documents(t)
	bench := newBench(t)
	total := 0
	for _, doc := range sortedKeys(docs) {
		list := commands(doc, docs[doc])
		total += len(list)
		if len(list) == 0 {
			continue
		}
		t.Run(doc, func(t *testing.T) {
			t.Parallel()
			dir := bench.workspace(t)
			for i := 0; i < len(list); i++ {
				c := list[i]
				if why := dear[c.cmd]; why != "" && os.Getenv("SIM_RUNS") == "" {
					t.Logf("%s:%d: %s: not run without SIM_RUNS: %s", c.doc, c.line, c.cmd, why)
					continue
				}
				if why := notRun[c.cmd]; why != "" {
					t.Logf("%s:%d: %s: not run: %s", c.doc, c.line, c.cmd, why)
					continue
				}
				if !strings.HasPrefix(c.cmd, "simrun serve") {
					bench.try(t, dir, c)
					continue
				}
				var clients []quoted
				for ; i+1 < len(list) && strings.HasPrefix(list[i+1].cmd, "kcat "); i++ {
					clients = append(clients, list[i+1])
				}
				bench.serve(t, dir, c, clients)
			}
		})
	}
	if total < 15 {
		t.Errorf("only %d commands were found in README.md and docs", total)
	}
}

// What is listed as not run must still be there.
func TestCommandsThatAreNotRunAreThere(t *testing.T) {
	left := map[string]bool{}
	for _, list := range []map[string]string{notRun, dear} {
		for cmd := range list {
			left[cmd] = true
		}
	}
	for doc, text := range documents(t) {
		for _, c := range commands(doc, text) {
			delete(left, c.cmd)
		}
	}
	for cmd := range left {
		t.Errorf("no document has the command %q any more: take it out of notRun or dear", cmd)
	}
}

var inline = regexp.MustCompile("`simrun ([^`]+)`")

// Commands in the middle of a sentence have placeholders; what can be checked is
// that the command and its options exist.
func TestCommandsInSentencesExist(t *testing.T) {
	for doc, text := range documents(t) {
		for _, m := range inline.FindAllStringSubmatch(text, -1) {
			words := strings.Fields(m[1])
			cmd, _, err := newRoot().Find(words[:1])
			if err != nil || cmd.Name() != words[0] && words[0] != "completion" && !strings.HasPrefix(words[0], "-") {
				t.Errorf("%s: `simrun %s`: there is no command %s", doc, m[1], words[0])
				continue
			}
			for _, w := range words {
				name, _, _ := strings.Cut(strings.TrimLeft(w, "-"), "=")
				if strings.HasPrefix(w, "-") && flagOf(cmd, w, name) == nil {
					t.Errorf("%s: `simrun %s`: %s has no option %s", doc, m[1], cmd.Name(), w)
				}
			}
		}
	}
}

func flagOf(cmd *cobra.Command, word, name string) *pflag.Flag {
	if strings.HasPrefix(word, "--") || len(name) != 1 {
		return cmd.Flags().Lookup(name)
	}
	return cmd.Flags().ShorthandLookup(name)
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// bench has the binaries.
type bench struct{ plain, mutants string }

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{plain: filepath.Join(dir, "plain"), mutants: filepath.Join(dir, "mutants")}
	for bin, tags := range map[string]string{b.plain: "", b.mutants: "mutants"} {
		out, err := exec.Command("go", "build", "-tags", tags, "-o", filepath.Join(bin, "simrun"), ".").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return b
}

// workspace is a directory that looks like the repository and may be written to.
func (b *bench) workspace(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(abs)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.Symlink(filepath.Join(abs, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var seedsFlag = regexp.MustCompile(`--seeds \d+`)

// prepare rewrites a command as the rules above say, and tells where it runs.
func (b *bench) prepare(c quoted, dir string) *exec.Cmd {
	line, bin := c.cmd, b.mutants
	if rest, ok := strings.CutPrefix(line, "go run ./cmd/simrun"); ok {
		line, bin = "simrun"+rest, b.plain
	}
	if rest, ok := strings.CutPrefix(line, "go run -tags mutants ./cmd/simrun"); ok {
		line = "simrun" + rest
	}
	words := strings.Fields(line)
	if words[0] == "simrun" && c.output == "" && (len(words) == 1 || words[1] == "run" && !strings.Contains(line, "--cluster")) {
		line = seedsFlag.ReplaceAllString(line, "") + fmt.Sprintf(" --seeds %d", fewSeeds)
	}
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = dir
	if strings.Contains(line, "go test ") {
		cmd.Dir = root
	}
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	return cmd
}

func (b *bench) try(t *testing.T, dir string, c quoted) {
	t.Helper()
	start := time.Now()
	out, err := b.prepare(c, dir).CombinedOutput()
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatalf("%s:%d: %s: %v", c.doc, c.line, c.cmd, err)
	}
	if want := c.status(); code != want {
		t.Errorf("%s:%d: %s\nexits %d, want %d; it says\n%s", c.doc, c.line, c.cmd, code, want, tail(string(out)))
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		c.output = b.update(t, c, string(out))
	}
	if missing := unlike(c.output, string(out)); missing != "" {
		t.Errorf("%s:%d: %s\ndoes not print, or not there:\n%s\nIt prints:\n%s", c.doc, c.line, c.cmd, missing, tail(string(out)))
	}
	t.Logf("%5.1fs  %s", time.Since(start).Seconds(), c.cmd)
}

// bad is what tells of a failure in quoted output.
var bad = regexp.MustCompile(`fail: rule|, the same rule \(| loses |--- FAIL`)

func (c quoted) status() int {
	if bad.MatchString(c.output) {
		return exitFail
	}
	return exitPass
}

// unlike returns the first part of what is quoted that is not in the output, in
// order. Parts stand between "..."; lines may be folded.
func unlike(quoted, output string) string {
	fold := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	rest := fold(output)
	for i, part := range strings.Split(quoted, "...") {
		part = fold(part)
		k := strings.Index(rest, part)
		if k < 0 || i == 0 && k > 0 {
			return part
		}
		rest = rest[k+len(part):]
	}
	if last := strings.TrimSpace(quoted); last != "" && !strings.HasSuffix(last, "...") && rest != "" {
		return "(the end of the output; it goes on)" + rest[:min(len(rest), 200)]
	}
	return ""
}

// number is what may move in quoted output.
var number = regexp.MustCompile(`0x[0-9a-f]+|[0-9][0-9.,]*[0-9]|[0-9]`)

// renumbered is the quoted text with the numbers of the output, if all else is as
// quoted.
func renumbered(quoted, output string) (string, bool) {
	var pattern strings.Builder
	last := 0
	literal := func(s string) {
		for i, part := range strings.Split(s, "...") {
			if i > 0 {
				pattern.WriteString(`[\s\S]*?`)
			}
			pattern.WriteString(regexp.MustCompile(`\s+`).ReplaceAllString(regexp.QuoteMeta(part), `\s+`))
		}
	}
	places := number.FindAllStringIndex(quoted, -1)
	for _, at := range places {
		literal(quoted[last:at[0]])
		pattern.WriteString("(" + number.String() + ")")
		last = at[1]
	}
	literal(quoted[last:])
	m := regexp.MustCompile(`^\s*` + pattern.String()).FindStringSubmatch(output + "\n")
	if m == nil {
		return quoted, false
	}
	var b strings.Builder
	last = 0
	for i, at := range places {
		b.WriteString(quoted[last:at[0]])
		b.WriteString(m[i+1])
		last = at[1]
	}
	b.WriteString(quoted[last:])
	return b.String(), true
}

func (b *bench) update(t *testing.T, c quoted, output string) string {
	t.Helper()
	now, ok := renumbered(c.output, output)
	if !ok || now == c.output {
		return c.output
	}
	path := filepath.Join(root, c.doc)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), c.output, now, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s:%d: %s: rewritten", c.doc, c.line, c.cmd)
	return now
}

func tail(s string) string {
	const most = 6000
	if len(s) > most {
		return "...\n" + s[len(s)-most:]
	}
	return s
}

// freePorts is the address of the first of n ports in a row that are free.
func freePorts(t *testing.T, n int) string {
	t.Helper()
	for range 100 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := first.Addr().(*net.TCPAddr)
		free := true
		for k := 1; k < n; k++ {
			next, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", addr.Port+k))
			if free = free && err == nil; err == nil {
				_ = next.Close()
			}
		}
		_ = first.Close()
		if free {
			return addr.String()
		}
	}
	t.Fatalf("no %d free ports in a row", n)
	return ""
}

// serve starts brokers, lets clients at them and ends them.
func (b *bench) serve(t *testing.T, dir string, c quoted, clients []quoted) {
	t.Helper()
	addr := freePorts(t, 3)
	c.cmd = regexp.MustCompile(`--data \S+`).ReplaceAllString(c.cmd, "--data "+t.TempDir())
	c.cmd = "exec " + c.cmd + " --listen " + addr
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	prepared := b.prepare(c, dir)
	cmd := exec.CommandContext(ctx, prepared.Path, prepared.Args[1:]...)
	cmd.Dir, cmd.Env = prepared.Dir, prepared.Env
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 4096)
	n, _ := out.Read(said)
	if !strings.HasPrefix(string(said[:n]), "serving "+addr) {
		t.Errorf("%s:%d: %s\nsays %q\n%s", c.doc, c.line, c.cmd, said[:n], tail(errs.String()))
	}
	for _, k := range clients {
		t.Run(strings.Fields(k.cmd)[0], func(t *testing.T) {
			if _, err := exec.LookPath("kcat"); err != nil {
				t.Skip("kcat is not installed")
			}
			k.cmd = strings.ReplaceAll(k.cmd, "127.0.0.1:9092", addr)
			b.try(t, dir, k)
		})
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s:%d: %s\nends with %v on SIGTERM\n%s", c.doc, c.line, c.cmd, err, tail(errs.String()))
	}
}

// The test of the documents is trusted only after it has found what is wrong.
func TestCommandsOfDocumentsAreUnderstood(t *testing.T) {
	text := "Text.\n\n```\n$ go run ./cmd/simrun shrink 1\n...\n8 faults\n$ simrun scenarios\n```\n\n    go test ./x    # a remark\n\n" +
		"```\nsimrun                one\nsimrun run --seeds 9  two\nreplay: simrun replay 7\n```\n\n```go\nfunc f() {}\n```\n"
	var got []string
	for _, c := range commands("a.md", text) {
		got = append(got, fmt.Sprintf("%d %s|%q", c.line, c.cmd, c.output))
	}
	want := []string{`4 go run ./cmd/simrun shrink 1|"...\n8 faults\n"`, `7 simrun scenarios|""`, `10 go test ./x|""`, `13 simrun|""`, `14 simrun run --seeds 9|""`}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, c := range []struct {
		quoted, output, want string
	}{
		{"", "anything", ""},
		{"a\n  b\n", "a b", ""},
		{"...\nb\n...\nd\n", "a\nb\nc\nd\n", ""},
		{"b\n...\n", "a\nb\n", "b"},
		{"a\n...\nx\n...\n", "a\nb\n", "x"},
		{"...\nb\n", "a\nb\nc\n", "(the end of the output; it goes on) c"},
		{"...\nd\n...\nb\n...\n", "a\nb\nc\nd\n", "b"},
	} {
		if got := unlike(c.quoted, c.output); got != c.want {
			t.Errorf("%q in %q: %q, want %q", c.quoted, c.output, got, c.want)
		}
	}
	for _, c := range []struct {
		quoted, output, want string
		ok                   bool
	}{
		{"...\nlost 1,204\n  at 2.5s\n...\n0x1f x\n", "a\nb\nlost 7 at 19.25s\nc\n0xab x\n", "...\nlost 7\n  at 19.25s\n...\n0xab x\n", true},
		{"lost 1\n", "found 1\n", "lost 1\n", false},
	} {
		if got, ok := renumbered(c.quoted, c.output); got != c.want || ok != c.ok {
			t.Errorf("%q with %q: %q, %v, want %q, %v", c.quoted, c.output, got, ok, c.want, c.ok)
		}
	}
}
