package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
)

// Client speaks to one gafferd. It is safe for concurrent use, keeps no state
// besides idle connections and starts no goroutine that outlives a call.
type Client struct {
	endpoint endpoint
	http     *http.Client
	token    string
	patience time.Duration
	onRetry  func(err error, pause time.Duration)
}

// Option changes how New sets up a Client.
type Option func(*settings) error

type settings struct {
	Client
	tls *tls.Config // nil: the defaults of the system
}

// defaultPatience is how long a broken feed is tried again before its error
// goes to the caller: longer than the restart of a daemon takes.
const defaultPatience = time.Minute

// New returns a Client for the daemon at address, which is http://HOST:PORT,
// https://HOST:PORT or unix:///PATH. It does not connect: a daemon that is not
// there is reported by the first call.
func New(address string, options ...Option) (*Client, error) {
	s := settings{Client: Client{patience: defaultPatience}}
	for _, option := range options {
		if err := option(&s); err != nil {
			return nil, err
		}
	}
	e, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	if s.tls != nil && !e.secure() {
		return nil, fmt.Errorf("address %s: certificates are of use with https:// only", address)
	}
	c := s.Client
	c.endpoint = e
	c.http = &http.Client{
		Transport:     e.transport(s.tls),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &c, nil
}

// WithToken sends an access token with every request.
func WithToken(token string) Option {
	return func(s *settings) error {
		s.token = token
		return nil
	}
}

// WithTLS sets the whole TLS configuration of an https:// address.
func WithTLS(config *tls.Config) Option {
	return func(s *settings) error {
		s.tls = config.Clone()
		return nil
	}
}

// WithCertificates reads PEM files: the client's own certificate and key, and
// the authorities that may have signed the daemon's. An empty name leaves that
// part out; certFile and keyFile go together.
func WithCertificates(certFile, keyFile, caFile string) Option {
	return func(s *settings) error {
		if s.tls == nil {
			s.tls = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		if (certFile == "") != (keyFile == "") {
			return errors.New("a certificate and its key go together: one of the two is missing")
		}
		if certFile != "" {
			pair, err := tls.LoadX509KeyPair(certFile, keyFile)
			if err != nil {
				return fmt.Errorf("client certificate: %w", err)
			}
			s.tls.Certificates = append(s.tls.Certificates, pair)
		}
		if caFile == "" {
			return nil
		}
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return fmt.Errorf("certificate authorities: %w", err)
		}
		s.tls.RootCAs = x509.NewCertPool()
		if !s.tls.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("certificate authorities: no PEM certificate in %s", caFile)
		}
		return nil
	}
}

// WithPatience bounds how long a broken feed is tried again, counted from the
// last sign of life, before its error goes to the caller. The default is one
// minute; 0 never tries again.
func WithPatience(limit time.Duration) Option {
	return func(s *settings) error {
		s.patience = limit
		return nil
	}
}

// WithRetryHook has f called before each pause and new attempt of a broken
// feed, in the goroutine that reads the feed.
func WithRetryHook(f func(err error, pause time.Duration)) Option {
	return func(s *settings) error {
		s.onRetry = f
		return nil
	}
}

// Address is the address that New was given.
func (c *Client) Address() string { return c.endpoint.address }

// CloseIdleConnections gives back the connections that no call is using.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }
