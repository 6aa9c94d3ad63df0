package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cleanAfter waits until the keeper is gone and removes what the kernel does not: control groups, loop devices, files.
func cleanAfter(name string) error {
	// A terminal's or a group's signal ends the keeper; this one has to outlive it.
	unix.CloseOnExec(3)
	if _, err := io.Copy(io.Discard, os.NewFile(3, "keeper")); err != nil {
		return err
	}
	lock, err := waitForLock(name)
	if err != nil {
		return err
	}
	defer lock.Close()
	return clean(name)
}

func waitForLock(name string) (*os.File, error) {
	deadline := time.Now().Add(time.Minute)
	for {
		lock, mine, err := hold(name)
		if err != nil || mine {
			return lock, err
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("the lock of %s is still held", name)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// clean removes everything of a cluster whose keeper is gone; the caller holds its lock. Logs stay, the caller's folder too.
func clean(name string) error {
	known, err := readRecord(name)
	if err == nil {
		if err := removeCgroups(known.Cgroups); err != nil {
			return err
		}
		if err := detachLoops(known.path("var")); err != nil {
			return err
		}
		if err := keepLogs(known); err != nil {
			return err
		}
		for _, folder := range []string{"root", "var", "run", "tmp", "etc", "kubeconfig"} {
			if err := os.RemoveAll(known.path(folder)); err != nil {
				return err
			}
		}
	} else if !errors.Is(err, os.ErrNotExist) && !strings.Contains(err.Error(), "there is no cluster") {
		return err
	}
	for _, file := range []string{controlPath(name), recordPath(name) + ".new", recordPath(name), lockPath(name)} {
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	_ = os.Remove(recordFolder)
	return nil
}

// keepLogs moves what the parts wrote to where it may still be read.
func keepLogs(known record) error {
	from := known.path("var", "log", "cluster")
	if _, err := os.Stat(from); err != nil {
		return nil
	}
	if err := os.RemoveAll(known.path("logs")); err != nil {
		return err
	}
	return os.Rename(from, known.path("logs"))
}

// detachLoops frees loop devices on files below a folder: the kernel keeps them when all processes are gone.
func detachLoops(folder string) error {
	type file struct{ device, inode uint64 }
	devices, err := filepath.Glob("/sys/block/loop*/loop")
	if err != nil || len(devices) == 0 {
		return err
	}
	below := map[file]bool{}
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil
		}
		var info syscall.Stat_t
		if syscall.Lstat(path, &info) == nil {
			below[file{info.Dev, info.Ino}] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, each := range devices {
		device, err := os.OpenFile(filepath.Join("/dev", filepath.Base(filepath.Dir(each))), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		info, err := unix.IoctlLoopGetStatus64(int(device.Fd()))
		if err == nil && below[file{info.Device, info.Inode}] {
			err = unix.IoctlSetInt(int(device.Fd()), unix.LOOP_CLR_FD, 0)
			if err != nil {
				device.Close()
				return fmt.Errorf("detach %s: %w", device.Name(), err)
			}
		}
		device.Close()
	}
	return nil
}

// sweep cleans after keepers that were killed together with their cleaners.
func sweep() (int, error) {
	entries, err := filepath.Glob(filepath.Join(recordFolder, "*.lock"))
	if err != nil {
		return 0, err
	}
	count := 0
	for _, entry := range entries {
		name := strings.TrimSuffix(filepath.Base(entry), ".lock")
		lock, mine, err := hold(name)
		if err != nil {
			return count, err
		}
		if !mine {
			continue
		}
		_, absent := os.Stat(recordPath(name))
		err = clean(name)
		lock.Close()
		if err != nil {
			return count, err
		}
		if absent == nil {
			count++
		}
	}
	return count, nil
}
