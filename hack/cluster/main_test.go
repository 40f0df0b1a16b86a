package main

import (
	"errors"
	"testing"
)

// Nothing is built or started with an argument that is not understood.
func TestUsage(t *testing.T) {
	t.Setenv("DINDCTL_CACHE", t.TempDir())
	for name, arguments := range map[string][]string{
		"no command":          nil,
		"unknown command":     {"start"},
		"unknown set":         {"up", "--images", "both"},
		"no version":          {"up", "--kubernetes", "1.29"},
		"unknown flag":        {"up", "--image", "demo"},
		"argument too much":   {"build", "demo"},
		"step of nothing":     {"step", "--title", "nothing"},
		"a time without unit": {"step", "--title", "true", "--usually", "5", "--", "true"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := run(t.Context(), arguments); !errors.Is(err, errUsage) {
				t.Errorf("got %v, want the usage", err)
			}
		})
	}
}
