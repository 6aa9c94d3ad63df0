// starter brings up a one-node Kubernetes in namespaces of its own and takes it down again: no rule, mount, socket or
// process of the machine is touched, and when it is killed nothing of it stays. It is the Kubernetes of the project's own
// tests and the worked example of a cluster by commands (docs/kubernetes.md).
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

const usage = `usage:
  starter up --name NAME --folder FOLDER --parts FOLDER [--die-with PID] [--within 90s]
      starts a cluster; FOLDER gets its kubeconfig and logs; says what it is as JSON
  starter load --name NAME REFERENCE=PATH…
      puts images into it; PATH is an OCI layout or a tar of one
  starter reach --name NAME HOST:PORT…
      makes an address of this machine reachable for pods, at 192.168.77.2:PORT
  starter logs --name NAME --to FOLDER
      copies what its parts wrote
  starter down --name NAME
      removes all of it; nothing to do is no error
  starter sweep
      removes what killed starters left; says how many clusters that were
`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	name := flags.String("name", "", "")
	folder := flags.String("folder", "", "")
	parts := flags.String("parts", "", "")
	owner := flags.Int("die-with", 0, "")
	within := flags.Duration("within", 90*time.Second, "")
	to := flags.String("to", "", "")
	if err := flags.Parse(os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "starter: %v\n%s", err, usage)
		os.Exit(2)
	}
	if err := run(os.Args[1], *name, *folder, *parts, *to, *owner, *within, flags.Args()); err != nil {
		fmt.Fprintf(os.Stderr, "starter: %v\n", err)
		var wrong usageError
		if errors.As(err, &wrong) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

// usageError is a mistake of the caller's.
type usageError string

func (e usageError) Error() string { return string(e) }

func run(command, name, folder, parts, to string, owner int, within time.Duration, rest []string) error {
	if command != "sweep" && !validName.MatchString(name) {
		return usageError("--name NAME is needed: lower-case letters, digits and dashes, at most 60")
	}
	switch command {
	case "up":
		if folder == "" || parts == "" {
			return usageError("up needs --folder and --parts")
		}
		return up(name, folder, parts, owner, within)
	case "load":
		return load(name, rest)
	case "reach":
		return reach(name, rest)
	case "logs":
		return copyLogs(name, to)
	case "down":
		return down(name)
	case "sweep":
		count, err := sweep()
		fmt.Println(count)
		return err
	// What up starts: no commands for people.
	case "keep":
		return keep(name)
	case "clean-after":
		return cleanAfter(name)
	case "enter":
		return enter(name)
	case "inside":
		return inside(name)
	}
	return usageError(fmt.Sprintf("there is no command %q\n%s", command, usage))
}
