package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// down ends a cluster and waits until nothing of it is left.
func down(name string) error {
	known, err := readRecord(name)
	if err != nil {
		// Not there: that is what was asked for. A lock alone is left where up was killed in its first moment.
		_, err := sweep()
		return err
	}
	_ = tell(name, "down")
	deadline := time.Now().Add(time.Minute)
	for {
		// Keeper and cleaner may both have been killed.
		if _, err := sweep(); err != nil {
			return err
		}
		if _, err := os.Stat(recordPath(name)); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("cluster %s does not end; its folder is %s", name, known.Folder)
		}
		// Asked before its socket was there, the keeper did not hear it.
		_ = tell(name, "down")
		time.Sleep(20 * time.Millisecond)
	}
}

// tell sends one line to the keeper.
func tell(name, line string) error {
	connection, err := net.Dial("unix", controlPath(name))
	if err != nil {
		return fmt.Errorf("cluster %s does not run: %w", name, err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintln(connection, line); err != nil {
		return err
	}
	answer, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil {
		return err
	}
	if answer = strings.TrimSpace(answer); answer != "ok" {
		return errors.New(answer)
	}
	return nil
}

func reach(name string, targets []string) error {
	for _, target := range targets {
		if err := tell(name, "reach "+target); err != nil {
			return err
		}
		_, port, err := net.SplitHostPort(target)
		if err != nil {
			return err
		}
		fmt.Printf("%s:%s\n", nodeAddress, port)
	}
	return nil
}

// load gives images to containerd under the names that pods will use.
func load(name string, images []string) error {
	known, err := readRecord(name)
	if err != nil {
		return err
	}
	for _, image := range images {
		reference, path, found := strings.Cut(image, "=")
		if !found {
			return usageError(fmt.Sprintf("%q is not REFERENCE=PATH", image))
		}
		if err := loadOne(known, reference, path); err != nil {
			return fmt.Errorf("%s: %w", reference, err)
		}
	}
	return nil
}

func loadOne(known record, reference, path string) error {
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(writeArchive(writer, reference, path)) }()
	// Other platforms than the node's may be absent from the archive and are not needed.
	command := exec.Command("/usr/bin/ctr", "-a", inRoot(known, containerdRun), "-n", "k8s.io", "images", "import", "-")
	command.Stdin = reader
	out, err := command.CombinedOutput()
	reader.Close()
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// copyLogs copies the logs of the parts, also of a cluster that has just ended.
func copyLogs(name, to string) error {
	if to == "" {
		return usageError("logs needs --to FOLDER")
	}
	known, err := readRecord(name)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(known.path("var", "log", "cluster", "*.log"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, file := range append(files, known.path("starter.log")) {
		if err := copyFile(file, filepath.Join(to, filepath.Base(file))); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.Create(to)
	if err != nil {
		return err
	}
	defer target.Close()
	_, err = io.Copy(target, source)
	return err
}
