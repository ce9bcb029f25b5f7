package config

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The scanner is our own because gopkg.in/ini.v1 gives neither the line of a
// key nor more than the first mistake, merges a section or key that is given
// twice without a word, takes `:` for a delimiter (so that `env:PORT = 80`
// becomes a key `env`), and with inline comments on cuts `sh -c "a ; b"` in two.

// block is a section as it is written. The title is empty when it cannot be
// read, which is among the mistakes then.
type block struct {
	title   string // between the brackets
	line    int
	entries []entry
}

// entry is one `key = value`.
type entry struct {
	key   string
	line  int
	lines []string // what stands after the =, then a string for each line of the file that continues it
}

// mistake is a line that cannot be understood. Its text has no more of the line than a
// key: what else is in it may be a secret, and the text goes to the log.
type mistake struct {
	line int
	text string
}

// asYAML is a key as YAML has it.
var asYAML = regexp.MustCompile(`^(\w+):\s+(\S.*)$`)

// scan reads INI text.
//
//   - `[title]` begins a section; `key = value` is a key, up to the first `=`.
//   - A line indented deeper than its key's continues the value. Lines are
//     joined by a space, and kept apart inside quotes.
//   - A line whose first character is `;` or `#` is a comment, and so is what
//     follows a `;` or `#` that stands after white space, outside quotes. The
//     first character of a value is always part of it.
//
// Lines that are none of this are reported, and scanning goes on.
func scan(text string) (blocks []block, mistakes []mistake) {
	var (
		open   *entry // whose value the next line may continue
		indent int    // of open's key
	)
	wrong := func(line int, text string) { mistakes = append(mistakes, mistake{line, text}) }

	text = strings.TrimPrefix(text, "\ufeff")
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		line = strings.TrimSuffix(line, "\r")
		if !utf8.ValidString(line) || strings.ContainsRune(line, 0) {
			wrong(number, "is not text: write the file in UTF-8")
			line = strings.ReplaceAll(strings.ToValidUTF8(line, "?"), "\x00", "?")
		}
		bare := strings.TrimSpace(line)
		depth := len(line) - len(strings.TrimLeftFunc(line, unicode.IsSpace))
		switch {
		case open != nil && bare != "" && depth > indent:
			open.lines = append(open.lines, line)
			continue
		case bare == "" || isComment(bare[0]):
			if open != nil {
				open.lines = append(open.lines, "")
			}
			continue
		}
		open = nil
		if bare[0] == '[' {
			title, ok := sectionTitle(bare)
			if !ok {
				wrong(number, "is not a section: write [name]")
			}
			blocks = append(blocks, block{title: title, line: number})
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key = strings.TrimSpace(key)
		switch {
		case !ok && asYAML.MatchString(bare):
			wrong(number, asYAML.ReplaceAllString(bare, `"$1: …" is no key = value: write $1 = …`))
		case !ok:
			wrong(number, "is neither [section] nor key = value; indent it deeper than its key if it continues a value")
		case key == "":
			wrong(number, "has no key before the =")
		case len(blocks) == 0:
			wrong(number, quote(key)+" stands before the first section: put a line such as [gaffer] or [process:NAME] above it")
		default:
			in := &blocks[len(blocks)-1]
			in.entries = append(in.entries, entry{key: key, line: number, lines: []string{value}})
			open, indent = &in.entries[len(in.entries)-1], depth
		}
	}
	return blocks, mistakes
}

// sectionTitle takes the brackets, and a comment after them, off a section line.
func sectionTitle(line string) (title string, ok bool) {
	title, rest, closed := strings.Cut(line[1:], "]")
	title, rest = strings.TrimSpace(title), strings.TrimSpace(rest)
	if !closed || title == "" || rest != "" && !isComment(rest[0]) {
		return "", false
	}
	return title, true
}

// value is the entry's value with its lines joined and its comments taken off.
// Quotes stay.
func (e entry) value() string {
	raw := strings.TrimSpace(strings.Join(e.lines, "\n"))
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '\\' && i+1 < len(raw) && raw[i+1] != '\n':
			out = append(out, c, raw[i+1])
			i++
		case c == '"' || c == '\'':
			end := quoteEnd(raw, i)
			out = append(out, raw[i:end+1]...)
			i = end
		case c == '\n':
			out = append(bytes.TrimRight(out, " \t\r"), ' ')
			for i+1 < len(raw) && isSpace(raw[i+1]) {
				i++
			}
		case isComment(c) && i > 0 && isSpace(raw[i-1]):
			if end := strings.IndexByte(raw[i:], '\n'); end >= 0 {
				i += end - 1 // the line break comes next
			} else {
				i = len(raw)
			}
		default:
			out = append(out, c)
		}
	}
	return string(bytes.TrimSpace(out))
}

// quoteEnd is where the quote that opens at i closes: at i itself when it never
// does, because then it is an apostrophe.
func quoteEnd(s string, i int) int {
	for j := i + 1; j < len(s); j++ {
		switch {
		case s[j] == s[i]:
			return j
		case s[j] == '\\' && s[i] == '"':
			j++
		}
	}
	return i
}

func isComment(c byte) bool { return c == ';' || c == '#' }
func isSpace(c byte) bool   { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
