package main

import (
	"context"
	"net"
	"net/http"
	"os/exec"

	"github.com/coder/websocket"
)

// rawEcho is a bare bridge: a child for each websocket, and a goroutine for each
// direction.
func rawEcho([]string) error {
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
		ctx := context.Background()
		go func() {
			defer stdin.Close()
			for {
				_, message, err := conn.Read(ctx)
				if err != nil {
					return
				}
				if _, err := stdin.Write(message); err != nil {
					return
				}
			}
		}()
		buffer := make([]byte, 32<<10)
		for {
			n, err := stdout.Read(buffer)
			if n > 0 && conn.Write(ctx, websocket.MessageText, buffer[:n]) != nil || err != nil {
				break
			}
		}
		child.Wait() // cat ends with its input
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
