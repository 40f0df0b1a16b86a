package cli

import (
	"fmt"
	"strings"

	"github.com/dindctl/dindctl/internal/dind"
)

// What the formats say in comments, one line each: what else a system's jobs need, and
// what works differently from a daemon for each job.
const (
	// servicesHint is in each format: the variables have no effect on a job that still
	// starts a daemon.
	servicesHint   = "Remove `services: docker:dind` from the jobs: it would start a separate daemon for each job."
	overridesHint  = "Remove their DOCKER_HOST and DOCKER_TLS_CERTDIR, too: they take precedence. `docker info | grep Name:` in a job prints %s if it uses this daemon."
	sharedHint     = "Jobs share tags, container names, ports, networks and Compose projects: use names with the job's ID, and remove at the end what the job started."
	unreachable    = "Ports that containers publish (-p) are not reachable, so Testcontainers needs TESTCONTAINERS_RYUK_DISABLED=true: connect from a container in the same network, or install with --publish-ports."
	reachable      = "Ports that containers publish are at %s, not at localhost. Use a port in %s, or -p 80 for any free one of them."
	waitHint       = "Without this script, a job that begins while the daemon restarts is refused. It does nothing if DOCKER_HOST is another one."
	replicasHint   = "This script sets DOCKER_HOST to the replica that the project's builds always use, or to another one while that restarts. Without it, all jobs use %s. It takes DINDCTL_KEY in place of the project's ID, and DINDCTL_REPLICA, a number or name, for a replica."
	gitLabWaitHint = "Jobs run it with `before_script: [!reference [.dindctl, before_script]]`; `--format runner` has it for all jobs of a runner."
	runnerWaitHint = "If the runner has a pre_build_script already, add the lines to it."
	workspaceHint  = "The daemon does not see the job's files: %s cannot work, because they mount them."
)

// comment returns the lines as comments.
func comment(mark string, lines ...string) string {
	return mark + " " + strings.Join(lines, "\n"+mark+" ") + "\n"
}

// commented returns a block of lines as comments.
func commented(mark, block string) string {
	return comment(mark, strings.Split(strings.TrimRight(block, "\n"), "\n")...)
}

// scriptHint returns what the script for jobs is for.
func scriptHint(access dind.Access) string {
	if access.Replicas > 1 {
		return fmt.Sprintf(replicasHint, access.Name)
	}
	return waitHint
}

// overrides returns what a runner's jobs must not set themselves.
func overrides(access dind.Access) string {
	name := access.Name
	if access.Replicas > 1 {
		name += ", or the name of another replica,"
	}
	return fmt.Sprintf(overridesHint, name)
}

// shared returns what jobs share, and how they reach the ports that they publish.
func shared(access dind.Access) []string {
	ports := unreachable
	if access.Ports != "" {
		ports = fmt.Sprintf(reachable, access.Host, access.Ports)
	}
	return []string{sharedHint, ports}
}

// mounted returns how a job gets the certificates; nothing without TLS.
func mounted(access dind.Access) []string {
	if access.Certificates == nil {
		return nil
	}
	secret, as := access.Certificates.Secret, ""
	if secret.Given {
		var names []string
		for _, k := range secret.Keys() {
			names = append(names, k.Key+" as "+k.File)
		}
		as = ", with " + strings.Join(names, ", ")
	}
	return []string{fmt.Sprintf("The job's pod must mount the Secret %s at %s%s.", secret.Name, access.Certificates.Path, as)}
}

func gitLabComments(access dind.Access) []string {
	lines := append([]string{servicesHint, overrides(access)}, shared(access)...)
	if access.Certificates != nil {
		lines = append(lines, fmt.Sprintf("The runner mounts the Secret %s: see `dindctl env --format runner`.", access.Certificates.Secret.Name))
	}
	return lines
}

func gitHubComments(access dind.Access) []string {
	lines := append([]string{servicesHint}, shared(access)...)
	return append(append(lines,
		fmt.Sprintf(workspaceHint, "`container:`, `services:` and `uses: docker://`"),
		"`docker/setup-buildx-action` needs `driver: docker`; its default creates a builder with an empty cache in each run.",
		"With the Actions Runner Controller, set the variables in the runner's pod: template.spec.containers[].env.",
	), mounted(access)...)
}

func jenkinsComments(access dind.Access) []string {
	lines := append([]string{servicesHint}, shared(access)...)
	return append(append(lines,
		fmt.Sprintf(workspaceHint, "`agent { docker … }` and `docker.image().inside`"),
		"Run the stage in a container of the agent's pod instead, with the image docker:29.",
	), mounted(access)...)
}

func shellComments(access dind.Access) []string {
	return append(append([]string{servicesHint}, shared(access)...), mounted(access)...)
}
