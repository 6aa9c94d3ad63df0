package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// keep is the process of this machine that a cluster lives with: it starts the cluster's first process, serves its API on
// a port of 127.0.0.1, and takes it down when asked or when its owner ends. If it is killed, the kernel kills the first
// process, with it the whole process namespace, and the cleaner that waits for that removes the rest.
//
// It writes `ready` to descriptor 3 when the cluster's first process runs, or closes it; descriptor 4 is the cluster's
// lock, already held.
func keep(name string) error {
	report, lock := os.NewFile(3, "report"), os.NewFile(4, "lock")
	unix.CloseOnExec(3)
	unix.CloseOnExec(4)
	defer lock.Close()
	known, err := readRecord(name)
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	if known.Owner != 0 {
		if err := endWith(known.Owner, stop); err != nil {
			return err
		}
	}
	if err := startCleaner(name); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	known.Port = listener.Addr().(*net.TCPAddr).Port
	if err := writeSettings(known.path("etc"), known.Port); err != nil {
		return err
	}
	all, err := hierarchies()
	if err != nil {
		return err
	}
	known.Cgroups = nil
	for _, each := range all {
		known.Cgroups = append(known.Cgroups, each.groupOf(name))
	}
	if err := known.write(); err != nil {
		return err
	}
	child, goAhead, err := startFirst(name)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	known.Init = child.Process.Pid
	if err := known.write(); err != nil {
		return err
	}
	if err := makeCgroups(known.Cgroups, child.Process.Pid); err != nil {
		return err
	}
	space, err := enterNetwork(child.Process.Pid)
	if err != nil {
		return err
	}
	goAhead.Close()
	go forward(listener, func() (net.Conn, error) { return space.dial(nodeAddress, apiPort) })
	control, err := net.Listen("unix", controlPath(name))
	if err != nil {
		return err
	}
	go serveControl(control, space, stop, known)
	fmt.Fprintln(report, "ready")
	report.Close()
	select {
	case <-stop:
	case err := <-ended:
		return fmt.Errorf("the cluster's first process ended: %w", err)
	}
	_ = child.Process.Kill()
	<-ended
	return nil
}

// endWith sends a signal when a process ends.
func endWith(pid int, stop chan<- os.Signal) error {
	handle, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("process %d, with which the cluster is to end: %w", pid, err)
	}
	go func() {
		for {
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(handle), Events: unix.POLLIN}}, -1)
			if !errors.Is(err, unix.EINTR) {
				stop <- syscall.SIGTERM
				return
			}
		}
	}()
	return nil
}

// startCleaner starts the process that removes what is left when this one is gone, whatever ended it.
func startCleaner(name string) error {
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	cleaner := exec.Command("/proc/self/exe", "clean-after", "--name", name)
	cleaner.Args[0] = "starter"
	cleaner.ExtraFiles = []*os.File{reader}
	cleaner.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cleaner.Stderr = os.Stderr
	if err := cleaner.Start(); err != nil {
		return err
	}
	reader.Close()
	// Kept open, and closed by the kernel when this process ends; no child inherits it.
	keptOpen = writer
	go func() { _ = cleaner.Wait() }()
	return nil
}

var keptOpen *os.File

// startFirst starts the first process of the namespaces; it waits until what is answered is closed.
func startFirst(name string) (*exec.Cmd, *os.File, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	child := exec.Command("/proc/self/exe", "enter", "--name", name)
	child.Args[0] = "starter"
	child.ExtraFiles = []*os.File{reader}
	child.Stdout, child.Stderr = os.Stderr, os.Stderr
	child.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Setsid:     true,
		Pdeathsig:  syscall.SIGKILL,
	}
	started := make(chan error)
	// The kernel sends the signal when the thread that started the child ends: this one never does.
	go func() {
		lockForever()
		started <- child.Start()
		select {}
	}()
	if err := <-started; err != nil {
		return nil, nil, err
	}
	reader.Close()
	return child, writer, nil
}

// forward joins every connection with one that is made for it.
func forward(listener net.Listener, dial func() (net.Conn, error)) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer client.Close()
			server, err := dial()
			if err != nil {
				return
			}
			defer server.Close()
			var both sync.WaitGroup
			both.Add(2)
			go copyHalf(&both, server, client)
			go copyHalf(&both, client, server)
			both.Wait()
		}()
	}
}

func copyHalf(both *sync.WaitGroup, to, from net.Conn) {
	defer both.Done()
	_, err := io.Copy(to, from)
	half, ok := to.(interface{ CloseWrite() error })
	if err != nil || !ok || half.CloseWrite() != nil {
		to.Close()
		from.Close()
	}
}

// serveControl answers one line a connection: `reach HOST:PORT` or `down`.
func serveControl(control net.Listener, space *networkSpace, stop chan<- os.Signal, known record) {
	for {
		client, err := control.Accept()
		if err != nil {
			return
		}
		go func() {
			defer client.Close()
			line, err := bufio.NewReader(io.LimitReader(client, 1000)).ReadString('\n')
			if err != nil {
				return
			}
			command, argument, _ := strings.Cut(strings.TrimSpace(line), " ")
			answer := "ok"
			switch command {
			case "down":
				stop <- syscall.SIGTERM
			case "reach":
				if err := letReach(space, argument, known); err != nil {
					answer = err.Error()
				}
			default:
				answer = "there is no command " + command
			}
			fmt.Fprintln(client, answer)
		}()
	}
}

// letReach listens inside at the node's address for a target of this machine; images may be pulled from it over HTTP.
func letReach(space *networkSpace, target string, known record) error {
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		return err
	}
	number, err := net.LookupPort("tcp", port)
	if err != nil || net.ParseIP(host) == nil {
		return fmt.Errorf("%s is not an address and a port", target)
	}
	listener, err := space.listen(nodeAddress, number)
	if errors.Is(err, unix.EADDRINUSE) {
		return nil
	}
	if err != nil {
		return err
	}
	go forward(listener, func() (net.Conn, error) { return net.Dial("tcp", target) })
	inside := fmt.Sprintf("%s:%d", nodeAddress, number)
	folder := known.path("run", "registries", inside)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	hosts := fmt.Sprintf("server = \"http://%s\"\n[host.\"http://%s\"]\n  capabilities = [\"pull\", \"resolve\"]\n", inside, inside)
	return os.WriteFile(filepath.Join(folder, "hosts.toml"), []byte(hosts), 0o644)
}
