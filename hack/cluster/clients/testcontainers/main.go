// Command testcontainers does with testcontainers-go what tests of a project do,
// and prints what it gets from the containers. The argument selects what:
//
//	containers   two containers in a network, with a copied file and a command in one of them
//	build        an image from a Dockerfile
//	port         a request to a published port
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/exec"
	"github.com/testcontainers/testcontainers-go/network"
	"github.com/testcontainers/testcontainers-go/wait"
)

const image = "busybox:1.37"

var serve = testcontainers.WithCmd("sh", "-c", "mkdir -p /www && echo hello >/www/index.html && echo serving && exec httpd -f -p 80 -h /www")

func main() {
	runs := map[string]func(context.Context) (string, error){"containers": containers, "build": build, "port": port}
	run, known := runs[strings.Join(os.Args[1:], " ")]
	if !known {
		fmt.Fprintln(os.Stderr, "usage: testcontainers containers|build|port")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	said, err := run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testcontainers:", err)
		os.Exit(1)
	}
	fmt.Printf("%s: %s\n", os.Args[1], said)
}

// terminate does not wait for programs that do not handle signals.
func terminate(container testcontainers.Container) error {
	return testcontainers.TerminateContainer(container, testcontainers.StopTimeout(0))
}

func containers(ctx context.Context) (said string, err error) {
	shared, err := network.New(ctx)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, shared.Remove(ctx)) }()
	server, err := testcontainers.Run(ctx, image, serve, network.WithNetwork([]string{"server"}, shared),
		testcontainers.WithFiles(testcontainers.ContainerFile{Reader: strings.NewReader("copied"), ContainerFilePath: "/www/file", FileMode: 0o644}),
		testcontainers.WithWaitStrategy(wait.ForLog("serving")))
	defer func() { err = errors.Join(err, terminate(server)) }()
	if err != nil {
		return "", err
	}
	client, err := testcontainers.Run(ctx, image, testcontainers.WithCmd("sleep", "600"), network.WithNetwork(nil, shared))
	defer func() { err = errors.Join(err, terminate(client)) }()
	if err != nil {
		return "", err
	}
	code, output, err := client.Exec(ctx, []string{"wget", "-q", "-O", "-", "http://server/", "http://server/file"}, exec.Multiplexed())
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(output)
	return fmt.Sprintf("%d %q", code, text), err
}

func build(ctx context.Context) (said string, err error) {
	directory, err := os.MkdirTemp("", "")
	if err != nil {
		return "", err
	}
	dockerfile := "FROM " + image + "\nRUN echo built >/made\nCMD [\"cat\", \"/made\"]\n"
	if err := os.WriteFile(filepath.Join(directory, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		return "", err
	}
	made, err := testcontainers.Run(ctx, "", testcontainers.WithDockerfile(testcontainers.FromDockerfile{Context: directory}),
		testcontainers.WithWaitStrategy(wait.ForExit()))
	defer func() { err = errors.Join(err, terminate(made)) }()
	if err != nil {
		return "", err
	}
	logs, err := made.Logs(ctx)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(logs)
	return fmt.Sprintf("%q", text), err
}

func port(ctx context.Context) (said string, err error) {
	server, err := testcontainers.Run(ctx, image, serve, testcontainers.WithExposedPorts("80/tcp"), testcontainers.WithWaitStrategy(wait.ForLog("serving")))
	defer func() { err = errors.Join(err, terminate(server)) }()
	if err != nil {
		return "", err
	}
	url, err := server.PortEndpoint(ctx, "80/tcp", "http")
	if err != nil {
		return "", err
	}
	browser := http.Client{Timeout: 3 * time.Second}
	answer, err := browser.Get(url)
	if err != nil {
		return "unreachable: " + err.Error(), nil
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return fmt.Sprintf("%q", text), err
}
