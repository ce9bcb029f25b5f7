package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gafferd/gaffer/internal/config"
)

// lookAgain is how long the files of an endpoint are taken to be unchanged.
const lookAgain = time.Second

// certificates are the files that make an endpoint speak TLS. Whoever connects
// after they were replaced gets the new ones, unless those are no good: then
// the old ones stay in use.
type certificates struct {
	endpoint config.Endpoint
	log      *slog.Logger

	mu     sync.Mutex // guards everything below
	looked time.Time
	seen   []fs.FileInfo // of the files when they were last read, nil for one that is missing
	config *tls.Config   // of those that were last good
}

// tlsConfig is how an endpoint speaks TLS; nil when it does not. With an error,
// which says that its files are no good, it speaks with nobody until they are.
func tlsConfig(e config.Endpoint, log *slog.Logger) (*tls.Config, error) {
	if e.CertFile == "" {
		return nil, nil
	}
	c := &certificates{endpoint: e, log: log, looked: time.Now()}
	c.seen = c.look()
	var err error
	if c.config, err = load(e); err != nil {
		c.config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: c.current,
	}, err
}

// current is called for each connection.
func (c *certificates) current(*tls.ClientHelloInfo) (*tls.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) >= lookAgain {
		c.looked = time.Now()
		c.refresh()
	}
	return c.config, nil
}

// refresh reads the files again if they have changed. c.mu must be held.
func (c *certificates) refresh() {
	now := c.look() // before they are read: what changes meanwhile is seen the next time
	if unchanged(c.seen, now) {
		return
	}
	c.seen = now
	fresh, err := load(c.endpoint)
	if err != nil {
		c.log.Warn("the new certificate is no good, so the old one stays in use", "error", err)
		return
	}
	c.config = fresh
	c.log.Info("certificate was replaced", "endpoint", endpointName(c.endpoint), "certfile", c.endpoint.CertFile,
		"valid_until", fresh.Certificates[0].Leaf.NotAfter)
}

func (c *certificates) look() []fs.FileInfo {
	files := []string{c.endpoint.CertFile, c.endpoint.KeyFile, c.endpoint.CACert}
	found := make([]fs.FileInfo, len(files))
	for i, file := range files {
		if file != "" {
			found[i], _ = os.Stat(file) // that it is missing shows when it is read
		}
	}
	return found
}

func unchanged(before, now []fs.FileInfo) bool {
	for i := range before {
		a, b := before[i], now[i]
		switch {
		case a == nil && b == nil:
		case a == nil || b == nil, !os.SameFile(a, b), !a.ModTime().Equal(b.ModTime()), a.Size() != b.Size():
			return false
		}
	}
	return true
}

// load reads the files of an endpoint.
func load(e config.Endpoint) (*tls.Config, error) {
	certificate, err := tls.LoadX509KeyPair(e.CertFile, cmp.Or(e.KeyFile, e.CertFile))
	if err != nil {
		if e.KeyFile == "" && strings.Contains(err.Error(), "found a certificate rather than a key") {
			return nil, fmt.Errorf("certificate of %s: there is no key in %s: name the file of its key with --keyfile, or keyfile in the configuration", endpointName(e), e.CertFile)
		}
		return nil, fmt.Errorf("certificate of %s: %w", endpointName(e), err)
	}
	c := &tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
	}
	if e.CACert != "" {
		pem, err := os.ReadFile(e.CACert)
		if err != nil {
			return nil, fmt.Errorf("cacert of %s: %w", endpointName(e), err)
		}
		c.ClientCAs = x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("cacert of %s: %s holds no PEM certificate", endpointName(e), e.CACert)
		}
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// endpointName is what a message calls an endpoint.
func endpointName(e config.Endpoint) string { return cmp.Or(e.Name, "--bind") }
