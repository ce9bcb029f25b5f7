package config

import "github.com/gafferd/gaffer/manager"

// form is how the value of a key is written where all values are text.
type form struct {
	parse func(raw string) (any, error)
}

var (
	text    = form{parseText}    // the value, without a pair of quotes around it
	command = form{parseCommand} // the value as it stands, quotes and all
	flag    = form{parseFlag}    // yes or no
	number  = form{parseNumber}  // 10, 0.5, 1.
	list    = form{parseList}    // a, b, c
	words   = form{parseWords}   // a b c, split as a shell does
)

// schema holds the keys of [gaffer] and [endpoint:NAME]. Those of
// [process:NAME] are the properties that package manager knows; [env:NAME] and
// [webhooks] are free in theirs.
var schema = map[string]map[string]form{
	"gaffer": {
		"http_endpoints": list,
		"include":        words,
		"include_dir":    words,
		"plugins_dir":    text,
		"state_dir":      text,
		"run_history":    number,
		"log_size":       number,
		"log_age":        number,
		"allow_origins":  list,
		"allow_hosts":    list,
	},
	"endpoint": {
		"bind":     list,
		"backlog":  number,
		"mode":     text,
		"certfile": text,
		"keyfile":  text,
		"cacert":   text,
	},
	"process":  nil,
	"env":      nil,
	"webhooks": nil,
}

// named are the kinds of which there may be many, each with a name.
var named = map[string]bool{"endpoint": true, "process": true, "env": true}

// propertyForm is how a property of a process is written. One that does not
// exist is read as text, and refused by manager.ParseTemplate.
func propertyForm(property string) form {
	kind, _ := manager.PropertyKind(property)
	switch kind {
	case manager.KindBool:
		return flag
	case manager.KindInt, manager.KindSeconds:
		return number
	case manager.KindList:
		return list
	case manager.KindArgs:
		return command
	case manager.KindMap:
		return form{refuseMap}
	case manager.KindBackoff:
		return numbers(1, kind.FieldNames())
	case manager.KindFlapping:
		return numbers(len(kind.FieldNames()), kind.FieldNames())
	}
	switch property {
	case "cmd":
		return command
	case "name":
		return form{refuseName}
	}
	return text
}
