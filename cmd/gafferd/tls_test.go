package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gafferd/gaffer/internal/config"
)

// replace puts one file in the place of another, as tools that renew
// certificates do.
func replace(t *testing.T, path, by string) {
	t.Helper()
	text, err := os.ReadFile(by)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// TestCertificateIsReplaced goes through a renewal at the daemon's pace: the
// files are looked at once a second, and a pair of which only half is new keeps
// the old one in use, with one warning.
func TestCertificateIsReplaced(t *testing.T) {
	certFile, keyFile, _ := certificate(t)
	newCert, newKey, _ := certificate(t)
	otherCA, _, otherPool := certificate(t)
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		e := config.Endpoint{Name: "public", CertFile: certFile, KeyFile: keyFile, CACert: certFile}
		c, err := tlsConfig(e, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		now := func() *tls.Config {
			t.Helper()
			now, err := c.GetConfigForClient(nil)
			if err != nil {
				t.Fatal(err)
			}
			return now
		}
		served := func() []byte { return now().Certificates[0].Certificate[0] }
		first := served()

		replace(t, certFile, newCert)
		if !bytes.Equal(served(), first) {
			t.Error("the files were looked at again within a second")
		}
		time.Sleep(time.Second)
		if !bytes.Equal(served(), first) {
			t.Error("a certificate without its key is in use")
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), "certificate of public") {
			t.Errorf("want one warning:\n%s", &log)
		}
		time.Sleep(time.Second)
		served()
		if n := strings.Count(log.String(), "level=WARN"); n != 1 {
			t.Errorf("warned again of what has not changed:\n%s", &log)
		}

		replace(t, keyFile, newKey)
		time.Sleep(time.Second)
		second := served()
		if bytes.Equal(second, first) {
			t.Errorf("the new certificate is not in use:\n%s", &log)
		}
		says(t, log.String(), "certificate was replaced", "valid_until=")

		// Missing for a moment, or nonsense, is no reason to stop either.
		os.Remove(keyFile)
		time.Sleep(time.Second)
		if !bytes.Equal(served(), second) {
			t.Error("without a key file the certificate is not in use any more")
		}
		replace(t, keyFile, newKey)
		time.Sleep(time.Second)
		served()

		pool := func() *x509.CertPool { return now().ClientCAs }
		if pool().Equal(otherPool) {
			t.Fatal("the pools are equal before")
		}
		replace(t, certFile, otherCA) // which is the cacert too, and no longer fits the key
		time.Sleep(time.Second)
		if pool().Equal(otherPool) {
			t.Error("half of what is new is in use")
		}
	})
}

// TestClientAuthorityIsReplaced holds that a client whose authority was removed
// is not let in any more, by what it kept of an earlier connection either.
func TestClientAuthorityIsReplaced(t *testing.T) {
	t.Parallel()
	certFile, keyFile, pool := certificate(t)
	ca, caKey, _ := certificate(t)
	other, _, _ := certificate(t)
	shown, err := tls.LoadX509KeyPair(ca, caKey)
	if err != nil {
		t.Fatal(err)
	}
	here := []config.Address{{Network: "tcp", Address: "127.0.0.1:0"}}
	e := config.Endpoint{Bind: here, CertFile: certFile, KeyFile: keyFile, CACert: ca}
	ls, err := listenAll(&config.Config{Endpoints: []config.Endpoint{e}}, nil, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(ls)
	server := &http.Server{Handler: http.NotFoundHandler(), ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(ls[0])
	defer server.Close()

	client := &tls.Config{
		RootCAs: pool, Certificates: []tls.Certificate{shown},
		ClientSessionCache: tls.NewLRUClientSessionCache(4),
	}
	// connect tells whether a connection went on where one before it was.
	connect := func() (resumed bool, err error) {
		conn, err := tls.Dial("tcp", ls[0].Addr().String(), client)
		if err != nil {
			return false, err
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
		_, err = io.ReadAll(conn) // whether the client is let in is heard here, and so is the ticket
		return conn.ConnectionState().DidResume, err
	}
	for i := range 2 {
		if resumed, err := connect(); err != nil || resumed != (i > 0) {
			t.Fatalf("connection %d: resumed %v, %v", i+1, resumed, err)
		}
	}
	replace(t, ca, other)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		if _, err := connect(); err != nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal("a client of the old authority is let in")
		}
	}
}

// TestCertificateIsReplacedWhileServing sees the new certificate from outside.
func TestCertificateIsReplacedWhileServing(t *testing.T) {
	t.Parallel()
	certFile, keyFile, oldPool := certificate(t)
	newCert, newKey, newPool := certificate(t)
	d := start(t, nil, "--certfile", certFile, "--keyfile", keyFile)
	address := strings.TrimPrefix(d.url, "https://")
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: oldPool})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	replace(t, certFile, newCert)
	replace(t, keyFile, newKey)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: newPool})
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	d.stderr.wait(t, "certificate was replaced")
}
