package process

import (
	"fmt"
	"io"
	"os"
	"strconv"
)

// programs are what the tests run as children.
var programs = map[string]func(args []string){
	"exit": func(args []string) {
		code, _ := strconv.Atoi(args[0])
		os.Exit(code)
	},
	"say": func(args []string) {
		for _, arg := range args {
			fmt.Fprint(os.Stdout, arg)
		}
	},
	"cat": func([]string) { io.Copy(os.Stdout, os.Stdin) },
	"hang": func([]string) {
		fmt.Println("up")
		select {}
	},
}
