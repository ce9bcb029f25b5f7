package httpapi

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// children are the programs that the tests run: this binary, told by TEST_CHILD
// which one to be.
var children = map[string]func(){
	"echo":  func() { io.Copy(os.Stdout, os.Stdin) },
	"hang":  func() { time.Sleep(time.Hour) },
	"print": func() { fmt.Print(os.Getenv("TEST_TEXT")); time.Sleep(time.Hour) },
	"quit":  func() { fmt.Print(os.Getenv("TEST_TEXT")) },
	"stubborn": func() {
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("up")
		time.Sleep(time.Hour)
	},
	"puppet": puppet,
	"deaf":   func() { time.Sleep(time.Hour) },
}

// puppet does what the lines of its stdin say.
func puppet() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		verb, rest, _ := strings.Cut(lines.Text(), " ")
		text, _ := strconv.Unquote(rest)
		number, _ := strconv.Atoi(rest)
		switch verb {
		case "out":
			os.Stdout.WriteString(text)
		case "err":
			os.Stderr.WriteString(text)
		case "flood", "wide": // in lines of 16 bytes, or of 1 KiB
			piece := strings.Repeat("0123456789abcde\n", 1<<10)
			if verb == "wide" {
				piece = strings.Repeat(strings.Repeat("0123456789abcdef", 64)[1:]+"\n", 16)
			}
			for ; number > 0; number -= len(piece) {
				os.Stdout.WriteString(piece[:min(number, len(piece))])
			}
		case "closeout":
			os.Stdout.Close()
		case "closein":
			os.Stdin.Close()
			time.Sleep(time.Hour)
		case "exit":
			os.Exit(number)
		case "kill":
			syscall.Kill(os.Getpid(), syscall.Signal(number))
		}
	}
}

func TestMain(m *testing.M) {
	if child := children[os.Getenv("TEST_CHILD")]; child != nil {
		child()
		os.Exit(0)
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // the programs that the tests run end at once
	os.Exit(m.Run())
}
