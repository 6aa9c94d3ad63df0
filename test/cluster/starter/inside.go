package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// enter runs as the first process of its namespaces: it waits until it was put into the cluster's control groups, makes
// those the root of what it sees, and goes on as inside.
func enter(name string) error {
	lockForever()
	gate := os.NewFile(3, "gate")
	if _, err := io.Copy(io.Discard, bufio.NewReader(gate)); err != nil {
		return err
	}
	gate.Close()
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("a cgroup namespace: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return unix.Exec(self, []string{"starter", "inside", "--name", name}, os.Environ())
}

// inside builds the world of the cluster and keeps its parts running, as its first process.
func inside(name string) error {
	known, err := readRecord(name)
	if err != nil {
		return err
	}
	if err := buildRoot(known); err != nil {
		return err
	}
	if err := buildNetwork(); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte(nodeName)); err != nil {
		return err
	}
	processes := newProcessTable()
	apiAnswers := make(chan struct{})
	for _, each := range components() {
		go processes.keepRunning(each, apiAnswers)
	}
	go func() {
		waitForApi()
		close(apiAnswers)
	}()
	go processes.importPause()
	processes.reap()
	return nil
}

func buildNetwork() error {
	for _, argv := range [][]string{
		{"ip", "link", "set", "lo", "up"},
		{"ip", "link", "add", "node0", "type", "veth", "peer", "name", "peer0"},
		{"ip", "address", "add", nodeAddress + "/24", "dev", "node0"},
		{"ip", "link", "set", "node0", "up"},
		{"ip", "link", "set", "peer0", "up"},
		{"ip", "route", "add", "default", "via", peerAddress, "dev", "node0"},
	} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", argv, err, out)
		}
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

// processTable starts processes and reaps all, also those that others left: that is the duty of the first process.
type processTable struct {
	mutex   sync.Mutex
	waiting map[int]chan syscall.WaitStatus
	started chan struct{}
}

func newProcessTable() *processTable {
	return &processTable{waiting: map[int]chan syscall.WaitStatus{}, started: make(chan struct{}, 1)}
}

func (t *processTable) start(argv []string, log *os.File) (<-chan syscall.WaitStatus, error) {
	null, err := os.Open("/dev/null")
	if err != nil {
		return nil, err
	}
	defer null.Close()
	t.mutex.Lock()
	defer t.mutex.Unlock()
	pid, err := syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{
		Dir:   "/",
		Env:   os.Environ(),
		Files: []uintptr{null.Fd(), log.Fd(), log.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, err
	}
	ended := make(chan syscall.WaitStatus, 1)
	t.waiting[pid] = ended
	select {
	case t.started <- struct{}{}:
	default:
	}
	return ended, nil
}

func (t *processTable) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err == syscall.ECHILD {
			<-t.started
			continue
		}
		if err != nil {
			continue
		}
		t.mutex.Lock()
		if ended, ok := t.waiting[pid]; ok {
			delete(t.waiting, pid)
			ended <- status
		}
		t.mutex.Unlock()
	}
}

// keepRunning starts a component, and again whenever it ends.
func (t *processTable) keepRunning(part component, apiAnswers <-chan struct{}) {
	if part.needsApi {
		<-apiAnswers
	}
	log, err := os.OpenFile(filepath.Join("/var/log/cluster", part.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for {
		ended, err := t.start(part.argv, log)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s cannot be started: %v\n", part.name, err)
			os.Exit(1)
		}
		status := <-ended
		fmt.Fprintf(log, "starter: %s ended (exit code %d, signal %d); starting it again\n", part.name, status.ExitStatus(), status.Signal())
		time.Sleep(time.Second)
	}
}

func waitForApi() {
	client := http.Client{
		Timeout:   2 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	}
	for {
		answer, err := client.Get(fmt.Sprintf("https://%s:%d/livez", nodeAddress, apiPort))
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// importPause gives containerd the image that holds the namespaces of each pod.
func (t *processTable) importPause() {
	log, err := os.OpenFile("/var/log/cluster/pause.log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	defer log.Close()
	for {
		if _, err := os.Stat(containerdRun); err == nil {
			ended, err := t.start([]string{"/usr/bin/ctr", "-a", containerdRun, "-n", "k8s.io", "images", "import", filepath.Join(partsFolder, "pause.tar")}, log)
			if err == nil && (<-ended).ExitStatus() == 0 {
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
}
