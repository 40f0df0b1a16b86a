// Package e2e drives the built program against a real cluster, as a user does:
// command lines in; exit codes, stdout, stderr and what is in the cluster out.
// It imports nothing of the program. The tests carry the build tag e2e; `make
// test` starts a cluster and runs them.
//
// What they read from the environment is in environment_test.go.
package e2e
