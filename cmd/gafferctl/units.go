package main

import (
	"fmt"
	"strconv"
	"time"
)

// bytesCell is a size: 12.3 MiB for people.
func bytesCell(n *uint64) cell {
	if n == nil {
		return same("-")
	}
	raw := strconv.FormatUint(*n, 10)
	if *n < 1024 {
		return cell{shown: raw + " B", raw: raw}
	}
	value, unit := float64(*n)/1024, 0
	for value >= 1024 && unit < 5 {
		value /= 1024
		unit++
	}
	return cell{shown: fmt.Sprintf("%.1f %ciB", value, "KMGTPE"[unit]), raw: raw}
}

// spanCell is a length of time: its two largest units for people, seconds for
// scripts.
func spanCell(d time.Duration) cell {
	raw := strconv.FormatFloat(float64(d.Round(time.Millisecond).Milliseconds())/1000, 'f', -1, 64)
	s := int64(d / time.Second)
	var shown string
	switch {
	case s < 60:
		shown = fmt.Sprintf("%ds", s)
	case s < 3600:
		shown = fmt.Sprintf("%dm %ds", s/60, s%60)
	case s < 86400:
		shown = fmt.Sprintf("%dh %dm", s/3600, s%3600/60)
	default:
		shown = fmt.Sprintf("%dd %dh", s/86400, s%86400/3600)
	}
	return cell{shown: shown, raw: raw}
}
