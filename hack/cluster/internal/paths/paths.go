// Package paths has the places of the cluster's files. All are outside the
// checkout, so that a new checkout rebuilds nothing.
package paths

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Paths are the directories of one user's cluster.
type Paths struct {
	Cache  string // contains the others
	Bin    string // built programs, named by version and recipe
	Images string // image blobs and the record of the images
	State  string // data, logs and process records of the cluster
}

// FromEnvironment returns the paths in DINDCTL_CACHE, or in dindctl below
// XDG_CACHE_HOME or ~/.cache.
func FromEnvironment(getenv func(string) string) (Paths, error) {
	cache := getenv("DINDCTL_CACHE")
	if cache == "" {
		base := getenv("XDG_CACHE_HOME")
		if base == "" {
			home := getenv("HOME")
			if home == "" {
				return Paths{}, errors.New("no directory for the cache: set DINDCTL_CACHE to a directory with 6 GB free")
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

// In returns a path in the cluster's state.
func (p Paths) In(elements ...string) string {
	return filepath.Join(append([]string{p.State}, elements...)...)
}

// Log returns the path of the log of a component or a build.
func (p Paths) Log(name string) string { return p.In("logs", name+".log") }

// Kubeconfig returns the path of a user's kubeconfig.
func (p Paths) Kubeconfig(user string) string { return p.In("kubeconfigs", user+".yaml") }

// WriteFile replaces a file in one step: an interrupted write leaves the old one.
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

// Link makes a symbolic link to a file, in place of an earlier one.
func Link(target, link string) error {
	if there, err := os.Readlink(link); err == nil && there == target {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Symlink(target, link)
}

// Checkout returns the root of the repository that contains the current directory.
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
