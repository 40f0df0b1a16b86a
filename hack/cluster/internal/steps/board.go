// Package steps reports the steps of a build while they run, several at a time.
package steps

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Board reports steps: on a terminal with one moving line for each step that
// runs, elsewhere with a plain line when a step starts and when it ends.
type Board struct {
	out   io.Writer
	width func() int // columns of the terminal, 0 if there is none

	mu      sync.Mutex
	running []*step
	drawn   int           // moving lines on the screen
	frame   int           // which frame of the animation is next
	stop    chan struct{} // ends the animation
}

// step is a step that runs.
type step struct {
	title   string
	usually time.Duration
	began   time.Time
	detail  string
}

// New returns a Board that writes to a file.
func New(file *os.File) *Board {
	return &Board{out: file, width: func() int { return columns(file) }}
}

// Say prints a line.
func (b *Board) Say(format string, values ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.print(fmt.Sprintf(format, values...))
}

// Step runs work and reports it. Usually is how long it takes on a machine with
// two processors; work calls detail with what it is doing at the moment. Steps
// may run side by side.
func (b *Board) Step(title string, usually time.Duration, work func(detail func(string)) error) error {
	s := &step{title: title, usually: usually, began: time.Now()}
	b.begin(s)
	err := work(func(detail string) {
		b.mu.Lock()
		s.detail = detail
		b.mu.Unlock()
	})
	b.end(s, err)
	return err
}

func (b *Board) begin(s *step) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running = append(b.running, s)
	if b.width() == 0 {
		fmt.Fprintf(b.out, "start:  %s (usually %s)\n", s.title, rough(s.usually))
		return
	}
	if b.stop == nil {
		b.stop = make(chan struct{})
		go b.animate(b.stop)
	}
}

func (b *Board) end(s *step, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running = slices.DeleteFunc(b.running, func(other *step) bool { return other == s })
	terminal, took := b.width() > 0, exact(time.Since(s.began))
	switch {
	case terminal && err != nil:
		b.print(fmt.Sprintf("✗ %6s  %s", took, s.title))
	case terminal:
		b.print(fmt.Sprintf("✓ %6s  %s", took, s.title))
	case err != nil:
		b.print(fmt.Sprintf("failed: %s (after %s)", s.title, took))
	default:
		b.print(fmt.Sprintf("done:   %s (took %s)", s.title, took))
	}
	if len(b.running) == 0 && b.stop != nil {
		close(b.stop)
		b.stop = nil
	}
}

// print writes a line that stays, above the moving lines.
func (b *Board) print(line string) { b.draw(line + "\n") }

// draw replaces the moving lines by the text and by their newest state.
func (b *Board) draw(text string) {
	var all strings.Builder
	all.WriteString(strings.Repeat("\x1b[1A\x1b[2K", b.drawn))
	all.WriteString(text)
	b.drawn = 0
	if width := b.width(); width > 0 {
		for _, s := range b.running {
			all.WriteString(s.line(b.frame, width, time.Now()) + "\n")
			b.drawn++
		}
	}
	_, _ = io.WriteString(b.out, all.String())
}

func (b *Board) animate(stop chan struct{}) {
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			b.mu.Lock()
			if b.stop == stop {
				b.frame++
				b.draw("")
			}
			b.mu.Unlock()
		}
	}
}
