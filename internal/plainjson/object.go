// Package plainjson writes JSON without encoding/json, for what is written so often
// that asking that, which looks at each type anew, would cost more than the rest.
package plainjson

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// Object is a JSON object under construction: the zero value, or one made with room to
// grow, has no members yet. Each method returns it with a member more, whose name must
// be plain and new; End closes it. Those that begin with Opt leave out a zero value.
type Object []byte

// End returns the finished object.
func (o Object) End() []byte {
	if len(o) == 0 {
		o = append(o, '{')
	}
	return append(o, '}')
}

func (o Object) name(name string) Object {
	if len(o) == 0 {
		o = append(o, '{')
	} else {
		o = append(o, ',')
	}
	return append(append(append(o, '"'), name...), `":`...)
}

// Int adds a number.
func (o Object) Int(name string, v int) Object {
	return strconv.AppendInt(o.name(name), int64(v), 10)
}

// Uint adds a number.
func (o Object) Uint(name string, v uint64) Object {
	return strconv.AppendUint(o.name(name), v, 10)
}

// Bool adds true or false.
func (o Object) Bool(name string, v bool) Object { return strconv.AppendBool(o.name(name), v) }

// String adds a string.
func (o Object) String(name, v string) Object { return AppendString(o.name(name), v) }

// Time adds a time as encoding/json does; its year must have four digits.
func (o Object) Time(name string, v time.Time) Object {
	return append(v.AppendFormat(append(o.name(name), '"'), time.RFC3339Nano), '"')
}

// Raw adds what is JSON already.
func (o Object) Raw(name string, v []byte) Object { return append(o.name(name), v...) }

// OptInt is Int, but for 0.
func (o Object) OptInt(name string, v int) Object {
	if v == 0 {
		return o
	}
	return o.Int(name, v)
}

// OptUint is Uint, but for 0.
func (o Object) OptUint(name string, v uint64) Object {
	if v == 0 {
		return o
	}
	return o.Uint(name, v)
}

// OptBool is Bool, but for false.
func (o Object) OptBool(name string, v bool) Object {
	if !v {
		return o
	}
	return o.Bool(name, v)
}

// OptString is String, but for "".
func (o Object) OptString(name, v string) Object {
	if v == "" {
		return o
	}
	return o.String(name, v)
}

// OptTime is Time, but for the zero time.
func (o Object) OptTime(name string, v time.Time) Object {
	if v.IsZero() {
		return o
	}
	return o.Time(name, v)
}

// Marshal is json.Marshal, but with <, > and & as they are. Commands are full of them, and
// people read what they get from curl.
func Marshal(v any) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// AppendString appends s as Marshal writes it.
func AppendString(buf []byte, s string) []byte {
	if !isPlain(s) {
		text, err := Marshal(s)
		if err != nil {
			panic(err) // strings always marshal
		}
		return append(buf, text...)
	}
	return append(append(append(buf, '"'), s...), '"')
}

// isPlain reports whether JSON has s as it is between its quotes.
func isPlain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c >= utf8.RuneSelf, c == '"', c == '\\':
			return false
		}
	}
	return true
}
