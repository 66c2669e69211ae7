package golden

import (
	"fmt"
	"strings"
)

// divider stands between commands and their answer.
const divider = "----"

// Cmd is one command of a file.
type Cmd struct {
	File string
	Line int
	Text string   // the whole line
	Name string   // its first word
	Args []string // the words behind it
}

// Where is the place of the command, as compilers print places.
func (c Cmd) Where() string { return fmt.Sprintf("%s:%d", c.File, c.Line) }

// File is a story, taken apart.
type File struct {
	Path   string
	blocks []block
	tail   []string // what stands behind the last answer
}

// block is a few commands and the answer to all of them.
type block struct {
	before []string // story, remarks and empty lines above each command, and the commands
	cmds   []Cmd
	line   int // of the divider
	want   []string
}

// Parse takes the text of a file apart. An error names file and line.
func Parse(path, text string) (*File, error) {
	f := &File{Path: path}
	if !strings.HasPrefix(text, "#") {
		return nil, fmt.Errorf("%s:1: a file begins with its story: lines that start with #, saying what must be seen and why", path)
	}
	var b block
	answering := false
	end := func() {
		f.blocks = append(f.blocks, b)
		b, answering = block{}, false
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		words := strings.Fields(line)
		switch {
		case answering && len(words) == 0:
			end()
			b.before = append(b.before, "")
		case answering:
			b.want = append(b.want, strings.TrimRight(line, " \t"))
		case len(words) == 0 || words[0][0] == '#':
			b.before = append(b.before, strings.TrimRight(line, " \t"))
		case line == divider && len(b.cmds) == 0:
			return nil, fmt.Errorf("%s:%d: %s without a command above it", path, i+1, divider)
		case line == divider:
			b.line, answering = i+1, true
		default:
			b.before = append(b.before, strings.TrimRight(line, " \t"))
			b.cmds = append(b.cmds, Cmd{File: path, Line: i + 1, Text: line, Name: words[0], Args: words[1:]})
		}
	}
	switch {
	case answering:
		end()
	case len(b.cmds) > 0:
		return nil, fmt.Errorf("%s:%d: no %s below the command %q", path, b.cmds[0].Line, divider, b.cmds[0].Text)
	default:
		f.tail = b.before
	}
	if len(f.blocks) == 0 {
		return nil, fmt.Errorf("%s:%d: a story without a command", path, len(lines))
	}
	return f, nil
}

// text is the file with other answers, one for each block.
func (f *File) text(answers [][]string) string {
	var s strings.Builder
	put := func(lines []string) {
		for _, l := range lines {
			s.WriteString(l + "\n")
		}
	}
	for i, b := range f.blocks {
		put(b.before)
		s.WriteString(divider + "\n")
		put(answers[i])
	}
	put(f.tail)
	return s.String()
}
