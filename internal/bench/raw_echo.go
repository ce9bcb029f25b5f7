package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os/exec"
	"sync"

	"github.com/coder/websocket"
)

// pump is how bytes get into a child, and out of it.
type pump struct {
	give  func(p []byte) error
	take  func() (p []byte, err error) // what it returns is valid until the next call
	close func()                       // when both have ended
}

// rawEcho is a bare bridge: a child for each websocket, and a goroutine for each
// direction.
func rawEcho([]string) error {
	return bridge(func(stdin io.Writer, stdout io.Reader) (pump, error) {
		buffer := make([]byte, 32<<10)
		return pump{
			give: func(p []byte) error {
				_, err := stdin.Write(p)
				return err
			},
			take: func() ([]byte, error) {
				n, err := stdout.Read(buffer)
				return buffer[:n], err
			},
			close: func() {},
		}, nil
	})
}

// bridge serves websockets, each of which is a child's input and output.
func bridge(open func(stdin io.Writer, stdout io.Reader) (pump, error)) error {
	return serveRaw("127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
		if err != nil {
			return
		}
		defer conn.CloseNow()
		child := exec.Command("cat")
		child.SysProcAttr = dieWithUs()
		stdin, err := child.StdinPipe()
		if err != nil {
			return
		}
		stdout, err := child.StdoutPipe()
		if err != nil || child.Start() != nil {
			return
		}
		defer child.Wait()   // cat ends with its input,
		defer stdout.Close() // or when nobody takes what it says
		p, err := open(stdin, stdout)
		if err != nil {
			stdin.Close()
			return
		}
		defer p.close()
		ctx := context.Background()
		var input sync.WaitGroup
		defer input.Wait()
		defer conn.CloseNow()
		input.Go(func() {
			defer stdin.Close()
			for {
				_, message, err := conn.Read(ctx)
				if err != nil || p.give(message) != nil {
					return
				}
			}
		})
		for {
			said, err := p.take()
			if len(said) > 0 && conn.Write(ctx, websocket.MessageText, said) != nil || err != nil {
				return
			}
		}
	})
}

// serveRaw serves a handler until standard input ends, after it has said where.
func serveRaw(addr string, handle http.HandlerFunc) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handle}
	go func() {
		untilStdinEnds()
		server.Close()
	}()
	if err := say(listener.Addr().String()); err != nil {
		return err
	}
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}
