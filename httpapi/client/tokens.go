package client

import (
	"context"
	"net/http"
	"time"
)

// Token is what the daemon tells of an access token, which is not the token
// itself.
type Token struct {
	Name      string    `json:"name"`
	Scope     []string  `json:"scope"`   // read, write, control, admin
	Only      []string  `json:"only"`    // patterns of the processes that it is for; none: all
	Subject   string    `json:"subject"` // of the client certificate that stands for it
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"` // zero: never
	Fixed     bool      `json:"fixed"`      // the daemon was started with it
}

// NewToken says what a token is to be. Name and Scope are required.
type NewToken struct {
	Name    string        `json:"name"`
	Scope   []string      `json:"scope"`
	Only    []string      `json:"only,omitempty"`
	Subject string        `json:"subject,omitempty"`
	Expires time.Duration `json:"-"` // how long it is good; 0: for ever
}

// Tokens lists the access tokens of the daemon.
func (c *Client) Tokens(ctx context.Context) ([]Token, error) {
	return get[[]Token](ctx, c, "/tokens", nil)
}

// AddToken makes a token and returns it; there is no way to get it again later. It is ""
// for one with a Subject: there the certificate is the token.
func (c *Client) AddToken(ctx context.Context, t NewToken) (token string, err error) {
	body := struct {
		NewToken
		Expires float64 `json:"expires,omitempty"`
	}{t, t.Expires.Seconds()}
	var answer struct{ Token string }
	err = c.Do(ctx, http.MethodPost, "/tokens", nil, body, &answer)
	return answer.Token, err
}

// RevokeToken makes a token good for nothing.
func (c *Client) RevokeToken(ctx context.Context, name string) error {
	return c.Do(ctx, http.MethodDelete, route("tokens", name), nil, nil, nil)
}
