package cmdline_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/internal/cmdline"
)

func TestOptional(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, ""},
		{[]string{"--wait"}, "true"},
		{[]string{"--wait=true"}, "true"},
		{[]string{"--wait=false"}, ""},
		{[]string{"--wait=2.5"}, "2.5"},
		{[]string{"--wait", "2.5"}, "true"}, // and an argument
	} {
		var text string
		cmd := &cobra.Command{Use: "do"}
		cmdline.Optional(cmd, &text, "wait", "SECONDS", "wait for it")
		if err := cmd.ParseFlags(c.args); err != nil || text != c.want {
			t.Errorf("%q: got %q, want %q; %v", c.args, text, c.want, err)
		}
		if got, want := cmd.Flags().FlagUsages(), "      --wait[=SECONDS]   wait for it\n"; got != want {
			t.Errorf("help shows %q, want %q", got, want)
		}
	}
}

// program is a command line, and what it is given to print.
func program(args ...string) (output string, err error) {
	nothing := func(*cobra.Command, []string) error { return nil }
	root := &cobra.Command{Use: "prog [COMMAND]", Short: "Do things", RunE: nothing, SilenceErrors: true, SilenceUsage: true, DisableFlagsInUseLine: true}
	group := &cobra.Command{Use: "late [zip|up]", Short: "Do it later", RunE: nothing, DisableFlagsInUseLine: true}
	group.AddCommand(&cobra.Command{Use: "zip", Short: "Close it", RunE: nothing}, &cobra.Command{Use: "up", Short: "Raise it", RunE: nothing})
	root.AddCommand(group, &cobra.Command{Use: "early THING", Short: "Do it now", RunE: nothing})
	wrong := func(format string, args ...any) error { return fmt.Errorf("wrong: "+format, args...) }
	cmdline.SetHelp(root, wrong)
	var b strings.Builder
	root.SetOut(&b)
	cmdline.SetCompletion(root, wrong)
	root.SetArgs(args)
	err = root.Execute()
	return b.String(), err
}

func TestHelp(t *testing.T) {
	const want = `Do things

Usage:
  prog [COMMAND]

Commands:
  late         Do it later
  early        Do it now
  completion   Print what a shell needs to complete commands, flags and names
  help         Explain a command

Flags:
  -h, --help   help for prog

'prog COMMAND --help' explains a command.
`
	for _, args := range [][]string{{"--help"}, {"help"}} {
		if got, err := program(args...); err != nil || got != want {
			t.Errorf("%v: got %s, want %s; %v", args, got, want, err)
		}
	}
	got, err := program("help", "late")
	if err != nil || strings.Count(got, "prog late") != 2 || strings.Index(got, "  zip ") > strings.Index(got, "  up ") {
		t.Errorf("got %s; %v", got, err)
	}
}

func TestWrongCommands(t *testing.T) {
	for _, c := range []struct {
		args []string
		want error
	}{
		{[]string{"help", "nosuch"}, errors.New(`wrong: there is no command "nosuch"`)},
		{[]string{"help", "erly"}, errors.New(`wrong: there is no command "erly"; did you mean early?`)},
		{[]string{"help", "late", "zipp"}, errors.New(`wrong: there is no command "late zipp"; did you mean late zip?`)},
		{[]string{"completion"}, errors.New(`wrong: completion for which shell? bash, zsh, fish or powershell`)},
		{[]string{"completion", "tcsh"}, errors.New(`wrong: there is no completion for "tcsh": want bash, zsh, fish or powershell`)},
		{[]string{"completion", "bash"}, nil},
	} {
		if _, err := program(c.args...); fmt.Sprint(err) != fmt.Sprint(c.want) {
			t.Errorf("%v: got %v, want %v", c.args, err, c.want)
		}
	}
}

func TestUnknownFlag(t *testing.T) {
	cmd := &cobra.Command{Use: "do"}
	cmd.Flags().BoolP("follow", "f", false, "")
	cmd.Flags().String("lines", "", "")
	for arg, want := range map[string]string{
		"--fllow": "unknown flag: --fllow; did you mean --follow?",
		"--watch": "unknown flag: --watch",
		"-x":      "unknown shorthand flag: 'x' in -x",
		"--lines": "flag needs an argument: --lines",
	} {
		if got := cmdline.UnknownFlag(cmd, cmd.ParseFlags([]string{arg})); fmt.Sprint(got) != want {
			t.Errorf("%s: got %v, want %s", arg, got, want)
		}
	}
}
