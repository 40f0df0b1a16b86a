package terminal

import (
	"io"
	"regexp"
	"strings"
)

// styleCodes matches the codes of a Style, the only codes allowed in a table.
var styleCodes = regexp.MustCompile(`\x1b\[(?:0|1|2|31|32|33|36)m`)

// Table aligns cells by their visible width, unlike text/tabwriter, which counts
// color codes. It sanitizes cells, but keeps the codes of its Style.
type Table struct {
	style Style
	rows  [][]string
}

// NewTable returns an empty table for text of the given style.
func NewTable(style Style) *Table { return &Table{style: style} }

// Header adds a row of headings.
func (t *Table) Header(cells ...string) {
	strong := make([]string, len(cells))
	for i, cell := range cells {
		strong[i] = t.style.Strong(Sanitize(cell))
	}
	t.Row(strong...)
}

// Row adds a row. Rows may have different numbers of cells.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = t.clean(cell)
	}
	t.rows = append(t.rows, row)
}

// WriteTo writes the rows without trailing spaces.
func (t *Table) WriteTo(w io.Writer) (int64, error) {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], visibleWidth(cell))
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
			pad += widths[i] - visibleWidth(cell) + len("   ")
		}
		b.WriteByte('\n')
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// clean sanitizes a cell, but keeps the style's codes and resets unclosed ones.
func (t *Table) clean(cell string) string {
	if !t.style.Color {
		return Sanitize(cell)
	}
	var b strings.Builder
	from, last := 0, resetCode
	for _, at := range styleCodes.FindAllStringIndex(cell, -1) {
		b.WriteString(Sanitize(cell[from:at[0]]))
		last = cell[at[0]:at[1]]
		b.WriteString(last)
		from = at[1]
	}
	b.WriteString(Sanitize(cell[from:]))
	if last != resetCode {
		b.WriteString(resetCode)
	}
	return b.String()
}

// visibleWidth returns the number of columns of a cell without color codes.
func visibleWidth(cell string) int { return columnsOf(styleCodes.ReplaceAllString(cell, "")) }
