package importer

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

var (
	composeVariable = regexp.MustCompile(`\$\$|\$\{([A-Za-z_]\w*)(:?-[^}]*)?\}|\$([A-Za-z_]\w*)`)
	template        = regexp.MustCompile(`\{\{-?\s*(?:\.([A-Za-z_]\w*)|"([^"]*)")\s*-?\}\}`)
	bashisms        = regexp.MustCompile(`\[\[|<\(|>\(|&>|<<<|\bsource |\bfunction |\$'|\bpushd |\bdeclare |\bset -o pipefail|\w\+=|\{\w+\.\.\w+\}`)
)

// bashism is what sh may not know in a line, or empty.
func bashism(line string) string { return strings.TrimSpace(bashisms.FindString(line)) }

// filled is text with the templates in it replaced. Those with more than a name
// in them are a mistake. number is what stands for that of a replica, if anything
// does.
func (p *composeProcess) filled(e entry, text, number string) string {
	text = template.ReplaceAllStringFunc(text, func(found string) string {
		m := template.FindStringSubmatch(found)
		if m[1] == "" {
			return strings.ReplaceAll(m[2], "{{", "{\x00{") // text that has braces itself
		}
		v, ok := p.vars[m[1]]
		if m[1] == "PC_REPLICA_NUM" {
			v, ok = number, number != ""
			if p.count == 1 {
				v, ok = "0", true
			}
		}
		if !ok {
			p.wrong(e.at, "has %s, whose value cannot be told: write what it is to be", found)
		}
		return v
	})
	if strings.Contains(text, "{{") {
		p.wrong(e.at, "has a template that is more than a name: write what it comes to")
	}
	return strings.ReplaceAll(text, "{\x00{", "{{")
}

// expanded is text in pieces. Variables are replaced by what process-compose has in
// its environment, or by nothing; $$ is a $.
func (c *compose) expanded(text string) []piece {
	if c.literal {
		return []piece{{text: text}}
	}
	var pieces []piece
	rest := 0
	for _, m := range composeVariable.FindAllStringSubmatchIndex(text, -1) {
		pieces = append(pieces, piece{text: text[rest:m[0]]})
		rest = m[1]
		switch {
		case m[2] >= 0:
			standard := ":-"
			if m[4] >= 0 {
				standard = ":-" + strings.TrimLeft(text[m[4]:m[5]], ":-")
			}
			pieces = append(pieces, piece{text: text[m[2]:m[3]], variable: true, standard: standard})
		case m[6] >= 0:
			pieces = append(pieces, piece{text: text[m[6]:m[7]], variable: true, standard: ":-"})
		default:
			pieces = append(pieces, piece{text: "$"})
		}
	}
	return append(pieces, piece{text: text[rest:]})
}

// spelled is text as a gaffer.yaml has it.
func (c *compose) spelled(e entry, text string) string {
	s, ok := value(c.expanded(text))
	if !ok {
		c.wrong(e.at, "has a variable behind a $, which gaffer.yaml has no way to say")
	}
	return s
}

// shellLine is a command for a shell. The shell replaces variables, among them
// those that process-compose would have replaced before; but not between single
// quotes.
func (p *composeProcess) shellLine(e entry) string {
	const number = "$((GAFFER_INDEX-1))"
	text := strings.TrimSpace(p.filled(e, p.text(e), number))
	if p.literal {
		return text
	}
	if found := quotedVariable(text); found != "" {
		p.warn(e.at, "has %s between single quotes, where the shell does not replace it as process-compose did: use double quotes", found)
	}
	text = strings.ReplaceAll(text, "$$", "$")
	if p.count != 1 {
		text = regexp.MustCompile(`\$(PC_REPLICA_NUM\b|\{PC_REPLICA_NUM\})`).ReplaceAllLiteralString(text, number)
	}
	return text
}

// quotedVariable is a variable between single quotes, or empty.
func quotedVariable(line string) string {
	double, single := false, -1
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && single < 0:
			i++
		case c == '"' && single < 0:
			double = !double
		case c == '\'' && !double && single < 0:
			single = i + 1
		case c == '\'' && single >= 0:
			for _, found := range composeVariable.FindAllString(line[single:i], -1) {
				if found != "$$" {
					return found
				}
			}
			single = -1
		}
	}
	return ""
}

// environment is that of a list of NAME=value, or of an object.
func (c *compose) environment(e entry) map[string]string {
	env := map[string]string{}
	if e.value.Kind == yaml.MappingNode {
		for _, v := range c.below(e) {
			env[v.key] = c.spelled(v, c.text(v))
		}
		return env
	}
	for _, item := range c.items(e) {
		name, text, ok := strings.Cut(c.text(item), "=")
		if !ok && item.value.Kind == yaml.ScalarNode {
			c.wrong(item.at, "got %s, want NAME=value", came(item.value))
			continue
		}
		env[name] = c.spelled(item, text)
	}
	return env
}
