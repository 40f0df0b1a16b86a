package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// dindctl runs the program on this terminal.
func (d demo) dindctl(ctx context.Context, arguments ...string) error {
	return d.start(ctx, os.Stdout, arguments)
}

// dindctlOutput also returns what the program printed. Progress goes to standard
// error, which is still the terminal.
func (d demo) dindctlOutput(ctx context.Context, arguments ...string) (string, error) {
	var printed bytes.Buffer
	err := d.start(ctx, io.MultiWriter(os.Stdout, &printed), arguments)
	return printed.String(), err
}

func (d demo) start(ctx context.Context, out io.Writer, arguments []string) error {
	fmt.Printf("$ dindctl %s\n", strings.Join(arguments, " "))
	command := exec.CommandContext(ctx, d.program, arguments...)
	command.Env = append(os.Environ(), "KUBECONFIG="+d.kubeconfig)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, out, os.Stderr
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 30 * time.Second
	if err := command.Run(); err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		return fmt.Errorf("dindctl %s: %w", arguments[0], err)
	}
	return nil
}

// parseVariables parses the variables that install prints for .gitlab-ci.yml.
func parseVariables(printed string) ([]corev1.EnvVar, error) {
	var block struct {
		Variables map[string]string `json:"variables"`
	}
	if err := yaml.UnmarshalStrict([]byte(printed), &block); err != nil {
		return nil, fmt.Errorf("reading what install printed: %w", err)
	}
	if block.Variables["DOCKER_HOST"] == "" {
		return nil, errors.New("install printed no DOCKER_HOST")
	}
	var variables []corev1.EnvVar
	for name, value := range block.Variables {
		variables = append(variables, corev1.EnvVar{Name: name, Value: value})
	}
	return variables, nil
}

// steps is how many steps the demo has.
const steps = 6

// title announces a step.
func title(step int, text string) { fmt.Printf("\n── %d of %d ── %s\n\n", step, steps, text) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
