package main

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Settings of the kernel that the kubelet would change for the whole machine. It finds these values in their stead.
var kernelSettings = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// buildRoot makes a root of an allow-list and moves into it: system folders read-only, everything that is written in the
// cluster's folder or in memory.
func buildRoot(known record) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("own mounts: %w", err)
	}
	all, err := hierarchies()
	if err != nil {
		return err
	}
	root := known.path("root")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("root", root, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	at := func(path string) string { return filepath.Join(root, path) }
	for _, folder := range []string{
		"usr", "etc", "dev", "proc", "sys", "run", "tmp", "var", "root", "parts", "mnt", "opt", "home", "srv", "media",
		".etc/upper", ".etc/work", ".kernel",
	} {
		if err := os.MkdirAll(at(folder), 0o755); err != nil {
			return err
		}
	}
	for _, name := range []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"} {
		if err := sameAsHost(name, root); err != nil {
			return err
		}
	}
	if err := bindReadOnly("/usr", at("usr")); err != nil {
		return err
	}
	if err := bindReadOnly(known.Parts, at("parts")); err != nil {
		return err
	}
	for _, folder := range []string{"var", "run", "tmp"} {
		if err := os.MkdirAll(known.path(folder), 0o755); err != nil {
			return err
		}
		if err := unix.Mount(known.path(folder), at(folder), "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	for _, folder := range []string{
		"var/lib/etcd", "var/lib/kubelet", "var/lib/containerd", "var/lib/cni", "var/log/cluster", "var/log/pods",
		"var/run", "var/tmp", "run/containerd", "run/registries", "run/lock",
	} {
		mode := os.FileMode(0o755)
		if folder == "var/lib/etcd" {
			mode = 0o700
		}
		if err := os.MkdirAll(at(folder), mode); err != nil {
			return err
		}
	}
	if err := buildEtc(known, root); err != nil {
		return err
	}
	if err := unix.Mount("/dev", at("dev"), "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	if err := unix.Mount("shm", at("dev/shm"), "tmpfs", 0, "mode=1777"); err != nil {
		return err
	}
	if err := unix.Mount("proc", at("proc"), "proc", 0, ""); err != nil {
		return err
	}
	if err := unix.Mount("sysfs", at("sys"), "sysfs", 0, ""); err != nil {
		return err
	}
	if err := mountCgroups(root, all); err != nil {
		return err
	}
	if err := standInKernelSettings(root); err != nil {
		return err
	}
	if err := os.MkdirAll(at(".old"), 0o700); err != nil {
		return err
	}
	if err := unix.PivotRoot(root, at(".old")); err != nil {
		return fmt.Errorf("move into the new root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := unix.Unmount("/.old", unix.MNT_DETACH); err != nil {
		return err
	}
	// Mounts below /var/lib/kubelet must reach the pods that ask for that.
	return unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, "")
}

// sameAsHost repeats a link into /usr, or shows the folder where /usr is not merged.
func sameAsHost(name, root string) error {
	from := "/" + name
	target, err := os.Readlink(from)
	if err == nil {
		return os.Symlink(target, filepath.Join(root, name))
	}
	if info, err := os.Stat(from); err != nil || !info.IsDir() {
		return nil
	}
	if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
		return err
	}
	return bindReadOnly(from, filepath.Join(root, name))
}

func bindReadOnly(from, to string) error {
	if err := unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("show %s: %w", from, err)
	}
	return unix.Mount("", to, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_REC, "")
}

// buildEtc lays files of the cluster's own over those of the machine.
func buildEtc(known record, root string) error {
	options := fmt.Sprintf("lowerdir=/etc,upperdir=%s,workdir=%s", filepath.Join(root, ".etc/upper"), filepath.Join(root, ".etc/work"))
	at := filepath.Join(root, "etc")
	if err := unix.Mount("etc", at, "overlay", 0, options); err != nil {
		return fmt.Errorf("an /etc of its own: %w", err)
	}
	files := map[string]string{
		"hosts":       fmt.Sprintf("127.0.0.1 localhost\n%s %s\n", nodeAddress, nodeName),
		"hostname":    nodeName + "\n",
		"resolv.conf": "",
	}
	for name, content := range files {
		file := filepath.Join(at, name)
		if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
			return err
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			return err
		}
	}
	for _, folder := range []string{"kubernetes", "cni/net.d"} {
		if err := os.RemoveAll(filepath.Join(at, folder)); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(at, folder), 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount(known.path("etc"), filepath.Join(at, "kubernetes"), "", unix.MS_BIND, ""); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(at, "cni/net.d/10-pods.conflist"), []byte(networkSettings), 0o644)
}

func standInKernelSettings(root string) error {
	for name, value := range kernelSettings {
		own := filepath.Join(root, ".kernel", filepath.Base(name))
		if err := os.WriteFile(own, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
		if err := unix.Mount(own, filepath.Join(root, "proc/sys", name), "", unix.MS_BIND, ""); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("stand-in for /proc/sys/%s: %w", name, err)
		}
	}
	return nil
}
