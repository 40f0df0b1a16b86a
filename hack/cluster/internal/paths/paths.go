// Package paths says where the cluster keeps its files: all of them outside
// the checkout, so that a clean working copy costs no rebuild.
package paths

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Paths are the directories of one user's cluster.
type Paths struct {
	Cache  string // everything below
	Bin    string // built programs, named by version and recipe
	Images string // image blobs and what they are called
	State  string // the cluster's life: data, logs, process records
}

// FromEnvironment follows DINDCTL_CACHE, then XDG_CACHE_HOME, then ~/.cache.
func FromEnvironment(getenv func(string) string) (Paths, error) {
	cache := getenv("DINDCTL_CACHE")
	if cache == "" {
		base := getenv("XDG_CACHE_HOME")
		if base == "" {
			home := getenv("HOME")
			if home == "" {
				return Paths{}, errors.New("no place for the cache: set DINDCTL_CACHE to a directory with 6 GB free")
			}
			base = filepath.Join(home, ".cache")
		}
		cache = filepath.Join(base, "dindctl")
	}
	cache, err := filepath.Abs(cache)
	if err != nil {
		return Paths{}, fmt.Errorf("resolving the cache directory: %w", err)
	}
	return Paths{
		Cache:  cache,
		Bin:    filepath.Join(cache, "bin"),
		Images: filepath.Join(cache, "images"),
		State:  filepath.Join(cache, "cluster"),
	}, nil
}

// In is a path inside the cluster's state.
func (p Paths) In(elements ...string) string {
	return filepath.Join(append([]string{p.State}, elements...)...)
}

// Log is the file a component or a build writes to.
func (p Paths) Log(name string) string { return p.In("logs", name+".log") }

// Kubeconfig is the file with which a user of the cluster connects.
func (p Paths) Kubeconfig(user string) string { return p.In("kubeconfigs", user+".yaml") }

// WriteFile replaces a file in one step, so that an interrupted write is
// never taken for a good one.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(data)
	if err = errors.Join(err, temporary.Chmod(mode), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

// Checkout finds the repository that holds hack/images, from the directory
// the launcher was started in upwards.
func Checkout() (string, error) {
	directory, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(directory, "hack", "images", "dind")); err == nil {
			return directory, nil
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			return "", errors.New("not inside a checkout of dindctl: run this in hack/cluster")
		}
		directory = parent
	}
}
