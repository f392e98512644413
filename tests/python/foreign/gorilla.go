// Go's gorilla/websocket, as clients.py does it: gorilla URL REGISTER COUNT
package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/gorilla/websocket"
)

func main() {
	count, _ := strconv.Atoi(os.Args[3])
	socket, _, err := websocket.DefaultDialer.Dial(os.Args[1], nil)
	if err == nil {
		err = socket.WriteMessage(websocket.TextMessage, []byte(os.Args[2]))
	}
	for n := 0; n < count && err == nil; n++ {
		var message []byte
		if _, message, err = socket.ReadMessage(); err == nil {
			fmt.Println(string(message))
		}
	}
	if err == nil {
		err = socket.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""))
	}
	if err == nil {
		_, _, err = socket.ReadMessage()
	}
	if closed, is := err.(*websocket.CloseError); is {
		fmt.Println("closed", closed.Code)
	} else {
		fmt.Println("failed", err)
	}
}
