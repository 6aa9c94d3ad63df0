package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// missing says, each by name, what this machine lacks for a cluster.
func missing(parts string) []string {
	var lacks []string
	if os.Geteuid() != 0 {
		lacks = append(lacks, "root: namespaces, mounts and control groups need it")
	}
	for program, from := range map[string]string{
		"/usr/bin/etcd": "etcd-server", "/usr/bin/containerd": "containerd", "/usr/bin/ctr": "containerd", "/usr/sbin/runc": "runc",
		"/usr/lib/cni/bridge": "containernetworking-plugins", "/usr/lib/cni/portmap": "containernetworking-plugins",
		"/usr/sbin/iptables": "iptables", "/usr/sbin/conntrack": "conntrack",
	} {
		if _, err := os.Stat(program); err != nil {
			lacks = append(lacks, fmt.Sprintf("%s: apt-get install %s", program, from))
		}
	}
	for _, name := range []string{"kubernetes", "pause.tar"} {
		if _, err := os.Stat(filepath.Join(parts, name)); err != nil {
			lacks = append(lacks, fmt.Sprintf("%s: node test/cluster/build.mjs makes it", filepath.Join(parts, name)))
		}
	}
	return lacks
}

// up starts a cluster and waits until pods can be run on it. Where it fails or is stopped, nothing of it stays.
func up(name, folder, parts string, owner int, within time.Duration) error {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	if parts, err = filepath.EvalSymlinks(parts); err != nil {
		return err
	}
	if parts, err = filepath.Abs(parts); err != nil {
		return err
	}
	if lacks := missing(parts); len(lacks) > 0 {
		return fmt.Errorf("this machine lacks:\n  %s", strings.Join(lacks, "\n  "))
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if _, err := sweep(); err != nil {
		return err
	}
	if err := os.MkdirAll(recordFolder, 0o700); err != nil {
		return err
	}
	started := time.Now()
	lock, mine, err := hold(name)
	if err != nil {
		return err
	}
	if !mine {
		return fmt.Errorf("a cluster %s is already there: starter down --name %s", name, name)
	}
	if err := os.MkdirAll(filepath.Join(folder, "etc"), 0o700); err != nil {
		return err
	}
	if err := (record{Name: name, Folder: folder, Parts: parts, Owner: owner}).write(); err != nil {
		return err
	}
	if err := startKeeper(ctx, name, folder, lock); err != nil {
		return errors.Join(err, down(name))
	}
	if err := waitUntilReady(ctx, name, folder); err != nil {
		return errors.Join(err, down(name))
	}
	known, err := readRecord(name)
	if err != nil {
		return errors.Join(err, down(name))
	}
	version, err := exec.Command(filepath.Join(parts, "kubernetes"), "kubectl", "version", "--client", "-o", "json").Output()
	if err != nil {
		return errors.Join(err, down(name))
	}
	var answer struct {
		ClientVersion struct{ GitVersion string }
	}
	if err := json.Unmarshal(version, &answer); err != nil {
		return errors.Join(err, down(name))
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"name":       name,
		"kubeconfig": known.path("kubeconfig"),
		"server":     fmt.Sprintf("127.0.0.1:%d", known.Port),
		"kubernetes": answer.ClientVersion.GitVersion,
		"seconds":    float64(time.Since(started).Milliseconds()) / 1000,
	})
}

func startKeeper(ctx context.Context, name, folder string, lock *os.File) error {
	defer lock.Close()
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reader.Close()
	log, err := os.OpenFile(filepath.Join(folder, "starter.log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	keeper := exec.Command("/proc/self/exe", "keep", "--name", name)
	keeper.Args[0] = "starter"
	keeper.ExtraFiles = []*os.File{writer, lock}
	keeper.Stdout, keeper.Stderr = log, log
	keeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = keeper.Start()
	writer.Close()
	if err != nil {
		return err
	}
	// Once it runs, stopping this command is taking the cluster down.
	context.AfterFunc(ctx, func() { reader.Close() })
	said, _ := io.ReadAll(reader)
	if strings.TrimSpace(string(said)) == "ready" {
		return keeper.Process.Release()
	}
	if ctx.Err() != nil {
		return fmt.Errorf("stopped: %w", context.Cause(ctx))
	}
	words, _ := os.ReadFile(log.Name())
	return fmt.Errorf("the cluster could not be started: %s", strings.TrimSpace(string(words)))
}

// waitUntilReady asks until the node takes pods and the default namespace has its account.
func waitUntilReady(ctx context.Context, name, folder string) error {
	last := "the API does not answer"
	for {
		known, err := readRecord(name)
		if err != nil {
			words, _ := os.ReadFile(filepath.Join(folder, "starter.log"))
			return fmt.Errorf("the cluster ended while it started: %s", words)
		}
		words, ready := readiness(ctx, known)
		if ready {
			return nil
		}
		if words != "" {
			last = words
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the cluster is not ready (%w): %s; its logs are in %s", context.Cause(ctx), last, known.path("logs"))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func readiness(ctx context.Context, known record) (string, bool) {
	ask := func(arguments ...string) (string, error) {
		argv := append([]string{"kubectl", "--kubeconfig", known.path("kubeconfig"), "--request-timeout=5s"}, arguments...)
		command := exec.CommandContext(ctx, filepath.Join(known.Parts, "kubernetes"), argv...)
		// kubectl caches what it discovers below HOME.
		command.Env = []string{"HOME=" + known.path("tmp"), "PATH=/usr/bin:/bin"}
		var said bytes.Buffer
		command.Stderr = &said
		out, err := command.Output()
		if err != nil {
			return strings.TrimSpace(said.String()), err
		}
		return string(out), nil
	}
	node, err := ask("get", "node", nodeName, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].message}{.spec.taints}`)
	if err != nil || !strings.HasPrefix(node, "True") || strings.Contains(node, "not-ready") {
		return node, false
	}
	account, err := ask("get", "serviceaccount", "default", "-o", "name")
	if err != nil {
		return account, false
	}
	images, err := exec.CommandContext(ctx, "/usr/bin/ctr", "-a", inRoot(known, containerdRun), "-n", "k8s.io", "images", "ls", "-q").CombinedOutput()
	return "the pause image is not there yet: " + string(images), err == nil && strings.Contains(string(images), pauseImage)
}

// inRoot is a path of the cluster's as this machine reaches it.
func inRoot(known record, path string) string {
	return filepath.Join(fmt.Sprintf("/proc/%d/root", known.Init), path)
}
