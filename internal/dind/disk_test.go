package dind

import (
	"strings"
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
		for _, mount := range []string{"", readOnly + "\n"} {
			found, err := ParseFileSystem("4096 10 5 0 0\n" + mount + record + "\nP|1795086401|7\n")
			if err != nil {
				t.Fatal(err)
			}
			if gain := (Gain{time.Unix(1795086401, 0).UTC(), 7}); found.LastPrune == nil || *found.LastPrune != gain {
				t.Errorf("%q: %+v", record, found.LastPrune)
			}
			if diff := cmp.Diff(want, found.LastImageGC); diff != "" || found.ReadOnly != (mount != "") {
				t.Errorf("%q: read-only %v, %s", mount+record, found.ReadOnly, diff)
			}
		}
	}
}

// The command prints what ParseFileSystem parses, and finds a read-only file system by the
// error of a write.
func TestFileSystemCommand(t *testing.T) {
	for name, shell := range shells(t) {
		for touched, want := range map[string]bool{
			"": false, "touch: setting times of 'x': Read-only file system": true, "touch: x: Read-only file system": true, "touch: No space left on device": false,
		} {
			t.Run(name+"/"+touched, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				b.stub("stat", "echo 4096 10 5 0 0")
				b.stub("touch", "echo \""+touched+"\" >&2; [ -z \""+touched+"\" ]")
				b.write("var/lib/docker/dindctl/image-gc", "R|1795086400|3|1000\n")
				command := FileSystemCommand()
				// BusyBox prefers its built-in programs to the PATH.
				script := strings.NewReplacer("stat -f", b.root+"/bin/stat -f", "touch -c", b.root+"/bin/touch -c").Replace(command[2])
				got := b.run(shell, nil, "-c", script, "sh", b.root+DataRoot)
				found, err := ParseFileSystem(got.stdout)
				if err != nil || found.ReadOnly != want || found.LastImageGC == nil {
					t.Errorf("%q: %+v, %v, %s", got.stdout, found, err, got.stderr)
				}
			})
		}
	}
}

// A use counts by its name; broken lines, as a full disk leaves them, do not.
func TestParseUses(t *testing.T) {
	got := ParseUses("E|1795086400|app:1\nE|1795086300|app:1\nE|17U|app:2\nE|\x00\nE|1795086400|volume/v\nE|17")
	used := time.Unix(1795086400, 0).UTC()
	if diff := cmp.Diff(map[string]time.Time{"app:1": used, "volume/v": used, "": time.Unix(17, 0).UTC()}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseStuck(t *testing.T) {
	found, err := ParseFileSystem("4096 10 1 0 0\nS|1795086400|97|70000|5\n")
	if want := (&Stuck{time.Unix(1795086400, 0).UTC(), 70000, 5}); err != nil || !cmp.Equal(found.Stuck, want) {
		t.Errorf("got %+v, %v, want %+v", found.Stuck, err, want)
	}
}

// The records of limits.sh and pools.sh follow those of guard.sh.
func TestParseLimits(t *testing.T) {
	found, err := ParseFileSystem("4096 10 5 8 4\nR|1795086400|3|1000\nN|1\nH|80\nC|100|200\nA|255\n")
	if err != nil {
		t.Fatal(err)
	}
	want := Limits{CacheBytes: 100, ConfiguredCacheBytes: 200, HighWater: 80, OnNodeDisk: true, Networks: 255}
	if found.Limits != want || found.LastImageGC == nil {
		t.Errorf("got %+v", found)
	}
	if found, err := ParseFileSystem("4096 10 5 8 4\nC|100\nH|\nX|1\n"); err != nil || found.Limits != (Limits{}) {
		t.Errorf("got %+v, %v", found, err)
	}
}
