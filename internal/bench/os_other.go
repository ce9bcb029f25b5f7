//go:build !linux

package main

import (
	"errors"
	"syscall"
	"time"
)

var errNotLinux = errors.New("bench measures with clocks and files that only Linux has: run it there")

func measurable() error { return errNotLinux }

func dieWithUs() *syscall.SysProcAttr { return nil }

func cpuTime(int) (time.Duration, error) { return 0, errNotLinux }

func bytesRead(int) (int64, error) { return 0, errNotLinux }

func memoryOf(int) (memory, error) { return memory{}, errNotLinux }

func filesInMemory(int) (int64, error) { return 0, errNotLinux }

func wakeUps(int) (int64, error) { return 0, errNotLinux }

func twinOf(int) (int, error) { return 0, errNotLinux }

func monotonic() int64 { return 0 }

func subscribe([]string) error { return errNotLinux }

func listen([]string) error { return errNotLinux }

func echo([]string) error { return errNotLinux }

func rawKept([]string) error { return errNotLinux }

func rawKeptWorker([]string) error { return errNotLinux }

func rawEchoKept([]string) error { return errNotLinux }
