package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gafferd/gaffer/internal/config"
)

// marking is a configuration whose process leaves a file behind when it runs.
func marking(t *testing.T) (conf, mark string) {
	t.Helper()
	mark = filepath.Join(t.TempDir(), "started")
	return file(t, "gaffer.ini", "[process:web]\ncmd = touch "+mark+"\nrestart = never\n"), mark
}

func TestAddressInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	conf, mark := marking(t)
	says(t, fails(t, exitFailed, conf, "--bind", "127.0.0.1:0,"+address),
		"gafferd: cannot listen on "+address+": address already in use", "--bind")
	if _, err := os.Stat(mark); err == nil {
		t.Error("a process was started")
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gaffer.sock")
	d := start(t, nil, "--no-keeper", "--bind", "unix:"+path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode(); mode != fs.ModeSocket|0o600 {
		t.Errorf("mode of the socket is %v, want 0600", mode)
	}
	if got := d.get("/ping"); got != "OK" {
		t.Errorf("/ping answers %q", got)
	}
	says(t, d.stderr.String(), "gafferctl --connect unix://"+path+" status")

	says(t, fails(t, exitFailed, "--bind", "unix:"+path), "address already in use")
	if got := d.get("/ping"); got != "OK" {
		t.Errorf("/ping answers %q after another daemon was refused", got)
	}

	// Left over by a daemon that was killed, a socket is replaced.
	d.signal(syscall.SIGKILL)
	d.wait()
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("no stale socket to replace: %v", err)
	}
	d = start(t, nil, "--bind", "unix:"+path)
	if got := d.get("/ping"); got != "OK" {
		t.Errorf("/ping answers %q on the replaced socket", got)
	}
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket is still there after the end")
	}
}

// TestLockedFolder holds that nobody can keep the daemon from its socket by the lock of
// the folder, and that a socket with a listener is left alone nevertheless.
func TestLockedFolder(t *testing.T) {
	t.Parallel()
	folder, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_SH); err != nil {
		t.Fatal(err)
	}
	bind := "--bind=unix:" + filepath.Join(folder.Name(), "gaffer.sock")
	start(t, nil, bind)
	says(t, fails(t, exitFailed, bind), "address already in use")
}

// TestUnixSocketMode holds that a socket is made with its endpoint's mode,
// whatever the mask of the daemon is.
func TestUnixSocketMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gaffer.sock")
	for _, mode := range []fs.FileMode{0o660, 0o606, 0o777} {
		e := config.Endpoint{Mode: int(mode), Bind: []config.Address{{Network: "unix", Address: path}}}
		ls, err := listenAll(&config.Config{Endpoints: []config.Endpoint{e}}, nil, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		closeAll(ls)
		if err != nil || info.Mode() != fs.ModeSocket|mode {
			t.Errorf("the socket is %v, %v; want mode %v", info.Mode(), err, mode)
		}
	}
}

// TestStaleSocketGoesToOne has many find the same socket dead at the same time.
// Whoever takes it keeps it: nobody takes it from him for the dead one that it was.
func TestStaleSocketGoesToOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gaffer.sock")
	for round := range 50 {
		dead, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		dead.(*net.UnixListener).SetUnlinkOnClose(false)
		dead.Close()

		taken := make(chan net.Listener, 8)
		together := make(chan struct{})
		var trying sync.WaitGroup
		for range cap(taken) {
			trying.Go(func() {
				<-together
				switch l, err := listenUnix(path, ownersOnly); {
				case err == nil:
					taken <- l
				case !errors.Is(err, errAlive):
					t.Error(err)
				}
			})
		}
		close(together)
		trying.Wait()
		if n := len(taken); n != 1 {
			t.Fatalf("in round %d the socket has %d owners", round, n)
		}
		l := <-taken
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatalf("its owner is not reached: %v", err)
		}
		conn.Close()
		l.Close()
	}
}

func TestUnixSocketsThatCannotBe(t *testing.T) {
	path := file(t, "precious", "data")
	says(t, fails(t, exitFailed, "--bind", "unix:"+path), "is there and is no socket")
	if text, err := os.ReadFile(path); err != nil || string(text) != "data" {
		t.Errorf("the file now holds %q, %v", text, err)
	}
	long := "unix:/tmp/" + strings.Repeat("x", 120)
	says(t, fails(t, exitFailed, "--bind", long), "about 100 characters")
	says(t, fails(t, exitFailed, "--bind", "unix:/nonexistent/gaffer.sock"), "no such file or directory")
}

// Whoever writes an address of IPv4 opens nothing to IPv6.
func TestWildcardOfOneFamily(t *testing.T) {
	for address, want := range map[string]string{"0.0.0.0:0": "0.0.0.0", "127.0.0.1:0": "127.0.0.1", "[::]:0": "::"} {
		l, err := listen(config.Address{Network: "tcp", Address: address}, config.Endpoint{})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if host, _, _ := net.SplitHostPort(l.Addr().String()); host != want {
			t.Errorf("%s is listened on as %s", address, l.Addr())
		}
	}
}

