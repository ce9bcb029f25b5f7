package process

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// programs are what the tests run as children.
var programs = map[string]func(args []string){
	"exit": func(args []string) {
		code, _ := strconv.Atoi(args[0])
		os.Exit(code)
	},
	"cat": func([]string) { io.Copy(os.Stdout, os.Stdin) },
	"hang": func([]string) {
		fmt.Println("up")
		time.Sleep(time.Hour)
	},
	"deaf": func([]string) {
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("up")
		time.Sleep(time.Hour)
	},
	"other-group": func(args []string) {
		if args[0] == "is deaf" {
			signal.Ignore(syscall.SIGTERM)
		}
		group, _ := unix.Getpgid(os.Getppid())
		unix.Setpgid(0, group)
		fmt.Println("up")
		time.Sleep(time.Hour)
	},
	"spin": func([]string) {
		fmt.Println("up")
		for {
			runtime.Gosched()
		}
	},
	"flood": func(args []string) {
		n, _ := strconv.Atoi(args[0])
		io.WriteString(os.Stdout, floodText(n))
	},
	"alternate": func(args []string) {
		n, _ := strconv.Atoi(args[0])
		for i := range n {
			fmt.Fprintln([]*os.File{os.Stdout, os.Stderr}[i%2], i)
		}
	},
	"env": func([]string) {
		env := os.Environ()
		slices.Sort(env)
		fmt.Println(strings.Join(env, "\n"))
	},
	"descriptors": listDescriptors,
	"echo-custom": echoCustom,
	"half-close": func([]string) {
		unix.Shutdown(firstCustomFD, unix.SHUT_WR)
		io.Copy(os.Stdout, os.NewFile(firstCustomFD, "ctl"))
	},
	"escape":    escape,
	"headless":  headless,
	"slow-disk": slowDisk,
}

func init() {
	if os.Getenv(childVariable) == "headless" {
		runtime.LockOSThread() // main goes on in the first thread
	}
}

// headless goes on without its first thread, as one of which nothing tells whose it is.
func headless([]string) {
	signal.Ignore(syscall.SIGTERM)
	go func() { time.Sleep(time.Hour) }()
	fmt.Println(os.Getpid())
	unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
}

// echoCustom answers on each custom stream what it reads there.
func echoCustom([]string) {
	var work sync.WaitGroup
	for pair := range strings.SplitSeq(os.Getenv("GAFFER_STREAMS"), ",") {
		label, number, _ := strings.Cut(pair, "=")
		fd, _ := strconv.Atoi(number)
		conn, err := net.FileConn(os.NewFile(uintptr(fd), label))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		work.Go(func() {
			io.WriteString(conn, label+" says ")
			io.Copy(conn, conn)
			io.WriteString(conn, "bye")
			conn.Close()
		})
	}
	work.Wait()
}

// escape leaves behind a process with its descriptors that nothing tells as
// its own.
func escape([]string) {
	cmd := exec.Command("/bin/sleep", "1000")
	cmd.Env = []string{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{os.NewFile(3, "ctl")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("escaped %d\nlast words", cmd.Process.Pid)
	os.Exit(5)
}

// listDescriptors prints the descriptors that were inherited.
func listDescriptors([]string) {
	var open []string
	for fd := range 1024 {
		// What the runtime and this program open is closed on exec.
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			open = append(open, strconv.Itoa(fd))
		}
	}
	fmt.Print(strings.Join(open, " "))
}
