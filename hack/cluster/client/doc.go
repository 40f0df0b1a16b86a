// Package client pins the Docker client and its builder to the versions that
// belong to the current engine. There is no code here: the client's own
// repository has no go.mod, so its dependencies are chosen in this one.
package client
