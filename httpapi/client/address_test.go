package client_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gafferd/gaffer/httpapi/client"
)

func TestAddresses(t *testing.T) {
	for _, address := range []string{"", "localhost:5000", "127.0.0.1", "ftp://host", "http://", "unix://relative", "unix:", "http://host?x=1", "http://user@host"} {
		if _, err := client.New(address); err == nil || !strings.Contains(err.Error(), "want http://HOST:PORT") {
			t.Errorf("%q: got %v", address, err)
		}
	}
	if _, err := client.New("http://host", client.WithCertificates("", "", os.DevNull)); err == nil {
		t.Error("no error for a file without certificates")
	}
	if _, err := client.New("http://host", client.WithCertificates("", "", "")); err == nil || !strings.Contains(err.Error(), "https") {
		t.Errorf("certificates without https: got %v", err)
	}
	if _, err := client.New("https://host", client.WithCertificates("c", "", "")); err == nil || !strings.Contains(err.Error(), "go together") {
		t.Errorf("a certificate without a key: got %v", err)
	}
}

var pong = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/ping" && r.URL.Path != "/behind/ping" || r.Header.Get("Authorization") != "Bearer secret" {
		w.WriteHeader(http.StatusTeapot)
	}
	w.Write([]byte("OK"))
})

func TestPlaces(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	local := &httptest.Server{Listener: l, Config: &http.Server{Handler: pong}}
	local.Start()
	defer local.Close()
	plain := httptest.NewServer(pong)
	defer plain.Close()
	secure := httptest.NewTLSServer(pong)
	defer secure.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	if err := os.WriteFile(ca, cert, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		address string
		options []client.Option
	}{
		{plain.URL, nil},
		{plain.URL + "/", nil},
		{plain.URL + "/behind", nil},
		{"unix://" + socket, nil},
		{"unix:" + socket, nil},
		{secure.URL, []client.Option{client.WithCertificates("", "", ca)}},
	}
	for _, tt := range tests {
		c := connect(t, tt.address, append(tt.options, client.WithToken("secret"))...)
		if err := c.Ping(t.Context()); err != nil {
			t.Errorf("%s: %v", tt.address, err)
		}
		c.CloseIdleConnections()
	}
}

// TestWithTLS has a daemon whose certificate an authority of the test's own has signed,
// namely itself.
func TestWithTLS(t *testing.T) {
	secure := httptest.NewUnstartedServer(pong)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // of strangers to the authority
	secure.StartTLS()
	defer secure.Close()
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AddCert(secure.Certificate())
	token := client.WithToken("secret")
	known := client.WithTLS(config)

	c := connect(t, secure.URL, token, known)
	config.RootCAs = nil // the client has a copy
	defer c.CloseIdleConnections()
	if err := c.Ping(t.Context()); err != nil {
		t.Errorf("with the authority: %v", err)
	}
	stranger := connect(t, secure.URL, token)
	err := stranger.Ping(t.Context())
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok {
		t.Errorf("without the authority: got %v", err)
	}
	if _, err := client.New("http://host", known); err == nil || !strings.Contains(err.Error(), "https") {
		t.Errorf("without https: got %v", err)
	}
}
