package main

import (
	"fmt"
	"io"
	"strings"
)

// peerSamples are the measurements of one way to build. Their bytes are those that the
// first build left for the next one.
type peerSamples struct {
	buildSamples
	name, skipped  string
	keptIn         string
	needs          jobNeeds
	received, sent []int64 // in a later build and its push, by the pod that builds
}

// peerFigures has the figures of one way to build.
type peerFigures struct {
	Name    string     `json:"name"`
	Skipped string     `json:"skipped,omitempty"` // why it was not measured
	Ways    []buildWay `json:"ways"`
	// ReceivedBytes and SentBytes are those of the pod that builds, in a later build and
	// its push.
	ReceivedBytes *int64 `json:"receivedBytes"`
	SentBytes     *int64 `json:"sentBytes"`
	// KeptBytes is what the first build leaves for the next one, null if nothing.
	KeptBytes *int64   `json:"keptBytes"`
	KeptIn    string   `json:"keptIn,omitempty"`
	Needs     jobNeeds `json:"needs"`
}

// jobNeeds is what a job's pod needs to build.
type jobNeeds struct {
	Privileged    bool   `json:"privileged"`
	InDaemon      bool   `json:"inDaemon,omitempty"` // the script runs there, not in a job
	ClusterRole   string `json:"clusterRole,omitempty"`
	SetupCommands int    `json:"setupCommands"`
}

func (n jobNeeds) String() string {
	text := "not privileged"
	switch {
	case n.InDaemon:
		text = "access to the daemon's container"
	case n.Privileged:
		text = "privileged"
	}
	if n.ClusterRole != "" {
		text += ", the role " + n.ClusterRole
	}
	return fmt.Sprintf("%s, set-up commands: %d", text, n.SetupCommands)
}

// newPeerSamples derives what a job needs from the pod that is created for it.
func newPeerSamples(p peer) *peerSamples {
	s := &peerSamples{name: p.name, buildSamples: buildSamples{ways: map[string][]float64{}}}
	s.needs = jobNeeds{InDaemon: p.inside, SetupCommands: len(p.job.setup)}
	pod := p.job.pod("")
	for _, container := range pod.Spec.Containers {
		if c := container.SecurityContext; c != nil && c.Privileged != nil && *c.Privileged {
			s.needs.Privileged = true
		}
	}
	if *pod.Spec.AutomountServiceAccountToken {
		s.needs.ClusterRole = buildxRole
	}
	switch {
	case p.builder != nil:
		s.keptIn = "volume"
	case p.cache != "":
		s.keptIn = "registry"
	}
	return s
}

func (p *peerSamples) figures() peerFigures {
	return peerFigures{
		Name: p.name, Skipped: p.skipped, Needs: p.needs, KeptIn: p.keptIn,
		Ways:          p.medians(peerFirst, peerPushAll, peerLater, peerPush, peerRestart, peerPruned),
		ReceivedBytes: medianOrNil(p.received), SentBytes: medianOrNil(p.sent), KeptBytes: medianOrNil(p.bytes),
	}
}

// writePeers adds the section to a table, with a row for each way to build.
func writePeers(table io.Writer, all []peerFigures) {
	if len(all) == 0 {
		return
	}
	columns := []string{peerFirst, peerPushAll, peerLater, peerPush, peerRestart, peerPruned}
	fmt.Fprintf(table, "\n%s\treceived\tsent\tkept\t  ways to build, and what a job needs\n", strings.Join(columns, "\t"))
	for _, p := range all {
		for _, name := range columns {
			fmt.Fprintf(table, "%s\t", known(wayNamed(p.Ways, name), "%.1f s", 1))
		}
		note, kept := p.Needs.String(), known(number(p.KeptBytes), "%.0f MB", 1e6)
		if p.Skipped != "" {
			note = "skipped: " + p.Skipped
		}
		if p.KeptBytes != nil {
			kept += " " + p.KeptIn
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t  %s (%s)\n", known(number(p.ReceivedBytes), "%.2f MB", 1e6), known(number(p.SentBytes), "%.2f MB", 1e6),
			kept, p.Name, note)
	}
}
