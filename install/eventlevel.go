package install

import "strings"

// eventLevel is that of a line in Windows' event log, which has three.
func eventLevel(line string) string {
	switch {
	case strings.HasPrefix(line, "vendord: "), strings.Contains(line, "level=ERROR"), strings.Contains(line, `"level":"ERROR"`):
		return "error"
	case strings.HasPrefix(line, "warning: "), strings.Contains(line, "level=WARN"), strings.Contains(line, `"level":"WARN"`):
		return "warning"
	}
	return "information"
}