func TestSeveralAddresses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gaffer.sock")
	d := start(t, nil, "--bind", "127.0.0.1:0,[::1]:0", "--bind", "unix:"+path)
	says(t, d.stderr.String(), "http://127.0.0.1:", "http://[::1]:", "unix://"+path)
	for _, url := range strings.Split(d.stderr.wait(t, `listens on (.*)\. Try`)[1], ", ") {
		one := &daemon{t: t, url: url}
		if got := one.get("/ping"); got != "OK" {
			t.Errorf("/ping of %s answers %q", url, got)
		}
	}
}

func TestFileEndpointsAndTheirReplacement(t *testing.T) {
	dir := t.TempDir()
	conf := file(t, "gaffer.ini", "[gaffer]\nhttp_endpoints = local\n[endpoint:local]\nbind = unix:"+dir+"/file.sock\n")
	d := start(t, nil, conf, "--bind", "unix:"+dir+"/flag.sock")
	if got := d.get("/ping"); got != "OK" {
		t.Errorf("/ping answers %q", got)
	}
	if _, err := os.Stat(dir + "/file.sock"); err == nil {
		t.Error("the file's endpoint is there too, though --bind replaces it")
	}
}

// certificate writes a self-signed certificate for 127.0.0.1 and its key into
// one file each.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gafferd test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return file(t, "cert.pem", string(certPEM)), file(t, "key.pem", string(keyPEM)), pool
}

func TestTLS(t *testing.T) {
	certFile, keyFile, pool := certificate(t)
	socket := filepath.Join(t.TempDir(), "gaffer.sock")
	d := start(t, nil, "--certfile", certFile, "--keyfile", keyFile, "--bind", "127.0.0.1:0,unix:"+socket)
	if !strings.HasPrefix(d.url, "https://127.0.0.1:") {
		t.Fatalf("listens on %s, want https", d.url)
	}
	for _, c := range []struct {
		http2 bool
		proto string
	}{{true, "HTTP/2.0"}, {false, "HTTP/1.1"}} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: c.http2}
		resp, err := (&http.Client{Transport: transport}).Get(d.url + "/ping")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		transport.CloseIdleConnections()
		if resp.StatusCode != 200 || resp.Proto != c.proto {
			t.Errorf("answer %s in %s, want 200 in %s", resp.Status, resp.Proto, c.proto)
		}
	}
	plain := &daemon{t: t, url: "unix://" + socket}
	if got := plain.get("/ping"); got != "OK" {
		t.Errorf("the unix socket answers %q, want OK without TLS", got)
	}
	old := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	if conn, err := tls.Dial("tcp", strings.TrimPrefix(d.url, "https://"), old); err == nil {
		conn.Close()
		t.Error("TLS 1.1 is accepted")
	}
}

func TestTLSFiles(t *testing.T) {
	certFile, keyFile, _ := certificate(t)
	both := ""
	for _, f := range []string{certFile, keyFile} {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		both += string(text)
	}
	if d := start(t, nil, "--certfile", file(t, "both.pem", both)); !strings.HasPrefix(d.url, "https://") {
		t.Errorf("listens on %s with certificate and key in one file, want https", d.url)
	}
	says(t, fails(t, exitFailed, "--bind=127.0.0.1:0", "--certfile", certFile), "certificate of --bind", "there is no key in", "--keyfile")
	says(t, fails(t, exitFailed, "--bind=127.0.0.1:0", "--certfile", "/nonexistent.pem"), "/nonexistent.pem")
	says(t, fails(t, exitUsage, "--bind=127.0.0.1:0", "--keyfile", keyFile), "--certfile")
}

// TestClientCertificates holds that cacert keeps out whoever shows no
// certificate that it signed.
func TestClientCertificates(t *testing.T) {
	certFile, keyFile, pool := certificate(t)
	path := file(t, "gaffer.ini", "[gaffer]\nhttp_endpoints = a\n[endpoint:a]\nbind = 127.0.0.1:0\ncertfile = "+certFile+"\nkeyfile = "+keyFile+"\ncacert = "+certFile+"\n")
	listeners, err := func() ([]listener, error) {
		cfg, err := configuration(options{config: path})
		if err != nil {
			return nil, err
		}
		return listenAll(cfg, nil, nil, slog.New(slog.DiscardHandler))
	}()
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(listeners)
	server := &http.Server{Handler: http.NotFoundHandler()}
	go server.Serve(listeners[0])
	defer server.Close()

	shown, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		certificates []tls.Certificate
		ok           bool
	}{{nil, false}, {[]tls.Certificate{shown}, true}} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: c.certificates}}
		request, err := http.NewRequestWithContext(ctx, "GET", listeners[0].url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(request)
		if err == nil {
			resp.Body.Close()
		}
		if (err == nil) != c.ok {
			t.Errorf("with %d certificates: %v", len(c.certificates), err)
		}
		transport.CloseIdleConnections()
	}
}
