package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
)

// recordFolder says which clusters there are on this machine. It is in memory, so a reboot empties it, as it ends all
// clusters.
const recordFolder = "/run/fairlead-clusters"

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,59}$`)

// record is written before anything is started, so that whatever is killed when can be found and removed.
type record struct {
	Name   string
	Folder string
	Parts  string
	// Owner is a process with which the cluster ends; 0 for none.
	Owner int
	// Cgroups are the folders of the cluster's own control groups.
	Cgroups []string
	// Init is the first process of the cluster as this machine counts; 0 before it is started.
	Init int
	// Port of 127.0.0.1 under which the API is served.
	Port int
}

func recordPath(name string) string  { return filepath.Join(recordFolder, name+".json") }
func controlPath(name string) string { return filepath.Join(recordFolder, name+".sock") }
func lockPath(name string) string    { return filepath.Join(recordFolder, name+".lock") }

func readRecord(name string) (record, error) {
	var read record
	bytes, err := os.ReadFile(recordPath(name))
	if errors.Is(err, os.ErrNotExist) {
		return read, fmt.Errorf("there is no cluster %s on this machine", name)
	}
	if err != nil {
		return read, err
	}
	if err := json.Unmarshal(bytes, &read); err != nil {
		return read, fmt.Errorf("%s: %w", recordPath(name), err)
	}
	return read, nil
}

// write replaces the record whole or not at all.
func (r record) write() error {
	bytes, err := json.Marshal(r)
	if err != nil {
		return err
	}
	beside := recordPath(r.Name) + ".new"
	if err := os.WriteFile(beside, bytes, 0o600); err != nil {
		return err
	}
	return os.Rename(beside, recordPath(r.Name))
}

// hold takes the lock of a cluster; it is held until the process ends. false: another process holds it.
func hold(name string) (*os.File, bool, error) {
	file, err := os.OpenFile(lockPath(name), os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, false, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		file.Close()
		return nil, false, nil
	}
	if err != nil {
		file.Close()
		return nil, false, err
	}
	// A cleaner may have removed the file between opening and locking it.
	var held, named syscall.Stat_t
	if err := syscall.Fstat(int(file.Fd()), &held); err != nil {
		file.Close()
		return nil, false, err
	}
	if err := syscall.Stat(lockPath(name), &named); err != nil || named.Ino != held.Ino {
		file.Close()
		return hold(name)
	}
	return file, true, nil
}

// within the cluster's folder
func (r record) path(parts ...string) string {
	return filepath.Join(append([]string{r.Folder}, parts...)...)
}
