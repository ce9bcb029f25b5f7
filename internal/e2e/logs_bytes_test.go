package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func init() {
	children["odd"] = func() {
		os.Stdout.Write(oddOutput())
	}
}

// oddOutput is what few programs write, and what a log has to keep all the same:
// a progress bar, NUL bytes, broken UTF-8, every byte there is, noise, a line of
// 3 MiB of all that, or 10 for those with time, and one without an end.
var oddOutput = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	b.WriteString("plain\n\n\r\n  blanks  \n")
	for i := range 101 {
		fmt.Fprintf(&b, "\r%3d %% €", i)
	}
	b.WriteString("\r\ndone\r\r\n")
	b.WriteString("a\x00b\x00\n\xff\xfe \xc3( \xe2\x82 \xed\xa0\x80 \xf0\x9f\x98\n")
	for c := range 256 {
		b.WriteByte(byte(c))
	}
	noise := make([]byte, 300<<10)
	source := rand.NewChaCha8([32]byte{7})
	source.Read(noise)
	b.Write(noise)
	b.WriteString("\nlong ")
	long := b.Len() + 3<<20
	if os.Getenv("GAFFER_HEAVY") != "" {
		long += 7 << 20
	}
	for b.Len() < long {
		source.Read(noise)
		b.WriteString(inLine.Replace(string(noise)))
	}
	b.WriteString("\nno end")
	return b.Bytes()
})

// inLine takes the ends of lines out.
var inLine = strings.NewReplacer("\r\n", "\x00€", "\r", "\x00€", "\n", "\x00€")

// oddLines are the lines that it makes.
var oddLines = sync.OnceValue(func() (lines []string) {
	text := string(oddOutput())
	for {
		end := strings.IndexAny(text, "\r\n")
		if end < 0 {
			return append(lines, text)
		}
		lines = append(lines, text[:end])
		if strings.HasPrefix(text[end:], "\r\n") {
			end++
		}
		text = text[end+1:]
	}
})

// oddText are the lines with the instance before each, as they are and with
// U+FFFD in the place of each byte that is not UTF-8.
var oddText = sync.OnceValues(func() (raw, text string) {
	var b strings.Builder
	for _, line := range oddLines() {
		b.WriteString("[odd-1] " + line + "\n")
	}
	return b.String(), string([]rune(b.String()))
})

// TestLogsKeepEveryByte has odd output read in every way there is, by the daemon
// that saw it and by the next one, from disk. Streams, files and the text of a
// dump have it as it was; JSON and gafferctl, which are UTF-8, as far as it is.
func TestLogsKeepEveryByte(t *testing.T) {
	l := newLives(t)
	l.begin()
	l.create("odd", child("odd", map[string]string{"GAFFER_HEAVY": os.Getenv("GAFFER_HEAVY")}, properties{"restart": "never"}))
	waitFor(t, "it has ended", func() bool {
		var exits []struct{ PID int }
		l.get("/processes/odd/_exits", &exits)
		return len(exits) == 1
	})
	resp, err := http.Post("http://"+l.addr+"/processes/odd/_stop?wait=true", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	l.checkOdd("the daemon that saw it")
	l.end(syscall.SIGTERM)
	l.checkOddFile()
	l.begin()
	l.checkOdd("the next daemon")
}

func (l *lives) checkOdd(who string) {
	l.t.Helper()
	same := func(what, got, want string) {
		l.t.Helper()
		if got != want {
			at := 0
			for at < min(len(got), len(want)) && got[at] == want[at] {
				at++
			}
			l.t.Errorf("%s, %s: %d bytes, want %d; behind %d is %.100q, want %.100q", who, what, len(got), len(want), at, got[at:], want[at:])
		}
	}
	same("the stream", l.body("/streams/1/stdout?feed=continuous&since=0"), string(oddOutput()))

	const head = "2015-02-16 02:02:43.930163178 +0000 UTC "
	dump, textOnly := l.body("/apps/odd/logs?n=all"), strings.Builder{}
	raw, text := oddText()
	for _, line := range oddLines() {
		if len(dump) < len(head)+len("[odd-1] ")+len(line)+1 || dump[19] != '.' {
			l.t.Fatalf("%s, the dump: %.100q, want a head and %.100q", who, dump, line)
		}
		whole := len(head) + len("[odd-1] ") + len(line) + 1
		textOnly.WriteString(dump[len(head):whole])
		dump = dump[whole:]
	}
	same("the dump", textOnly.String()+dump, raw)

	var joined strings.Builder
	open := false // the last message's line
	for event := range strings.SplitSeq(l.body("/apps/odd/logs?n=all&stream=true&follow=false"), "\r\n") {
		data, ok := strings.CutPrefix(event, "data: ")
		if !ok {
			continue
		}
		var m logMessage
		if err := json.Unmarshal([]byte(data), &m); err != nil || m.Event != "log" {
			l.t.Fatalf("%s: %.100q: %v", who, data, err)
		}
		line := strings.TrimSuffix(m.Log[len(head):], "\n")
		if open {
			line = strings.TrimPrefix(line, "[odd-1] ")
		}
		joined.WriteString(line)
		if open = m.Partial; !open {
			joined.WriteByte('\n')
		}
	}
	same("the messages", joined.String(), text)

	printed, err := exec.Command(filepath.Join(bin, "gafferctl"), "--connect", "http://"+l.addr, "logs", "-n", "all", "odd").Output()
	if err != nil {
		l.t.Errorf("gafferctl: %v", err)
	}
	same("gafferctl", string(printed), text)
}

// checkOddFile is for what stands on disk, when no daemon runs.
func (l *lives) checkOddFile() {
	l.t.Helper()
	var kept bytes.Buffer
	for _, file := range l.logFiles("odd", 1) {
		data, err := os.ReadFile(file)
		if err != nil {
			l.t.Fatal(err)
		}
		records, half, err := criRecords(data)
		if err != nil || len(half) > 0 {
			l.t.Fatalf("%s: %v; half of a record: %q", file, err, half)
		}
		for _, r := range records {
			kept.Write(r.output())
		}
	}
	if !bytes.Equal(kept.Bytes(), oddOutput()) {
		l.t.Errorf("%d bytes are on disk, not the %d that were written", kept.Len(), len(oddOutput()))
	}
}

// body is a whole answer.
func (l *lives) body(path string) string {
	l.t.Helper()
	resp, err := http.Get("http://" + l.addr + path)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		l.t.Fatalf("%s: %s, %v", path, resp.Status, err)
	}
	return string(text)
}
