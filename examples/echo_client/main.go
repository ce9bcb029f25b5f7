// Command echo_client sends a line to a process over a websocket and prints
// what the process answers:
//
//	gafferd examples/gaffer.ini &
//	go run ./examples/echo_client [ws://localhost:5000/wstreams/2]
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/coder/websocket"
)

func main() {
	url := "ws://localhost:5000/wstreams/2"
	if len(os.Args) > 1 {
		url = os.Args[1]
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := echo(ctx, url); err != nil {
		log.Fatal(err)
	}
}

// echo sends ECHO and waits for one message.
func echo(ctx context.Context, url string) error {
	conn, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	if err := conn.Write(ctx, websocket.MessageText, []byte("ECHO\n")); err != nil {
		return err
	}
	fmt.Println("Sent")
	fmt.Println("Receiving...")
	_, message, err := conn.Read(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("Received '%s'\n", message)
	return conn.Close(websocket.StatusNormalClosure, "")
}
