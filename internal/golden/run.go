package golden

import (
	"errors"
	"fmt"
	"strings"
)

// World does what the commands of one file say.
type World interface {
	// Do executes a command.
	Do(c Cmd) error
	// Happened tells, in lines, what happened since it was last asked.
	Happened() []string
	// End is called once, after the last command or the first error: what a world
	// has to say at its end.
	End() error
}

// ErrUnknown is what World.Do returns, bare or wrapped, for a command that it
// does not have.
var ErrUnknown = errors.New("unknown command")

// play runs the commands of a file against a world, and gives the answer of each
// block. An error names file and line.
func (f *File) play(w World) (answers [][]string, err error) {
	defer func() {
		if end := w.End(); err == nil && end != nil {
			err = fmt.Errorf("%s: at the end: %w", f.Path, end)
		}
	}()
	for _, b := range f.blocks {
		for _, c := range b.cmds {
			if err := w.Do(c); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", c.Where(), c.Text, err)
			}
		}
		answer := w.Happened()
		for _, line := range answer {
			if strings.TrimSpace(line) == "" || strings.ContainsRune(line, '\n') {
				return nil, fmt.Errorf("%s: the answer has the line %q; an answer ends at an empty line", b.cmds[0].Where(), line)
			}
		}
		answers = append(answers, answer)
	}
	return answers, nil
}

// compare reports the blocks whose answer is another one than the file has.
func (f *File) compare(answers [][]string) []string {
	var bad []string
	for i, b := range f.blocks {
		if d := diff(b.want, answers[i]); d != "" {
			bad = append(bad, fmt.Sprintf("%s:%d: another answer to: %s\n%s", f.Path, b.line, b.commands(), d))
		}
	}
	return bad
}

func (b *block) commands() string {
	var texts []string
	for _, c := range b.cmds {
		texts = append(texts, c.Text)
	}
	return strings.Join(texts, "; ")
}
