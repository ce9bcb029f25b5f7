package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/gafferd/gaffer/httpapi"
	"github.com/gafferd/gaffer/httpapi/tokens"
	"github.com/gafferd/gaffer/internal/config"
)

// tokenVariable is the environment variable with the administrator's token.
const tokenVariable = "GAFFER_TOKEN"

// The names by which the keeper holds the tokens of a daemon that has no state
// directory, and what was in the token file.
const (
	keptTokens     = "tokens"
	keptAdminToken = "admin-token"
)

// maxTokenFile is far above any token.
const maxTokenFile = 64 << 10

// access says who may come in. closing has to be called at the end, unless there
// is an error.
func (s setup) access() (a httpapi.Access, closing func() error, err error) {
	set, closing, err := s.tokens()
	if err != nil {
		return a, nil, err
	}
	settings := s.config.Settings
	a = httpapi.Access{Tokens: set, RequireToken: settings.RequireToken, TrustLoopback: settings.TrustLoopback, SharedSockets: sharedSockets(s.config.Endpoints)}
	secret, err := s.adminToken()
	if err == nil {
		err = cmp.Or(fix(&a, "--token-file", secret), fix(&a, "$"+tokenVariable, os.Getenv(tokenVariable)), s.checkAccess(a))
	}
	if err != nil {
		return a, nil, errors.Join(err, closing())
	}
	return a, closing, nil
}

// fix adds an administrator's token, unless it is "". Its name is one that nobody
// can give another token.
func fix(a *httpapi.Access, name, secret string) error {
	if secret == "" {
		return nil
	}
	a.RequireToken = true
	return a.Tokens.Fix(name, secret)
}

// tokens are those of the state directory, or without one those that the worker
// before has left.
func (s setup) tokens() (set *tokens.Set, closing func() error, err error) {
	closing = func() error { return nil }
	if s.state == nil {
		kept, err := s.worker.takeText(keptTokens)
		if err != nil {
			return nil, nil, err
		}
		if len(kept) == 0 {
			kept = nil
		}
		set, err = tokens.New(kept, func(text []byte) error { return s.worker.holdText(keptTokens, text) })
		if err == nil && kept != nil {
			err = s.worker.holdText(keptTokens, kept)
		}
		return set, closing, err
	}
	folder, err := s.state.Folder("tokens")
	if err != nil {
		return nil, nil, err
	}
	if set, err = tokens.Open(folder); err != nil {
		folder.Close()
		return nil, nil, fmt.Errorf("state directory: %w", err)
	}
	return set, folder.Close, nil
}

// adminToken is what the token file holds, or "". If another worker has read it
// and it cannot be read any more, it is what that one has read: the daemon goes on
// as it was started.
func (s setup) adminToken() (string, error) {
	secret, err := readTokenFile(s.config.Settings.TokenFile, s.log)
	if err == nil {
		return secret, s.worker.holdText(keptAdminToken, []byte(secret))
	}
	kept, keptErr := s.worker.takeText(keptAdminToken)
	if keptErr != nil || len(kept) == 0 {
		return "", err
	}
	s.log.Warn("the token file cannot be read any more: the token that was in it stays good", "error", err)
	return string(kept), s.worker.holdText(keptAdminToken, kept)
}

// readTokenFile reads the one token in a file; "" for no file.
func readTokenFile(path string, log *slog.Logger) (string, error) {
	if path == "" {
		return "", nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Mode().Perm()&0o007 != 0 {
		log.Warn("every user of this machine can read or write the token file: chmod 600 it", "token_file", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxTokenFile+1))
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	token := bytes.TrimSpace(text)
	if len(token) == 0 || len(text) > maxTokenFile || bytes.ContainsAny(token, " \t\r\n\x00") {
		return "", fmt.Errorf("token file: %s does not hold one token: write it into one line, such as with openssl rand -hex 32", path)
	}
	return string(token), nil
}

// demandAccess refuses to listen where strangers can connect unless something
// keeps them out, and says what can.
func demandAccess(l net.Listener, e config.Endpoint, s config.Settings) error {
	if !beyondThisMachine(l) || e.CACert != "" || s.RequireToken || s.TokenFile != "" || os.Getenv(tokenVariable) != "" {
		return nil
	}
	return fmt.Errorf("%s can be reached from other machines, and whoever reaches it could run programs as this user. "+
		"Give it a token (--token-file FILE or %s), have those of gafferctl token add needed (--require-token), "+
		"have clients show certificates (cacert of the endpoint), or listen on 127.0.0.1 or on a unix socket", l.Addr(), tokenVariable)
}

// Errors of checkAccess.
var (
	errTrust  = errors.New("trust_loopback lets users of this machine in without a token, and token_file, require_token or " + tokenVariable + " lets nobody in without: leave one out")
	errNobody = errors.New("nobody could come in: a token is required and there is none. Give the daemon one with --token-file or " + tokenVariable + ", or a unix socket (--bind 127.0.0.1:5000,unix:/run/gaffer.sock), over which gafferctl token add makes one")
)

// checkAccess refuses what contradicts itself, and a daemon that nobody could
// reach.
func (s setup) checkAccess(a httpapi.Access) error {
	if a.RequireToken && a.TrustLoopback {
		return errTrust
	}
	unix := slices.ContainsFunc(s.listeners, func(l listener) bool { return l.Addr().Network() == "unix" })
	if a.RequireToken && !unix && a.Tokens.Empty() {
		return errNobody
	}
	for _, l := range s.listeners {
		if beyondThisMachine(l) && !strings.HasPrefix(l.url, "https:") {
			s.log.Warn("tokens and all else are sent in the clear to an address that other machines reach: give the endpoint a certfile", "address", l.Addr().String())
		}
	}
	return nil
}

// sharedSockets are the unix sockets to which the file lets others than this user.
func sharedSockets(endpoints []config.Endpoint) (paths []string) {
	for _, e := range endpoints {
		if cmp.Or(e.Mode, ownersOnly)&0o077 == 0 {
			continue
		}
		for _, a := range e.Bind {
			if a.Network == "unix" {
				paths = append(paths, a.Address)
			}
		}
	}
	return paths
}

// openAuditLog opens the file of --audit-log, into which each request goes as a
// JSON object in a line of its own. Both are nil without one. A worker that takes over
// and cannot open it tries again with each line, since what runs is more important.
func (i *invocation) openAuditLog(s config.Settings, log *slog.Logger) (*logFile, *slog.Logger, error) {
	if s.AuditLog == "" {
		return nil, nil, nil
	}
	file, err := openLogFile(s.AuditLog)
	switch {
	case err != nil && i.worker.takesOver():
		log.Error("who changes what is not written to the audit log until it can be opened", "error", err)
		file = &logFile{path: s.AuditLog}
	case err != nil:
		return nil, nil, fmt.Errorf("audit log: %w", err)
	}
	return file, slog.New(slog.NewJSONHandler(file, nil)), nil
}
