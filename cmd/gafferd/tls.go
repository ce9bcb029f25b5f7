package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/gafferd/gaffer/internal/config"
)

// tlsConfig is how an endpoint speaks TLS; nil when it does not.
func tlsConfig(e config.Endpoint) (*tls.Config, error) {
	if e.CertFile == "" {
		return nil, nil
	}
	certificate, err := tls.LoadX509KeyPair(e.CertFile, cmp.Or(e.KeyFile, e.CertFile))
	if err != nil {
		return nil, fmt.Errorf("certificate of %s: %w", cmp.Or(e.Name, "--bind"), err)
	}
	c := &tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
	}
	if e.CACert != "" {
		pem, err := os.ReadFile(e.CACert)
		if err != nil {
			return nil, fmt.Errorf("cacert of %s: %w", e.Name, err)
		}
		c.ClientCAs = x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("cacert of %s: %s holds no PEM certificate", e.Name, e.CACert)
		}
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}
