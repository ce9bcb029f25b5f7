package manager

// Kind says what values a property takes, for callers that have only text and
// must make values of it.
type Kind int

// The kinds of properties.
const (
	KindString   Kind = iota // string
	KindBool                 // bool
	KindInt                  // int
	KindSeconds              // float64 or int, from 0 up
	KindArgs                 // string, split as a shell splits words, or a list of strings
	KindList                 // list of strings
	KindMap                  // object of strings
	KindOwner                // string or int: the name or number of a user or group
	KindUmask                // octal string, or int
	KindSignal               // string or int
	KindBackoff              // object of FieldNames, all KindSeconds
	KindFlapping             // object of FieldNames: int, seconds, seconds, int
	KindRlimits              // object by process.RlimitNames: int or string
)

// PropertyKind is the kind of the property of that name, if there is one.
func PropertyKind(name string) (Kind, bool) {
	p, ok := propertyNamed(name)
	return p.kind, ok
}

// FieldNames are the fields of an object of kind KindBackoff or KindFlapping,
// in the order in which they are written where fields have no names.
func (k Kind) FieldNames() []string {
	switch k {
	case KindBackoff:
		return fieldNames(backoffFields)
	case KindFlapping:
		return fieldNames(flappingFields)
	default:
		return nil
	}
}
