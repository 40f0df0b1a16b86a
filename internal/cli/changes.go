package cli

import (
	"fmt"
	"io"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/terminal"
)

// writeChanges prints the changes of each object as a diff does: + for created,
// - for deleted, ~ for changed, followed by the changed fields. A short list has only
// the number of an object's fields if there are many.
func writeChanges(out io.Writer, style terminal.Style, objects []lifecycle.ObjectChange, short bool) error {
	for _, object := range objects {
		name := terminal.Sanitize(object.Ref())
		line := style.Faint("  " + name)
		switch object.Change {
		case string(apply.Created):
			line = style.Good("+ " + name)
		case string(apply.Configured):
			line = style.Warn("~ " + name)
		case string(apply.Adopted):
			line = style.Warn("~ "+name) + style.Faint(" (adopted)")
		case "deleted":
			line = style.Bad("- " + name)
		}
		fields := object.Fields
		if short && lifecycle.ManyFields(fields) {
			line += style.Faint(fmt.Sprintf(" (%d fields; -v lists them)", len(fields)))
			fields = nil
		}
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
		for _, field := range fields {
			paint := style.Warn
			switch {
			case field.From == nil:
				paint = style.Good
			case field.To == nil:
				paint = style.Bad
			}
			fmt.Fprintln(out, "    "+paint(terminal.Sanitize(field.String())))
		}
		for _, entry := range object.Unmanaged {
			fmt.Fprintln(out, "    "+style.Faint(terminal.Sanitize(entry)+": unmanaged, not changed"))
		}
		for _, field := range object.Kept {
			fmt.Fprintln(out, "    "+style.Faint(terminal.Sanitize(field)+": kept"))
		}
	}
	return nil
}

// adoptionChanges returns what adopting the objects would change.
func adoptionChanges(err *apply.NotOwnedError) []lifecycle.ObjectChange {
	var changes []lifecycle.ObjectChange
	for _, preview := range err.Previews {
		changes = append(changes, lifecycle.NewObjectChange(preview))
	}
	return changes
}
