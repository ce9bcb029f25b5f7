package procfile

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Unit is a file for systemd.
type Unit struct {
	Name string
	Text string
}

var (
	notInUnits  = regexp.MustCompile(`[^A-Za-z0-9_.-]`)
	unitEnvName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// Units are a target for the whole application, and for each process a template
// whose instances are named by their port: shop.target wants
// shop-web@5000.service and shop-web@5001.service. The processes run as user, as
// whoever runs systemd if that is empty.
func (a *App) Units(group string, f Formation, user string) ([]Unit, error) {
	if err := a.suitsUnits(user); err != nil {
		return nil, err
	}
	if err := a.CheckPorts(f.Of); err != nil {
		return nil, err
	}
	group = notInUnits.ReplaceAllLiteralString(group, "_")
	target := group + ".target"
	var services []Unit
	var wanted []string
	for i, e := range a.Entries {
		prefix := group + "-" + e.Name
		for n := range f.Of(e.Name) {
			wanted = append(wanted, fmt.Sprintf("%s@%d.service", prefix, a.Port(i)+n))
		}
		services = append(services, Unit{prefix + "@.service", a.service(i, target, user)})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[Unit]\nDescription=%s\n", escaped(group))
	for _, name := range wanted {
		fmt.Fprintf(&b, "Wants=%s\n", name)
	}
	b.WriteString("\n[Install]\nWantedBy=multi-user.target\n")
	return append([]Unit{{target, b.String()}}, services...), nil
}

// service is the template of the process at index i.
func (a *App) service(i int, target, user string) string {
	e := a.Entries[i]
	var b strings.Builder
	fmt.Fprintf(&b, "[Unit]\nDescription=%s %s on port %%i\n", strings.TrimSuffix(target, ".target"), e.Name)
	fmt.Fprintf(&b, "PartOf=%s\nStopWhenUnneeded=yes\nStartLimitIntervalSec=0\n\n[Service]\n", target)
	if user != "" {
		fmt.Fprintf(&b, "User=%s\n", escaped(user))
	}
	fmt.Fprintf(&b, "WorkingDirectory=%s\n", escaped(a.Root))
	for _, name := range slices.Sorted(maps.Keys(a.Env)) {
		if name != "PORT" { // of the first process; each has its own
			fmt.Fprintf(&b, "Environment=%s\n", word(name+"="+a.Env[name]))
		}
	}
	command := fmt.Sprintf("export PS=%s.$((PORT-%d)); %s", e.Name, a.Port(i)-1, e.Command)
	fmt.Fprintf(&b, "Environment=PORT=%%i\nExecStart=/bin/sh -c %s\n", strings.ReplaceAll(word(command), "$", "$$"))
	b.WriteString("Restart=always\nRestartSec=1\nKillMode=mixed\nTimeoutStopSec=10\n")
	return b.String()
}

// suitsUnits reports what systemd would pass over with no more than a warning, or
// take for something else.
func (a *App) suitsUnits(user string) error {
	var errs []error
	for _, f := range []struct{ what, text string }{{"folder", a.Root}, {"user", user}} {
		if !endsLine(f.text) {
			errs = append(errs, fmt.Errorf("the %s %q cannot be written to a unit: systemd takes one line of UTF-8, without control characters, space at its ends and a \\ at its end", f.what, f.text))
		}
	}
	for _, e := range a.Entries {
		if !printable(e.Command) {
			errs = append(errs, fmt.Errorf("the command of %s cannot be written to a unit: systemd takes UTF-8 without control characters", e.Name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Env)) {
		if !unitEnvName.MatchString(name) {
			errs = append(errs, fmt.Errorf("the variable %s cannot be written to a unit: systemd takes names of letters, digits and _", name))
		}
		if !printable(a.Env[name]) {
			errs = append(errs, fmt.Errorf("the variable %s cannot be written to a unit: systemd takes UTF-8 without control characters", name))
		}
	}
	return errors.Join(errs...)
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\t' && r != '\n' })
}

// endsLine reports whether systemd reads text at the end of a line as it is, and
// what comes next as another line.
func endsLine(s string) bool {
	return printable(s) && !strings.Contains(s, "\n") && strings.TrimSpace(s) == s && !strings.HasSuffix(s, `\`)
}

// escaped is text in which systemd finds no specifiers.
func escaped(s string) string { return strings.ReplaceAll(s, "%", "%%") }

// word is one word of a line of systemd's.
func word(s string) string {
	s = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(s)
	return `"` + escaped(s) + `"`
}
