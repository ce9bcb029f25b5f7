package main

import (
	"strings"
	"unicode/utf8"

	"github.com/fatih/color"
)

// table is a result of several columns. For people it has a head, aligned
// columns and human units; for scripts it is one row a line, tabs between the
// raw values.
type table struct {
	head []string
	rows [][]cell
}

// cell is one value, as people and as scripts want it.
type cell struct {
	shown, raw string
	paint      []color.Attribute
}

// same is a cell that looks the same to everybody.
func same(text string) cell { return cell{shown: text, raw: text} }

func (c *cli) table(t table) error {
	if !c.asTable() {
		for _, row := range t.rows {
			raw := make([]string, len(row))
			for i, cell := range row {
				raw[i] = cell.raw
			}
			if err := c.print("%s", strings.Join(raw, "\t")); err != nil {
				return err
			}
		}
		return nil
	}
	head := make([]cell, len(t.head))
	for i, title := range t.head {
		head[i] = cell{shown: title, paint: []color.Attribute{color.Bold}}
	}
	rows := append([][]cell{head}, t.rows...)
	widths := make([]int, len(head))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell.shown))
		}
	}
	colors := colored(c.stdout)
	for _, row := range rows {
		if err := c.print("%s", layout(row, widths, colors)); err != nil {
			return err
		}
	}
	return nil
}

// layout is one row. The last cell that shows something is not padded, so that
// no line ends in spaces.
func layout(row []cell, widths []int, colors bool) string {
	last := len(row) - 1
	for last > 0 && row[last].shown == "" {
		last--
	}
	var b strings.Builder
	for i, cell := range row[:last+1] {
		text := cell.shown
		if colors && len(cell.paint) > 0 && text != "" {
			text = paint(text, cell.paint...)
		}
		b.WriteString(text)
		if i < last {
			b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell.shown)+2))
		}
	}
	return b.String()
}
