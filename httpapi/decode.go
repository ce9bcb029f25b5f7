package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gafferd/gaffer/process"
)

// maxDepth is how deeply a JSON body may be nested. Nothing we take needs more
// than three levels.
const maxDepth = 32

// isJSON says whether a Content-Type is one that a JSON body may have.
func isJSON(contentType string) bool {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii") {
		return false
	}
	return kind == "application/json" || kind == "application/x-www-form-urlencoded"
}

// decodeObject reads one JSON object and nothing else. Values are nil, bool,
// int, float64, string, []any and map[string]any. What net/http's clients would
// let pass is refused: duplicate keys, bytes that are not UTF-8, numbers that
// are out of range.
func decodeObject(body []byte) (map[string]any, error) {
	if !utf8.Valid(body) {
		return nil, fmt.Errorf("%w: it is not UTF-8", errJSON)
	}
	// Checked as a whole first: json.Decoder takes the tokens of some texts that
	// are no JSON.
	var whole json.RawMessage
	if err := json.Unmarshal(body, &whole); err != nil {
		return nil, syntaxError(body, err)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	v, err := decodeValue(d, 0)
	if err != nil {
		return nil, err
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil, &process.PropertyError{Property: "body", Problem: "must be an object of properties"}
	}
	return o, nil
}

// syntaxError says where in body the mistake is.
func syntaxError(body []byte, err error) error {
	at := len(body)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = min(int(syntax.Offset), at)
	}
	line := bytes.Count(body[:at], []byte("\n")) + 1
	column := at - bytes.LastIndexByte(body[:at], '\n') - 1
	return fmt.Errorf("%w: line %d, byte %d: %s", errJSON, line, column, strings.TrimPrefix(err.Error(), "json: "))
}

func decodeValue(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("%w: %w", errJSON, err)
	}
	switch t := token.(type) {
	case json.Delim:
		if depth++; depth > maxDepth {
			return nil, fmt.Errorf("%w: it is nested more than %d levels deep", errJSON, maxDepth)
		}
		if t == '{' {
			return decodeMembers(d, depth)
		}
		return decodeItems(d, depth)
	case json.Number:
		return decodeNumber(t)
	default:
		return t, nil // nil, bool, string
	}
}

func decodeMembers(d *json.Decoder, depth int) (any, error) {
	o := map[string]any{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errJSON, err)
		}
		key, _ := token.(string)
		if _, twice := o[key]; twice {
			return nil, fmt.Errorf("%w: the key %q is there twice", errJSON, key)
		}
		if o[key], err = decodeValue(d, depth); err != nil {
			return nil, err
		}
	}
	_, err := d.Token() // the closing brace
	return o, err
}

func decodeItems(d *json.Decoder, depth int) (any, error) {
	items := []any{}
	for d.More() {
		v, err := decodeValue(d, depth)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	_, err := d.Token() // the closing bracket
	return items, err
}

func decodeNumber(n json.Number) (any, error) {
	if i, err := strconv.Atoi(n.String()); err == nil {
		return i, nil
	}
	f, err := n.Float64()
	if err != nil || math.IsInf(f, 0) {
		return nil, fmt.Errorf("%w: the number %.40s is out of range", errJSON, n.String())
	}
	return f, nil
}
