package imageset

import "testing"

func TestSplit(t *testing.T) {
	cases := map[string][2]string{
		"busybox":                    {"library/busybox", "latest"},
		"busybox:1.37":               {"library/busybox", "1.37"},
		"docker:29.7.2-dind":         {"library/docker", "29.7.2-dind"},
		"team/tool:1":                {"team/tool", "1"},
		"dindctl.local/pause:1":      {"pause", "1"},
		"localhost/tool":             {"tool", "latest"},
		"registry:5000/team/tool:v2": {"team/tool", "v2"},
		"registry:5000/tool":         {"tool", "latest"},
	}
	for reference, want := range cases {
		t.Run(reference, func(t *testing.T) {
			repository, tag := Split(reference)
			if got := [2]string{repository, tag}; got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}
