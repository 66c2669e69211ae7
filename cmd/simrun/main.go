// Command simrun puts a Kafka cluster on trial: it runs seeds to verdicts,
// replays and shrinks failures, and serves the same engine on real sockets.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitPass  = 0
	exitFail  = 1 // any verdict but pass
	exitUsage = 2 // wrong usage or input
)

func main() { os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr)) }

// errVerdict ends a command whose verdict was not pass; everything has been said.
var errVerdict = errors.New("verdict is not pass")

// usageError is wrong usage or input: exit 2, with what would be right.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// execute runs the command line and returns the exit code.
func execute(args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	var usage usageError
	switch {
	case err == nil:
		return exitPass
	case errors.Is(err, errVerdict):
		return exitFail
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "simrun: %v\nRun 'simrun --help' for usage.\n", err)
		return exitUsage
	default:
		fmt.Fprintf(stderr, "simrun: %v\n", err)
		return exitFail
	}
}

func newRoot() *cobra.Command {
	r := &runCommand{}
	root := &cobra.Command{
		Use:   "simrun",
		Short: "Put a Kafka cluster on trial",
		Long: `simrun runs a simulated Kafka cluster (controller quorum, brokers, clients) from
seeds, under faults, and lets judges decide. A failure replays from one line and
shrinks to a few. Without a command it runs the default: 3 brokers, a mixed
workload and mixed faults, 100 seeds, and a summary.`,
		Args:          noArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return r.run(cmd) },
		PersistentPreRun: func(cmd *cobra.Command, _ []string) {
			if cmd.Name() != "serve" {
				collectSeldom()
			}
		},
	}
	r.flags(root)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newRun(), newReplay(), newShrink(), newScenarios(), newServe())
	return root
}

// collectSeldom lets the heap of simulated runs grow to five times what is live
// before garbage is collected: a run has a few MB live and makes garbage all the
// time, of which the collector's share falls from a third to a tenth. A GOGC in
// the environment decides otherwise.
func collectSeldom() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// noArgs refuses arguments, as a usage error that names them.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasSubCommands() {
		return usagef("unknown command %q; known are run, replay, shrink, scenarios, serve, completion", args[0])
	}
	return usagef("%s takes no argument, got %q", cmd.CommandPath(), args)
}

// oneArg wants exactly one argument, named.
func oneArg(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("%s takes one argument, %s, got %d", cmd.CommandPath(), name, len(args))
		}
		return nil
	}
}
