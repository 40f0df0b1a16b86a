package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/redact"
)

// replicaFlag returns the option of the commands that can work on one replica only.
func replicaFlag() *cli.StringFlag {
	return text("replica", "only this replica of several: 0 is the first (default: all)", "NUMBER")
}

// parseReplica reads --replica. As in a job, whose DINDCTL_REPLICA also sets it, it may be the
// replica's name.
func (s *session) parseReplica(given string) {
	if given == "" {
		return
	}
	number := strings.TrimPrefix(given, s.name+"-")
	if given == s.name {
		number = "0"
	}
	replica, err := strconv.Atoi(number)
	if err != nil || replica < 0 || replica >= dind.MaxReplicas {
		s.problem("--replica", given, fmt.Sprintf("must be a number from 0 to %d", dind.MaxReplicas-1), "`dindctl status` shows the replicas.")
		return
	}
	s.name, s.alone = dind.ReplicaName(s.name, replica), true
}

// eachReplica is with for each replica of the installation, one after the other. Without an
// error, there is at least one result.
func eachReplica[T any](ctx context.Context, s *session, work func(context.Context, lifecycle.Instance) (T, error)) ([]T, error) {
	return with(ctx, s, func(ctx context.Context, i lifecycle.Instance) ([]T, error) {
		return lifecycle.EachReplica(ctx, i, work)
	})
}

// printEach prints the results of eachReplica: each as text, under the name of the replica
// if there are several, or the first as a document, which has the others.
func printEach[T any](s *session, results []T, text func(io.Writer, T) error) error {
	return s.print(results[0], func(out io.Writer) error {
		for n, result := range results {
			if len(results) > 1 {
				fmt.Fprintf(out, "%s:\n", dind.ReplicaName(s.name, n))
			}
			if err := text(out, result); err != nil {
				return err
			}
		}
		return nil
	})
}

func (p *program) whereCommand() *cli.Command {
	return &cli.Command{
		Name:      "where",
		Usage:     "print the replica that builds a project, and those that do while it restarts",
		UsageText: "dindctl where KEY [options]",
		ArgsUsage: "KEY",
		Description: "KEY is what the script of `dindctl env` reads in the project's jobs: DINDCTL_KEY, or else\n" +
			"CI_PROJECT_ID, GITHUB_REPOSITORY_ID or JOB_NAME.",
		Action: p.where,
	}
}

// place says where a project builds.
type place struct {
	Key     string `json:"key"`
	Replica string `json:"replica"`
	// Then are the other replicas, in the order in which jobs ask for them.
	Then []string `json:"then"`
}

func (p *program) where(c *cli.Context) error {
	s := p.session(c)
	key := c.Args().First()
	switch {
	case c.Args().Len() != 1:
		s.problem("KEY", strings.Join(c.Args().Slice(), " "), "must be one word", "For example, `dindctl where 4711`, with the project's ID.")
	case key == redact.Hidden:
		s.problem("KEY", "", "may be part of the secret before it", "Put it before the options.")
	}
	if err := s.validate(c); err != nil {
		return err
	}
	access, err := with(c.Context, s, func(ctx context.Context, i lifecycle.Instance) (dind.Access, error) { return i.Access(ctx) })
	if err != nil {
		return err
	}
	ranking := dind.Ranking(s.name, key, access.Replicas)
	return s.print(place{Key: key, Replica: ranking[0], Then: ranking[1:]}, func(out io.Writer) error {
		then := ""
		if len(ranking) > 1 {
			then = " (then " + strings.Join(ranking[1:], ", ") + ")"
		}
		_, err := fmt.Fprintf(out, "%s%s\n", ranking[0], then)
		return err
	})
}
