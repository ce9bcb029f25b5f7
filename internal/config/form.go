package config

import "github.com/gafferd/gaffer/manager"

// form is how the value of a key is written, in either spelling, and what comes
// of it: what decoded JSON would have.
type form struct {
	parse  func(raw string, env lookup) (any, error) // where all is text, as in INI
	shape  shape                                     // where values have types, as in YAML
	words  string                                    // of what is wanted, for messages
	schema func() schema                             // of what is wanted, for editors; not that of a property, which kindSchema knows

	takes  func(v any) bool // where values have types, unless a text will do or it is looked at later
	texts  bool             // a number or true is taken for its text there: PORT: 80
	quotes bool             // a pair of quotes around it is taken off, where all is text
	raw    bool             // variables in it are not replaced
	units  bool             // a number that may have a unit behind it
	field  *form            // of what is in an object, where it is not the same
}

// shape is what a value may be where values have types.
type shape int

const (
	scalar shape = iota // one value
	many                // a list of values; one is as good as a list of it
	other               // looked at by the code that gets it
)

const (
	sizeWords = "a number of MiB, or text such as 64KiB or 2GiB"
	ageWords  = "a number of seconds, or text such as 90s, 12h or 7d"
)

var (
	text    = form{parse: parseText, words: "text", texts: true, quotes: true, schema: textSchema}
	command = form{parse: parseCommand, words: "a command line", texts: true, raw: true}
	flag    = form{parse: parseFlag, words: "true or false", takes: isBool, schema: flagSchema}
	number  = form{parse: parseNumber, words: "a number", takes: isNumber, schema: numberSchema}
	size    = form{parse: parseSize, words: sizeWords, units: true, schema: unitSchema}
	age     = form{parse: parseAge, words: ageWords, units: true, schema: unitSchema}
	list    = form{parse: parseList, shape: many, words: "a list of texts", texts: true, schema: listSchema}
	words   = form{parse: parseWords, shape: many, words: "a list of texts", texts: true, schema: listSchema}

	fieldNumber = form{parse: parseNumber, shape: other}
	fieldLimit  = form{parse: parseLimit, shape: other}

	receiver = form{parse: parseURLs, shape: other, words: "a URL, an object with url and secret, or a list of them", texts: true, schema: receiverSchema}
)

// propertyForm is how a property of a process is written. One that does not
// exist is read as text, and refused by manager.ParseTemplate, which also sees
// to the types of them all.
func propertyForm(property string) form {
	kind, known := manager.PropertyKind(property)
	how := text
	how.shape = other
	switch {
	case property == "name":
		how.parse = refuseName
		return how
	case expandedLater(property):
		how = command
		how.shape = other
		return how
	case !known:
		return how
	}
	switch kind {
	case manager.KindBool:
		how = flag
	case manager.KindInt, manager.KindSeconds:
		how = number
	case manager.KindList:
		return list
	case manager.KindMap:
		how.parse = refuseMap(property)
	case manager.KindBackoff:
		how = form{parse: parseFields(1, kind.FieldNames()), field: &fieldNumber}
	case manager.KindFlapping:
		how = form{parse: parseFields(len(kind.FieldNames()), kind.FieldNames()), field: &fieldNumber}
	case manager.KindRlimits:
		how = form{parse: parseLimits, field: &fieldLimit}
	}
	how.shape, how.takes = other, nil
	return how
}

func isBool(v any) bool {
	_, ok := v.(bool)
	return ok
}

func isNumber(v any) bool {
	_, ok := toFloat(v)
	return ok
}
