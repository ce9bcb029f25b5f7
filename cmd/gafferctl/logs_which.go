package main

import (
	"strconv"
	"time"

	"github.com/gafferd/gaffer/httpapi/client"
)

// parseCount is how many lines of the history are wanted.
func parseCount(text string, follow, chosen bool) (int, error) {
	switch {
	case text == "all", text == "" && chosen:
		return 0, nil
	case text == "" && follow:
		return 10, nil
	case text == "":
		return 100, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, usagef("-n %q: want a number of lines, or all", text)
	}
	if n == 0 {
		return client.None, nil
	}
	return n, nil
}

// momentLayouts are the times that --since takes, but for RFC 3339: local ones,
// and of today without a date.
var momentLayouts = []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly, time.TimeOnly, "15:04"}

// parseMoment is a time, or how long it is ago. Nothing is the zero time.
func parseMoment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	if digits := len(text) - 1; text[digits] == 'd' {
		if days, err := strconv.ParseUint(text[:digits], 10, 16); err == nil {
			return now.AddDate(0, 0, -int(days)), nil
		}
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range momentLayouts {
		t, err := time.ParseInLocation(layout, text, now.Location())
		switch {
		case err != nil:
		case t.Year() == 0:
			return time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location()), nil
		default:
			return t, nil
		}
	}
	return time.Time{}, usagef("%s %q: want a time such as 2015-02-16T02:02:43Z, or how long ago such as 10m, 1h30m or 7d", flag, text)
}
