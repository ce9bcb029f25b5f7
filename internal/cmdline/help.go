package cmdline

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// In help, commands stand in the order in which they were added, the most useful
// first. cobra has this for all commands or for none.
func init() { cobra.EnableCommandSorting = false }

// usage is cobra's, with one line of usage for a command that has commands of
// its own: its Use says what may follow.
const usage = `Usage:
  {{.UseLine}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$cmds := .Commands}}{{range $group := .Groups}}

{{.Title}}{{range $cmds}}{{if (and (eq .GroupID $group.ID) .IsAvailableCommand)}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}{{end}}{{if not .AllChildCommandsHaveGroup}}

{{if .Groups}}Other commands:{{else}}Commands:{{end}}{{range $cmds}}{{if (and (eq .GroupID "") (or .IsAvailableCommand (eq .Name "help")))}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of all commands:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

'{{.CommandPath}} COMMAND --help' explains a command.{{end}}
`

// Unknown says that cmd has no command of that name, and which was probably meant.
func Unknown(cmd *cobra.Command, name string) (problem string) {
	path := strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()), " ")
	if path != "" {
		path += " "
	}
	problem = fmt.Sprintf("there is no command %q", path+name)
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(name); len(near) > 0 { // with some twice: for their names and what they are called elsewhere
		problem += "; did you mean " + path + strings.Join(slices.Compact(near), " or ") + "?"
	}
	return problem
}

// SetHelp gives root and all of its commands their help, and root the command
// help. wrong makes an error of wrong usage.
func SetHelp(root *cobra.Command, wrong func(format string, args ...any) error) {
	root.SetUsageTemplate(usage)
	root.SetHelpCommand(&cobra.Command{
		Use:                   "help [COMMAND]",
		Short:                 "Explain a command",
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			topic := cmd.Root()
			for _, name := range args {
				i := slices.IndexFunc(topic.Commands(), func(sub *cobra.Command) bool { return sub.Name() == name })
				if i < 0 {
					return wrong("%s", Unknown(topic, name))
				}
				topic = topic.Commands()[i]
			}
			topic.InitDefaultHelpFlag()
			return topic.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			if len(args) == 0 {
				for _, sub := range cmd.Root().Commands() {
					names = append(names, sub.Name()+"\t"+sub.Short)
				}
			}
			return slices.Clip(names), cobra.ShellCompDirectiveNoFileComp
		},
	})
}

// SetCompletion gives root cobra's command completion, but has it refuse, rather
// than explain itself, when it is given no shell that it knows: with an error
// that wrong makes. root must have its output by then.
func SetCompletion(root *cobra.Command, wrong func(format string, args ...any) error) {
	root.SetOut(completions{root.OutOrStdout()})
	root.InitDefaultCompletionCmd()
	cmd, _, err := root.Find([]string{"completion"})
	if err != nil {
		panic(err) // it was just made
	}
	const shells = "bash, zsh, fish or powershell"
	cmd.Use = "completion bash|zsh|fish|powershell"
	cmd.Short = "Print what a shell needs to complete commands, flags and names"
	cmd.Long = cmd.Short + ".\n\nHow to use it, for each shell: '" + cmd.CommandPath() + " SHELL --help'."
	cmd.DisableFlagsInUseLine = true
	cmd.Args = nil
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return wrong("completion for which shell? " + shells)
		}
		return wrong("there is no completion for %q: want "+shells, args[0])
	}
}

// completions is an output on which flags that a shell completes are without the
// backticks around the name of a value: those are for help. cobra writes a line at a
// time.
type completions struct{ out io.Writer }

func (c completions) Write(line []byte) (int, error) {
	plain := line
	if bytes.HasPrefix(line, []byte("-")) {
		plain = bytes.ReplaceAll(line, []byte("`"), nil)
	}
	_, err := c.out.Write(plain)
	return len(line), err
}
