package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// addCommands puts all commands below root, in the order of the help.
func (c *cli) addCommands(root *cobra.Command) {
	groups := []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"look", "Look:", []*cobra.Command{
			c.statusCommand(), c.processesCommand(), c.pidsCommand(), c.getProcessCommand(),
			c.numprocessesCommand(), c.runningCommand(), c.statsCommand(), c.watchCommand(), c.whyCommand(),
		}},
		{"run", "Run:", []*cobra.Command{
			c.startCommand(), c.stopCommand(), c.restartCommand(), c.scaleCommand(),
			c.addCommand(), c.subCommand(), c.killCommand(), c.groupsCommand(), c.runCommand(),
		}},
		{"talk", "Talk:", []*cobra.Command{c.logsCommand(), c.streamsCommand(), c.stdinCommand(), c.attachCommand()}},
		{"change", "Change what there is to run:", []*cobra.Command{
			c.addProcessCommand(), c.loadProcessCommand(), c.updateProcessCommand(), c.delProcessCommand(), c.reloadCommand(), c.tokenCommand(), c.upgradeCommand(),
		}},
	}
	for _, g := range groups {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, cmd := range g.commands {
			cmd.GroupID = g.id
			root.AddCommand(cmd)
		}
	}
	root.AddCommand(c.versionCommand())
	calledElsewhere(root)
}

// calledElsewhere has what commands are called in other supervisors, and in a shell,
// answered with what they are called here.
func calledElsewhere(root *cobra.Command) {
	for here, elsewhere := range map[string][]string{
		"status":         {"list", "ls", "ps", "info"},
		"get_process":    {"describe", "inspect", "show"},
		"start":          {"up"},
		"stop":           {"down"},
		"run":            {"exec"},
		"watch":          {"events"},
		"logs":           {"tail", "log"},
		"kill":           {"signal"},
		"add_process":    {"create"},
		"del_process":    {"delete", "remove", "rm"},
		"update_process": {"update"},
		"reload":         {"update"},
		"stats":          {"top", "monit"},
		"attach":         {"fg"},
		"why":            {"history"},
		"token add":      {"create", "new"},
		"token list":     {"ls"},
		"token revoke":   {"delete", "remove", "rm"},
		"groups del":     {"delete", "remove", "rm"},
	} {
		cmd, _, err := root.Find(strings.Fields(here))
		if err != nil {
			panic(err) // the command is there
		}
		cmd.SuggestFor = elsewhere
	}
}
