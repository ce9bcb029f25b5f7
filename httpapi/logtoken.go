package httpapi

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// logTokenLife is how long a URL of logs is good for.
const logTokenLife = time.Hour

// logTokens makes and verifies the tokens in the URLs of logs. A token lets its
// bearer read the logs of one app for a while and do nothing else. Nothing is
// kept of it: it holds the app, its end and the token with which it was asked for,
// all signed.
type logTokens struct{ key []byte }

// newLogTokens takes a key, or makes one that no other daemon has.
func newLogTokens(key []byte) logTokens {
	if len(key) == 0 {
		key = make([]byte, sha256.Size)
		rand.Read(key) // never fails
	}
	return logTokens{key}
}

// What a token holds: its end as Unix seconds, the issuer, the app, the signature
// of all.
const (
	tokenEnd    = 8
	tokenIssuer = 8 // 0 for one who needs no token
	tokenHead   = tokenEnd + tokenIssuer
	tokenSum    = sha256.Size
)

var tokenText = base64.RawURLEncoding.Strict()

// issue makes a token. issuer is the ID of the access token with which it was
// asked for, and without which it is good for nothing; "" for none.
func (t logTokens) issue(app, issuer string, now time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(now.Add(logTokenLife).Unix()))
	id := make([]byte, tokenIssuer)
	hex.Decode(id, []byte(issuer)) // which Token.ID has encoded
	b = append(append(b, id...), app...)
	return tokenText.EncodeToString(append(b, t.sign(b)...))
}

// verify returns the app that a token is for, and its issuer. The error is
// errUnauthorized.
func (t logTokens) verify(token string, now time.Time) (app, issuer string, err error) {
	b, err := tokenText.DecodeString(token)
	if err != nil || len(b) < tokenHead+tokenSum {
		return "", "", fmt.Errorf("%w: it is not one that this server gives out; GET /v1/apps/<app>/logs returns a URL with one", errUnauthorized)
	}
	b, sum := b[:len(b)-tokenSum], b[len(b)-tokenSum:]
	if !hmac.Equal(sum, t.sign(b)) {
		return "", "", fmt.Errorf("%w: it was changed, or is another server's; GET /v1/apps/<app>/logs returns a URL with a good one", errUnauthorized)
	}
	end := time.Unix(int64(binary.BigEndian.Uint64(b)), 0)
	if !now.Before(end) {
		return "", "", fmt.Errorf("%w: it expired at %s; GET /v1/apps/<app>/logs returns a URL with a new one",
			errUnauthorized, end.UTC().Format(time.RFC3339))
	}
	if id := b[tokenEnd:tokenHead]; string(id) != string(make([]byte, tokenIssuer)) {
		issuer = hex.EncodeToString(id)
	}
	return string(b[tokenHead:]), issuer, nil
}

func (t logTokens) sign(b []byte) []byte {
	mac := hmac.New(sha256.New, t.key)
	mac.Write([]byte("gaffer logs\x00")) // a key may come to sign other things too
	mac.Write(b)
	return mac.Sum(nil)
}
