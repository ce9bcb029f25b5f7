package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// readDescription reads a JSON object and has it say whether the process is to be
// started. All else in it is the daemon's to judge, and goes there as it is.
func (c *cli) readDescription(file string, start bool) (json.RawMessage, error) {
	in := c.stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := checkObject(text); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return withStart(text, start), nil
}

// checkObject says what to do about a text that is not one JSON object.
func checkObject(text []byte) error {
	var whole json.RawMessage
	if err := json.Unmarshal(text, &whole); err != nil {
		at := len(text)
		if wrong, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = min(int(wrong.Offset), at)
		}
		line := bytes.Count(text[:at], []byte{'\n'}) + 1
		return fmt.Errorf("line %d, byte %d: %w", line, at-bytes.LastIndexByte(text[:at], '\n')-1, err)
	}
	switch bytes.TrimSpace(text)[0] {
	case '{':
		return nil
	case '[':
		return errors.New("it is a list, and load_process takes one description: jq '.[0]' takes the first one out; gaffer load has a Procfile run as a whole")
	}
	return errors.New(`want one JSON object, such as {"name": "web", "cmd": "./server"}`)
}

// withStart is a JSON object in which start says what it is told to. Of a key that
// is there twice both stay: the daemon refuses them.
func withStart(object []byte, start bool) json.RawMessage {
	out := fmt.Appendf(nil, `{"start":%t`, start)
	members := json.NewDecoder(bytes.NewReader(object))
	members.Token() // the brace; the text was checked, so that there are no errors
	for replaced := false; members.More(); {
		key, _ := members.Token()
		var value json.RawMessage
		members.Decode(&value)
		if key == "start" && !replaced {
			replaced = true
			continue
		}
		name, _ := json.Marshal(key)
		out = append(append(append(append(out, ','), name...), ':'), value...)
	}
	return append(out, '}')
}
