package dind

import (
	"reflect"
	"testing"
)

// An option that the table does not have would not be remembered.
func TestTableHasAllOptions(t *testing.T) {
	// These say where to install and what is allowed, not what to install.
	others := map[string]bool{"Namespace": true, "Name": true, "ReplicaOf": true, "AllowDataRootChange": true, "NoTLS": true}
	var o Options
	rows := map[any]string{}
	for _, row := range Table() {
		field := row.Field(&o)
		if rows[field] != "" {
			t.Errorf("%s and %s have the same field", row.Name, rows[field])
		}
		rows[field] = row.Name
		if _, isList := field.(*[]string); row.Shown != nil && !isList {
			t.Errorf("%s is not a list and has Shown", row.Name)
		}
	}
	value := reflect.ValueOf(&o).Elem()
	for n := range value.NumField() {
		name := value.Type().Field(n).Name
		if rows[value.Field(n).Addr().Interface()] == "" && !others[name] {
			t.Errorf("the table has no row for %s", name)
		}
	}
}
