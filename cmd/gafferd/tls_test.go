package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
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

// TestClientAuthorityIsReplaced holds that a removed authority's clients are
// not let in by a ticket either.
func TestClientAuthorityIsReplaced(t *testing.T) {
	certFile, keyFile, _ := certificate(t)
	ca, _, _ := certificate(t)
	other, _, otherPool := certificate(t)
	synctest.Test(t, func(t *testing.T) {
		c, err := tlsConfig(config.Endpoint{CertFile: certFile, KeyFile: keyFile, CACert: ca}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		replace(t, ca, other)
		time.Sleep(time.Second)
		now, err := c.GetConfigForClient(nil)
		if err != nil {
			t.Fatal(err)
		}
		if !now.ClientCAs.Equal(otherPool) || now.ClientAuth != tls.RequireAndVerifyClientCert || !now.SessionTicketsDisabled {
			t.Errorf("client certificates are asked for as %v, the new authority is in use: %v, tickets are off: %v",
				now.ClientAuth, now.ClientCAs.Equal(otherPool), now.SessionTicketsDisabled)
		}
	})
}

// TestCertificateIsReplacedWhileServing sees the new certificate from outside.
func TestCertificateIsReplacedWhileServing(t *testing.T) {
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
