package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// LoginWait is a login that a person has to do something for, until Close.
type LoginWait struct {
	Login
	client *Client
	ctx    context.Context // of the request; close ends it
	close  context.CancelFunc
	lines  *bufio.Reader
	body   func() error
}

// Login has the daemon find out what a source, or a profile, needs a person for,
// begin that or join who began it, and keep it up until Close. ctx bounds the
// beginning, not what comes after.
func (c *Client) Login(ctx context.Context, q LoginSpec) (*LoginWait, error) {
	waiting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	setup, done := context.WithTimeout(ctx, answerTimeout)
	defer done()
	unhook := context.AfterFunc(setup, cancel)

	body, err := c.send(waiting, http.MethodPost, "/login", q)
	if err != nil {
		cancel()
		return nil, explain(setup, c.path, err)
	}
	w := &LoginWait{client: c, ctx: waiting, close: cancel, lines: bufio.NewReaderSize(body, maxBody), body: body.Close}
	if err := readLine(w.lines, &w.Login); err != nil || !unhook() {
		w.Close()
		return nil, explain(setup, c.path, err)
	}
	return w, nil
}

// Wait waits until the login has succeeded or failed, or ctx ends. It is called
// once.
func (w *LoginWait) Wait(ctx context.Context) (LoggedIn, error) {
	stop := context.AfterFunc(ctx, w.close)
	defer stop()
	var end loginEnd
	if err := readLine(w.lines, &end); err != nil {
		return LoggedIn{}, explain(ctx, w.client.path, err)
	}
	in, err := end.decode()
	if err != nil {
		return LoggedIn{}, explain(ctx, w.client.path, err)
	}
	return in, nil
}

// Close gives the login up, if it is not done, and it was begun here.
func (w *LoginWait) Close() {
	w.close()
	_ = w.body()
}

// decode returns what the second line says.
func (e loginEnd) decode() (LoggedIn, error) {
	switch {
	case e.Error != nil:
		return LoggedIn{}, e.Error.decode()
	case e.Done != nil:
		return *e.Done, nil
	}
	return LoggedIn{}, errUnreadable
}

// readLine reads one line of JSON that fits r's buffer.
func readLine(r *bufio.Reader, into any) error {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return errTooLong
	case err != nil:
		return err
	case json.Unmarshal(line, into) != nil:
		return errUnreadable
	}
	return nil
}
