package server_test

import (
	"bufio"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestHostilePipelines sends several requests in one piece. Each is answered in
// its turn, as if it had come alone, until one ends the connection: what is
// behind that one was never asked.
func TestHostilePipelines(t *testing.T) { atBothDoors(t, hostilePipelines) }

func hostilePipelines(t *testing.T, start open) {
	other := to("/v1/credentials/readonly")
	wrong := carrying("vnd_wrong")
	page := with("Origin: http://evil.example")
	body := with("Content-Length: 4") + "body"
	for _, test := range []struct {
		name string
		sent []string
		want []int
	}{
		{"five", slices.Repeat([]string{plain}, 5), []int{200, 200, 200, 200, 200}},
		{"a thousand", slices.Repeat([]string{plain}, 1000), slices.Repeat([]int{200}, 1000)},
		{"five, another profile between", []string{plain, other, plain, other, plain}, []int{200, 403, 200, 403, 200}},
		{"five, a wrong token between", []string{plain, plain, wrong, plain, plain}, []int{200, 200, 401}},
		{"five, a page between", []string{plain, page, plain, plain, plain}, []int{200, 403}},
		{"five, a body between", []string{plain, body, plain, plain, plain}, []int{200, 403}},
		{"five, a POST between", []string{plain, plain, by("POST"), plain, plain}, []int{200, 200, 405}},
		{"five, noise between", []string{plain, "\x00\n\n", plain, plain, plain}, []int{200, 400}},
		{"five, the third the last by its own wish", []string{plain, plain, with("Connection: close"), plain, plain}, []int{200, 200, 200}},
		{"a request behind a body that lies about its length", []string{with("Content-Length: 3") + "xxx", plain, plain}, []int{403}},
		{"a request behind chunks that lie", []string{with("Transfer-Encoding: chunked", "Content-Length: 4") + "0\n\n", plain}, []int{403}},
		{"a request behind HTTP/2's first line", []string{"PRI * HTTP/2.0\n\nSM\n\n", plain}, []int{405}},
		{"a request behind a CONNECT", []string{"CONNECT ADDR HTTP/1.1\nHost: ADDR\n\n", plain}, []int{405}},
		{"a request behind an upgrade", []string{with("Connection: Upgrade", "Upgrade: h2c"), plain}, []int{200, 200}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := start(t, always(credentials(nil)))
			c := w.dialFor(t)
			go func() { // the answers to a thousand do not fit where nobody reads
				_, _ = io.WriteString(c, w.bytes(strings.Join(test.sent, "")))
				_ = c.CloseWrite()
			}()
			var got []int
			for in := bufio.NewReader(c); ; {
				response, err := http.ReadResponse(in, nil)
				if err != nil {
					break
				}
				answer, err := io.ReadAll(response.Body)
				if err != nil {
					break
				}
				if got = append(got, response.StatusCode); (response.StatusCode == 200) != (string(answer) == golden) {
					t.Errorf("answer %d: got %d %s", len(got), response.StatusCode, answer)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %d answers %v, want %d: %v", len(got), got[max(0, len(got)-5):], len(test.want), test.want[max(0, len(test.want)-5):])
			}
			w.honest(t)
			w.wroteNoSecret(t)
		})
	}
}
