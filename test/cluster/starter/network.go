package main

import (
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

func lockForever() { runtime.LockOSThread() }

// networkSpace opens sockets inside another network namespace. A socket stays in the namespace that it was opened in, so
// no path between the two is needed: no route, no rule, no interface of this machine.
type networkSpace struct {
	work chan func()
}

// enterNetwork starts a thread that lives in the network namespace of a process.
func enterNetwork(pid int) (*networkSpace, error) {
	space := &networkSpace{work: make(chan func())}
	entered := make(chan error)
	go func() {
		// Never unlocked: the thread must not be used for anything else.
		lockForever()
		handle, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err == nil {
			err = unix.Setns(int(handle.Fd()), unix.CLONE_NEWNET)
			handle.Close()
		}
		entered <- err
		for err == nil {
			(<-space.work)()
		}
	}()
	return space, <-entered
}

// socket opens one inside and hands it to prepare there.
func (s *networkSpace) socket(host string, port int, prepare func(socket int, at *unix.SockaddrInet4) error) (*os.File, error) {
	at := &unix.SockaddrInet4{Port: port, Addr: [4]byte(net.ParseIP(host).To4())}
	type answer struct {
		file *os.File
		err  error
	}
	answers := make(chan answer, 1)
	s.work <- func() {
		socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			answers <- answer{nil, err}
			return
		}
		// What may wait is done outside of the one thread.
		go func() {
			if err := prepare(socket, at); err != nil {
				unix.Close(socket)
				answers <- answer{nil, err}
				return
			}
			answers <- answer{os.NewFile(uintptr(socket), "inside"), nil}
		}()
	}
	got := <-answers
	return got.file, got.err
}

func (s *networkSpace) dial(host string, port int) (net.Conn, error) {
	file, err := s.socket(host, port, func(socket int, at *unix.SockaddrInet4) error { return unix.Connect(socket, at) })
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return net.FileConn(file)
}

func (s *networkSpace) listen(host string, port int) (net.Listener, error) {
	file, err := s.socket(host, port, func(socket int, at *unix.SockaddrInet4) error {
		if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return err
		}
		if err := unix.Bind(socket, at); err != nil {
			return err
		}
		return unix.Listen(socket, 128)
	})
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return net.FileListener(file)
}
