// Command registry serves the built images and accepts pushes, on the node's
// address. It is the only registry that the cluster can reach.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	listen := flag.String("listen", "", "address to listen on")
	images := flag.String("images", "", "directory with built images")
	data := flag.String("data", "", "directory for what is pushed")
	requests := flag.String("requests", "", "file for one line a request")
	flag.Parse()
	if err := serve(*listen, *images, *data, *requests); err != nil {
		fmt.Fprintln(os.Stderr, "registry:", err)
		os.Exit(1)
	}
}

func serve(listen, images, data, requests string) error {
	if err := os.MkdirAll(filepath.Join(data, "sha256"), 0o755); err != nil {
		return err
	}
	requestLog, err := os.OpenFile(requests, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	handler := registry.New(
		registry.WithBlobHandler(blobs{built: filepath.Join(images, "blobs", "sha256"), pushed: filepath.Join(data, "sha256")}),
		registry.WithReferrersSupport(true),
		registry.Logger(log.New(io.Discard, "", 0)),
	)
	if err := loadImages(handler, images); err != nil {
		return err
	}
	pushes := pushes{directory: filepath.Join(data, "manifests"), next: handler}
	if err := pushes.replay(); err != nil {
		return err
	}
	server := http.Server{Addr: listen, Handler: recorder{log: log.New(requestLog, "", log.LstdFlags|log.LUTC), next: &pushes}}
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// recorder logs each request: tests check by it whether a mirror was used.
type recorder struct {
	log  *log.Logger
	next http.Handler
}

func (r recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	r.next.ServeHTTP(seen, request)
	r.log.Printf("%s %s %s %d %q", request.RemoteAddr, request.Method, request.URL.RequestURI(), seen.status, request.UserAgent())
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// ReadFrom makes the kernel copy layers from their files to the connection.
func (w *statusWriter) ReadFrom(source io.Reader) (int64, error) {
	return io.Copy(w.ResponseWriter, source)
}
