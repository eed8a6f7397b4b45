// Command vendord hands each program on a machine the AWS credentials it may
// have, and no more.
//
// Every command is a file of its own, named for it: serve.go, exec.go,
// check.go … A command parses its arguments, does its work through the packages
// and returns an error; words are printed here and in ui.go, and only main
// exits. daemon.go is where all the parts are constructed and meet.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), newProgram(os.Args[1:])))
}
