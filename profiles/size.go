package profiles

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// size is a number of bytes as the file has it: "100MB" or the number.
type size int64

// units are those of sizes: powers of a thousand, and of 1024.
var units = map[string]int64{"": 1, "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

// size takes a whole number of bytes, or of a unit. "100M" could be either power.
func (d *decoder) size(at path, raw any, into *size) bool {
	const hint = `write "100MB", "64KiB" or a number of bytes; the units are kB, MB, GB, KiB, MiB and GiB`
	var number, unit string
	switch v := raw.(type) {
	case int64:
		number = strconv.FormatInt(v, 10)
	case string:
		digits := len(v) - len(strings.TrimLeft(v, "0123456789"))
		number, unit = v[:digits], strings.TrimPrefix(v[digits:], " ")
	default:
		d.mismatch(at, "a size", raw)
		return false
	}
	n, err := strconv.ParseInt(number, 10, 64)
	factor, known := units[unit]
	if err != nil || !known || n < 0 || n > math.MaxInt64/factor {
		d.wrong(at, hint, "%q is no size", shortened(fmt.Sprint(raw)))
		return false
	}
	*into = size(n * factor)
	return true
}
