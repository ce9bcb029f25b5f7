package process_test

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/gafferd/gaffer/process"
	"github.com/gafferd/gaffer/streams"
)

func ExampleStart() {
	spec := process.NewSpec("greeter", "sh -c 'echo hello $0; exit 3' $WHO")
	spec.Env = map[string]string{"WHO": "world"}
	p, err := process.Start(&spec, process.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := p.Log("stdout")
	if err != nil {
		fmt.Println(err)
		return
	}
	lines := streams.NewLines(out, 0)
	defer lines.Close()
	for {
		line, err := lines.Next(context.Background(), 0)
		if err == io.EOF {
			break
		}
		fmt.Printf("%s\n", line.Text)
	}
	<-p.Done()
	fmt.Println(p.Exit().ExitStatus, p.Exit().Reason)
	// Output:
	// hello world
	// 3 exited
}

func ExampleProcess_Input() {
	spec := process.NewSpec("upper", "tr a-z A-Z")
	spec.RedirectInput = true
	p, err := process.Start(&spec, process.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	in, err := p.Input("stdin")
	if err != nil {
		fmt.Println(err)
		return
	}
	written, offset, err := in.Copy(context.Background(), strings.NewReader("hello"), -1)
	fmt.Println(written, offset, err)
	in.Close()
	<-p.Done()
	data, _ := p.Logs()["stdout"].Read(0, 100)
	fmt.Printf("%s\n", data)
	// Output:
	// 5 5 <nil>
	// HELLO
}

func ExampleSpec_Validate() {
	spec := process.NewSpec("a/b", "echo 'hi")
	spec.Umask = 0o10000
	fmt.Println(spec.Validate())
	// Output:
	// name: "a/b" is not a name: wanted are parts joined by ':', each of letters, digits and _ . @ + - and beginning with a letter, digit or _
	// cmd: "echo 'hi" cannot be split into words: a ' is not closed
	// umask: 4096 is out of range: give 0 to 0777 in octal
}
