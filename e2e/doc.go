// Package e2e tests the built program on a real cluster, as a user sees it:
// command lines go in; exit codes, stdout, stderr and objects in the cluster
// come out. Only leaks_test.go and tls_test.go import packages of the program.
//
// The tests have the build tag e2e; `make test` starts a cluster and runs them.
// harness_environment_test.go lists the environment variables that configure
// them. Each harness_*_test.go holds what tests are written with, and every
// other file is named after its tests.
package e2e
