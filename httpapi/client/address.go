package client

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// endpoint is a parsed address: what to dial and how URLs for it begin.
type endpoint struct {
	address string // as the user gave it, for messages
	prefix  string // how every URL starts, without a slash at the end
	socket  string // path of the unix socket, or ""
}

func parseAddress(address string) (endpoint, error) {
	bad := func() (endpoint, error) {
		return endpoint{}, fmt.Errorf("address %q: want http://HOST:PORT, https://HOST:PORT or unix:///PATH", address)
	}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		path = strings.TrimPrefix(path, "//")
		if !strings.HasPrefix(path, "/") {
			return bad()
		}
		return endpoint{address: address, prefix: "http://localhost", socket: path}, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return bad()
	}
	return endpoint{address: address, prefix: strings.TrimRight(u.String(), "/")}, nil
}

func (e endpoint) secure() bool { return strings.HasPrefix(e.prefix, "https:") }

// transport dials e and nothing else. It speaks HTTP/1.1 only: a feed then has
// a connection, and so flow control, of its own. A peer that has vanished is
// noticed by TCP keep-alive within half a minute, since a feed may rightly be
// silent for days.
func (e endpoint) transport(config *tls.Config) *http.Transport {
	dialer := &net.Dialer{
		Timeout:         10 * time.Second,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 8,
		IdleConnTimeout:     30 * time.Second,
		ReadBufferSize:      16 << 10,
		DisableCompression:  true,
		Protocols:           new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	if e.socket != "" {
		t.Proxy = nil
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", e.socket)
		}
	}
	return t
}
