package main

import _ "github.com/testcontainers/testcontainers-go"

func main() {}
