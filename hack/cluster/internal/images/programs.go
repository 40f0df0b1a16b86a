package images

import (
	"context"
	"path/filepath"
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/build"
)

// program is a program that is compiled here and its place in an image.
type program struct {
	target string
	build.Binary
}

// compile compiles the programs that are missing.
func (b *Builder) compile(ctx context.Context, programs []program) error {
	for _, program := range programs {
		if _, err := b.make(ctx, program.Binary); err != nil {
			return err
		}
	}
	return nil
}

func (b *Builder) make(ctx context.Context, program build.Binary) (string, error) {
	return program.Make(ctx, b.Paths.Bin, b.Paths.Log("build-"+program.Name+"-"+program.Version), b.Board)
}

// programsRecipe returns the recipe of a layer of programs, which need not be
// compiled yet.
func (b *Builder) programsRecipe(name, version string, programs []program) (string, error) {
	var influences []string
	for _, program := range programs {
		path, err := program.Path(b.Paths.Bin)
		if err != nil {
			return "", err
		}
		influences = append(influences, program.target, filepath.Base(path))
	}
	return recipeName(name, version, influences...), nil
}

// programsLayer writes the layer of a recipe, and compiles the programs that are
// missing.
func (b *Builder) programsLayer(ctx context.Context, recipe, title string, programs []program) (Descriptor, error) {
	if err := b.compile(ctx, programs); err != nil {
		return Descriptor{}, err
	}
	return b.layer(recipe, title, 2*time.Second, func(layer *tarball, _ string, _ func(string)) error {
		for _, program := range programs {
			path, err := program.Path(b.Paths.Bin)
			if err != nil {
				return err
			}
			layer.add(program.target, path, 0o755)
		}
		return nil
	})
}
