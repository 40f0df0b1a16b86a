package dind

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseFileSystem(t *testing.T) {
	tests := []struct {
		name, out      string
		capacity, used int64
		inodes         float64 // -1 for unknown
		want           string  // the error
	}{
		{"GNU stat", "4096 26214400 20971520 6553600 6225920\n", 100 << 30, 20 << 30, 5, ""},
		{"spaces", "  4096  10 5   8 4 ", 40960, 20480, 50, ""},
		{"no fixed number of inodes", "4096 10 5 0 0", 40960, 20480, -1, ""},
		{"empty", "4096 10 10 8 8", 40960, 0, 0, ""},
		{"full", "4096 10 0 8 0", 40960, 40960, 100, ""},
		{"no output", "", 0, 0, 0, `stat printed "" instead of five numbers`},
		{"too few", "4096 10 5 8", 0, 0, 0, `stat printed "4096 10 5 8" instead of five numbers`},
		{"words", "4096 10 5 8 many", 0, 0, 0, `stat printed "4096 10 5 8 many" instead of five numbers`},
		{"an error", "stat: can't read file system information\n", 0, 0, 0, `stat printed "stat: can't read file system information" instead of five numbers`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found, err := ParseFileSystem(test.out)
			if test.want != "" {
				if err == nil || err.Error() != test.want {
					t.Errorf("got error %v, want %q", err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if found.CapacityBytes != test.capacity || found.UsedBytes != test.used {
				t.Errorf("got %d of %d, want %d of %d", found.UsedBytes, found.CapacityBytes, test.used, test.capacity)
			}
			switch got := found.InodesUsedPercent; {
			case got == nil && test.inodes >= 0:
				t.Error("inodes are unknown")
			case got != nil && *got != test.inodes:
				t.Errorf("got %v%% of the inodes, want %v%%", *got, test.inodes)
			}
		})
	}
}

// The record of guard.sh follows the output of stat. A truncated record is ignored.
func TestParseImageGC(t *testing.T) {
	for record, want := range map[string]*ImageGC{
		"R|1795086400|3|1000\n": {time.Unix(1795086400, 0).UTC(), 3, 1000},
		"R|1795086400|3":        nil,
		"R|1795086400|3|":       nil,
		"R|\n":                  nil,
		"X|1795086400|3|1000\n": nil,
		"":                      nil,
	} {
		found, err := ParseFileSystem("4096 10 5 0 0\n" + record)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, found.LastImageGC); diff != "" {
			t.Errorf("%q: %s", record, diff)
		}
	}
}
