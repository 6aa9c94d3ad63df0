package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const cgroupRoot = "/sys/fs/cgroup"

// hierarchy is one tree of control groups: of one or several controllers (version 1), or of all (version 2).
type hierarchy struct {
	// options of its mount; empty for version 2.
	options string
	// folder below /sys/fs/cgroup where it is mounted.
	folder string
	// own is this process's group in it.
	own string
}

// hierarchies of this machine that are mounted where they usually are.
func hierarchies() ([]hierarchy, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var found []hierarchy
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		folder := cgroupMount(string(mounts), parts[1])
		if folder == "" {
			continue
		}
		options := parts[1]
		if strings.HasPrefix(options, "name=") {
			options = "none," + options
		}
		found = append(found, hierarchy{options: options, folder: folder, own: parts[2]})
	}
	if len(found) == 0 {
		return nil, errors.New("no control groups are mounted below " + cgroupRoot)
	}
	return found, nil
}

// cgroupMount answers where the hierarchy of these controllers is mounted; of version 2 when they are none.
func cgroupMount(mounts, controllers string) string {
	for line := range strings.Lines(mounts) {
		head, tail, _ := strings.Cut(line, " - ")
		fields, kinds := strings.Fields(head), strings.Fields(tail)
		if len(fields) < 5 || len(kinds) < 3 || !strings.HasPrefix(fields[4], cgroupRoot) {
			continue
		}
		if controllers == "" && kinds[0] == "cgroup2" {
			return fields[4]
		}
		if controllers == "" || kinds[0] != "cgroup" {
			continue
		}
		given := "," + kinds[2] + ","
		all := true
		for each := range strings.SplitSeq(controllers, ",") {
			all = all && strings.Contains(given, ","+each+",")
		}
		if all {
			return fields[4]
		}
	}
	return ""
}

func (h hierarchy) groupOf(name string) string {
	return filepath.Join(h.folder, h.own, "fairlead-cluster-"+name)
}

// makeCgroups makes a group of the cluster's own in every hierarchy and puts a process into all of them.
func makeCgroups(folders []string, pid int) error {
	for _, folder := range folders {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		// A group of cpusets takes no process before it has processors and memory.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			own := filepath.Join(folder, file)
			if content, err := os.ReadFile(own); err != nil || strings.TrimSpace(string(content)) != "" {
				continue
			}
			content, err := os.ReadFile(filepath.Join(filepath.Dir(folder), file))
			if err == nil && strings.TrimSpace(string(content)) != "" {
				if err := os.WriteFile(own, content, 0o644); err != nil {
					return err
				}
			}
		}
		if err := os.WriteFile(filepath.Join(folder, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644); err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
	}
	return nil
}

// mountCgroups shows, in a cgroup namespace, the cluster's own groups as the whole of /sys/fs/cgroup.
func mountCgroups(root string, all []hierarchy) error {
	base := filepath.Join(root, cgroupRoot)
	if len(all) == 1 && all[0].folder == cgroupRoot {
		if err := unix.Mount("cgroup2", base, "cgroup2", 0, ""); err != nil {
			return fmt.Errorf("mount cgroup2: %w", err)
		}
		return splitUnified(base)
	}
	if err := unix.Mount("cgroups", base, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount %s: %w", base, err)
	}
	for _, each := range all {
		at := filepath.Join(root, each.folder)
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		kind := "cgroup"
		if each.options == "" {
			kind = "cgroup2"
		}
		if err := unix.Mount(kind, at, kind, 0, each.options); err != nil {
			return fmt.Errorf("mount %s: %w", each.folder, err)
		}
	}
	return nil
}

// splitUnified moves this process into a leaf: in version 2 a group with controllers for its children holds no process.
func splitUnified(base string) error {
	leaf := filepath.Join(base, "starter")
	if err := os.MkdirAll(leaf, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte("0"), 0o644); err != nil {
		return err
	}
	given, err := os.ReadFile(filepath.Join(base, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for controller := range strings.FieldsSeq(string(given)) {
		if err := os.WriteFile(filepath.Join(base, "cgroup.subtree_control"), []byte("+"+controller), 0o644); err != nil {
			return fmt.Errorf("pass the controller %s on: %w", controller, err)
		}
	}
	return nil
}

// removeCgroups ends whatever is left in the groups and removes them, deepest first.
func removeCgroups(folders []string) error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		var left []string
		for _, folder := range folders {
			if !removeGroup(folder) {
				left = append(left, folder)
			}
		}
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("control groups are still in use: %s", strings.Join(left, ", "))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func removeGroup(folder string) bool {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, os.ErrNotExist) {
		return true
	}
	for _, entry := range entries {
		if entry.IsDir() && !removeGroup(filepath.Join(folder, entry.Name())) {
			return false
		}
	}
	if text, err := os.ReadFile(filepath.Join(folder, "cgroup.procs")); err == nil {
		for pid := range strings.FieldsSeq(string(text)) {
			if number, err := strconv.Atoi(pid); err == nil && number > 1 {
				_ = unix.Kill(number, unix.SIGKILL)
			}
		}
	}
	err = unix.Rmdir(folder)
	return err == nil || errors.Is(err, unix.ENOENT)
}
