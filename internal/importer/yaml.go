package importer

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// entry is a key of a mapping, with its value.
type entry struct {
	key   string
	value *yaml.Node
	at    place
}

// parseYAML gives the one document of a text, or nil after a mistake.
func (r *reading) parseYAML(text string) *yaml.Node {
	loader, err := yaml.NewLoader(strings.NewReader(text))
	var doc yaml.Node
	if err == nil {
		err = loader.Load(&doc)
	}
	if errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0 {
		r.wrong(place{file: r.file}, "is empty")
		return nil
	}
	if err != nil {
		at, text := place{file: r.file}, err.Error()
		if e, ok := errors.AsType[*yaml.LoadError](err); ok {
			at.line, text = e.Mark.Line, e.Message
		}
		r.wrong(at, "cannot be read: %s", text)
		return nil
	}
	return followed(doc.Content[0])
}

// followed is a node, or what an alias stands for.
func followed(n *yaml.Node) *yaml.Node {
	for range 100 { // an alias of an alias is rare, and of itself absurd
		if n.Kind != yaml.AliasNode || n.Alias == nil {
			break
		}
		n = n.Alias
	}
	return n
}

// entries are those of a mapping, with those that are merged into it. After what is
// no mapping there are none, and a mistake.
func (r *reading) entries(n *yaml.Node, at place) []entry {
	if isNull(n) {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		r.wrong(at, "got %s, want keys below it", came(n))
		return nil
	}
	return r.merged(n, at, 20)
}

func (r *reading) merged(n *yaml.Node, at place, depth int) []entry {
	var own, inherited []entry
	has := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], followed(n.Content[i+1])
		if key.Value == "<<" && key.ShortTag() == "!!merge" {
			from := []*yaml.Node{value}
			if value.Kind == yaml.SequenceNode {
				from = value.Content
			}
			for _, one := range from {
				if one = followed(one); one.Kind == yaml.MappingNode && depth > 0 {
					inherited = append(inherited, r.merged(one, at, depth-1)...)
				}
			}
			continue
		}
		e := entry{key.Value, value, at.of(key.Value, key.Line)}
		if has[e.key] {
			r.wrong(e.at, "is there a second time: keep one")
			continue
		}
		has[e.key] = true
		own = append(own, e)
	}
	for _, e := range inherited {
		if !has[e.key] {
			has[e.key] = true
			own = append(own, e)
		}
	}
	return own
}

// below are the entries of a value that is a mapping.
func (r *reading) below(e entry) []entry {
	entries := r.entries(e.value, e.at)
	for i := range entries {
		entries[i].at = e.at.below("."+entries[i].key, entries[i].at.line)
	}
	return entries
}

// text is a scalar as it is written.
func (r *reading) text(e entry) string {
	if e.value.Kind != yaml.ScalarNode {
		r.wrong(e.at, "got %s, want text", came(e.value))
		return ""
	}
	if isNull(e.value) {
		return ""
	}
	return e.value.Value
}

// items are those of a list.
func (r *reading) items(e entry) []entry {
	if isNull(e.value) {
		return nil
	}
	if e.value.Kind != yaml.SequenceNode {
		r.wrong(e.at, "got %s, want a list", came(e.value))
		return nil
	}
	items := make([]entry, len(e.value.Content))
	for i, item := range e.value.Content {
		item = followed(item)
		items[i] = entry{e.key, item, e.at.below("["+strconv.Itoa(i)+"]", item.Line)}
	}
	return items
}

// texts are the items of a list of texts.
func (r *reading) texts(e entry) []string {
	var texts []string
	for _, item := range r.items(e) {
		texts = append(texts, r.text(item))
	}
	return texts
}

// flag is a boolean, also as text.
func (r *reading) flag(e entry) bool {
	s := r.text(e)
	v, ok := truth(s)
	if !ok && s != "" {
		r.wrong(e.at, "got %q, want true or false", s)
	}
	return v
}

// number is a number from 0 up, also as text.
func (r *reading) number(e entry) (n float64, ok bool) {
	s := r.text(e)
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || n < 0 || n > 1e12 || n != n {
		if e.value.Kind == yaml.ScalarNode {
			r.wrong(e.at, "got %q, want a number from 0", s)
		}
		return 0, false
	}
	return n, true
}

// came says what a value is.
func came(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "an object"
	case isNull(n):
		return "nothing"
	}
	return strconv.Quote(n.Value)
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// plainNumber is a number as it is best written: 2, not 2.0.
func plainNumber(f float64) any {
	if f == float64(int(f)) {
		return int(f)
	}
	return f
}
