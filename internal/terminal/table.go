package terminal

import (
	"io"
	"regexp"
	"strings"
)

// paints matches the only codes that a table lets through: those of a Style.
var paints = regexp.MustCompile(`\x1b\[(?:0|1|2|31|32|33|36)m`)

// Table aligns cells in columns by what is seen of them, colour codes left out
// of account (text/tabwriter counts them in). Every cell is sanitised; a cell
// painted by the table's Style keeps its paint.
type Table struct {
	style Style
	rows  [][]string
}

// NewTable returns an empty table for text of the given style.
func NewTable(style Style) *Table { return &Table{style: style} }

// Header adds a row in the style of headings.
func (t *Table) Header(cells ...string) {
	strong := make([]string, len(cells))
	for i, cell := range cells {
		strong[i] = t.style.Strong(Sanitize(cell))
	}
	t.Row(strong...)
}

// Row adds a row. Rows may differ in length.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = t.clean(cell)
	}
	t.rows = append(t.rows, row)
}

// WriteTo writes the rows, without blanks at their ends.
func (t *Table) WriteTo(w io.Writer) (int64, error) {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], seen(cell))
		}
	}
	var b strings.Builder
	for _, row := range t.rows {
		pad := 0
		for i, cell := range row {
			if cell != "" {
				b.WriteString(strings.Repeat(" ", pad))
				b.WriteString(cell)
				pad = 0
			}
			pad += widths[i] - seen(cell) + len("   ")
		}
		b.WriteByte('\n')
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

func (t *Table) clean(cell string) string {
	if !t.style.Color {
		return Sanitize(cell)
	}
	var b strings.Builder
	from, last := 0, unpaint
	for _, at := range paints.FindAllStringIndex(cell, -1) {
		b.WriteString(Sanitize(cell[from:at[0]]))
		last = cell[at[0]:at[1]]
		b.WriteString(last)
		from = at[1]
	}
	b.WriteString(Sanitize(cell[from:]))
	if last != unpaint {
		b.WriteString(unpaint)
	}
	return b.String()
}

// seen is the number of columns of a cell without its paint.
func seen(cell string) int { return columnsOf(paints.ReplaceAllString(cell, "")) }
