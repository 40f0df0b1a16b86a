package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const passing = `{"Action":"run","Test":"TestA"}
{"Action":"run","Test":"TestA/part"}
{"Action":"pass","Test":"TestA/part"}
{"Action":"skip","Test":"TestA/other"}
{"Action":"pass","Test":"TestA"}
go: not JSON
{"Action":"run","Test":"TestB"}
{"Time":"2026-11-29T12:31:00.5+01:00","Action":"pass","Test":"TestB"}
{"Action":"pass"}
`

func TestRun(t *testing.T) {
	const mixed = `{"Action":"run","Test":"TestA"}
{"Action":"fail","Test":"TestA"}
{"Action":"run","Test":"TestB"}
{"Action":"run","Test":"TestC"}
{"Action":"skip","Test":"TestC"}
{"Action":"fail"}
`
	for name, test := range map[string]struct {
		files map[string]string
		fails bool
		table string
	}{
		"passed": {map[string]string{"v1": passing, "v2": passing}, false, `
       v1                 v2
TestA  passed, 1 skipped  passed, 1 skipped
TestB  passed             passed
ended  2026-11-29 11:31Z  2026-11-29 11:31Z
`},
		"failed": {map[string]string{"v1": passing, "v2": mixed}, true, `
       v1                 v2
TestA  passed, 1 skipped  FAILED
TestB  passed             unfinished
TestC  not run            skipped
ended  2026-11-29 11:31Z  
`},
		"nothing ran": {map[string]string{"v1": passing, "v2": ""}, true, `
       v1                 v2
TestA  passed, 1 skipped  not run
TestB  passed             not run
ended  2026-11-29 11:31Z  
`},
		"no file": {map[string]string{"v1": passing}, true, `
       v1                 v2
TestA  passed, 1 skipped  not run
TestB  passed             not run
ended  2026-11-29 11:31Z  
`},
		"no file at all": {nil, true, `
       v1  v2
ended      
`},
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			var files []string
			for _, name := range []string{"v1", "v2"} {
				file := filepath.Join(directory, name+".json")
				files = append(files, file)
				if content, exists := test.files[name]; exists {
					if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			var out strings.Builder
			if err := run(files, &out); errors.Is(err, errNotPassed) != test.fails || !test.fails && err != nil {
				t.Errorf("got the error %v", err)
			}
			if out.String() != strings.TrimPrefix(test.table, "\n") {
				t.Errorf("got\n%s", out.String())
			}
		})
	}
}
