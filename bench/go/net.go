package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
)

// Servers for a load generator; they run until they are ended.

var reply = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!")

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(*port))
	if err != nil {
		panic(err)
	}
	return listener
}

// serve accepts on the loopback port and runs handle in one goroutine for each connection.
func serve(handle func(net.Conn)) {
	listener := listen()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			handle(conn)
		}()
	}
}

// echoServer writes back what it reads.
func echoServer() {
	serve(func(c net.Conn) {
		var buffer [4096]byte
		for {
			n, err := c.Read(buffer[:])
			if err != nil {
				return
			}
			if _, err := c.Write(buffer[:n]); err != nil {
				return
			}
		}
	})
}

// rawHTTP answers each header block that ends in a blank line with a fixed reply.
func rawHTTP() {
	serve(func(c net.Conn) {
		var buffer [4096]byte
		used := 0
		for used < len(buffer) {
			n, err := c.Read(buffer[used:])
			if err != nil {
				return
			}
			used += n
			for {
				end := bytes.Index(buffer[:used], []byte("\r\n\r\n"))
				if end < 0 {
					break
				}
				used = copy(buffer[:], buffer[end+4:used])
				if _, err := c.Write(reply); err != nil {
					return
				}
			}
		}
	})
}

// netHTTP gives the same reply from the server of the standard library. It has no twin in goro-bench.
func netHTTP() {
	handler := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, "Hello, World!")
	}
	panic(http.Serve(listen(), http.HandlerFunc(handler)))
}
