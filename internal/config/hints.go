package config

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/gafferd/gaffer/internal/nearest"
	"github.com/gafferd/gaffer/manager"
)

// The functions of this file say more of mistakes that many make.

// unknownKey says of a key that a section does not have what was probably meant.
func unknownKey(in section, written string) string {
	key := strings.ToLower(written)
	if home := homeOf(in, key); home != "" {
		return "is a key of " + home + ": move it there"
	}
	return "is not a known key; the nearest is " + nearest.Name(key, keyNames(in.kind))
}

// homeOf is the other section that has a key, or empty.
func homeOf(in section, key string) string {
	for _, k := range kinds {
		_, isKey := keyNamed(k.name, key)
		_, isProperty := manager.PropertyKind(key)
		if k.name != in.kind && (isKey || isProperty && k.name == "process") {
			name := ""
			if k.named {
				name = "NAME"
			}
			return in.spell(k.name, name)
		}
	}
	return ""
}

// propertyHint goes on after what is wrong with the value of a property.
func propertyHint(property string, value any) string {
	kind, _ := manager.PropertyKind(property)
	switch v := value.(type) {
	case []any:
		switch {
		case property == "cmd":
			return "; what follows the program is its args"
		case kind == manager.KindMap:
			return "; write each as NAME: value"
		}
	case string:
		if number, ok := strings.CutSuffix(v, "s"); ok && kind == manager.KindSeconds && isNumeral(number) {
			return "; write " + number
		}
	}
	return ""
}

func isNumeral(s string) bool {
	_, err := parseNumber(s, nil)
	return err == nil
}

// noEndpoint says what to do about a name in http_endpoints that names none.
func noEndpoint(name string, in section, known []string) string {
	if _, err := ParseAddress(name, "/"); err == nil {
		return fmt.Sprintf("%s is an address, and names are wanted: bind it in %s, and name that here", quote(name), in.spell("endpoint", "public"))
	}
	if len(known) == 0 {
		return fmt.Sprintf("%s is not defined: add a section %s", quote(name), in.spell("endpoint", name))
	}
	near := nearest.Name(name, known)
	return fmt.Sprintf("there is no %s; the nearest is %s", in.spell("endpoint", name), in.spell("endpoint", near))
}

// What the beginning of a section looks like in the two spellings.
var (
	iniSection  = regexp.MustCompile(`(?m)^\s*\[(gaffer|webhooks|(endpoint|process|env):[^\]]*)\]`)
	yamlSection = regexp.MustCompile(`(?m)^(gaffer|endpoints|processes|webhooks):\s*$`)
)
