package profiles

import (
	"cmp"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
)

// duration is a length of time as the file has it: "1h" or a number of seconds.
type duration time.Duration

// oneOrMany is a string or a list of strings. IAM means the same by both; which
// one was written is kept, so that findings point to what stands in the file.
type oneOrMany struct {
	items []string
	list  bool
}

// condition is the condition of a statement: operator, key, and a value or a
// list of values, each a string, a number or a boolean.
type condition map[string]map[string]any

// decoder puts a tree of TOML into the tables of file.go. The library could do
// it, but would stop at the first wrong type and take Region for region. Texts
// are copied: those of the tree are pieces of the file, which would stay in
// memory whole for as long as one of them does.
type decoder struct {
	wrong  func(at path, hint, format string, args ...any)
	fields fields
}

// table puts raw into the struct at into, reports what does not belong and
// returns whether all did.
func (d *decoder) table(at path, raw any, into reflect.Value) bool {
	table, ok := raw.(map[string]any)
	if !ok {
		d.mismatch(at, "a table", raw)
		return false
	}
	fields := d.fields.of(into.Type())
	notes := into.Addr().Interface().(interface{ note(key string, ok bool) })
	for _, key := range slices.Sorted(maps.Keys(table)) {
		i, known := fields[key]
		fits := known && d.value(at.to(key), table[key], into.Field(i))
		ok = ok && fits
		switch {
		case known:
			notes.note(key, fits)
		case slices.Contains(later[d.kindOf(at)], key):
			d.wrong(at.to(key), "", notYet)
		default:
			problem, hint := d.misplaced(d.kindOf(at), key)
			d.wrong(at.to(key), cmp.Or(hint, suggest(key, slices.Collect(maps.Keys(fields)), "keys here")), "%s", cmp.Or(problem, "unknown key"))
		}
	}
	return ok
}

// kindOf names the list of later that belongs to the table at a path.
func (d *decoder) kindOf(at path) string {
	switch len(at) {
	case 0:
		return "file"
	case 1:
		return at[0]
	case 2:
		if at[0] == "endpoints" {
			return at[1]
		}
		return at[0]
	case 3:
		switch at[0] {
		case "apps":
			return at[2]
		case "endpoints": // [[endpoints.imds]]
			return at[1]
		}
	}
	return ""
}

// fields are the indexes of the fields of structs, by their TOML keys.
type fields map[reflect.Type]map[string]int

// of returns the fields of a struct. They are worked out once.
func (all fields) of(t reflect.Type) map[string]int {
	if known, done := all[t]; done {
		return known
	}
	all[t] = make(map[string]int)
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("toml"); key != "" {
			all[t][key] = i
		}
	}
	return all[t]
}

// value puts raw into a field and reports whether it could.
func (d *decoder) value(at path, raw any, field reflect.Value) bool {
	switch into := field.Addr().Interface().(type) {
	case *string:
		return d.text(at, raw, into)
	case *bool:
		return take(d, at, "true or false", raw, into)
	case *int64:
		return take(d, at, "a whole number", raw, into)
	case *[]string:
		items, ok := d.strings(at, "a list of strings", raw)
		*into = items
		return ok
	case *oneOrMany:
		return d.oneOrMany(at, raw, into)
	case *map[string]string:
		return d.texts(at, raw, into)
	case *duration:
		return d.duration(at, raw, into)
	case *size:
		return d.size(at, raw, into)
	case *condition:
		return d.condition(at, raw, into)
	case *imdsTables:
		return d.imds(at, raw, into)
	}
	switch field.Kind() {
	case reflect.Map:
		return d.tables(at, raw, field)
	case reflect.Slice:
		return d.list(at, raw, field)
	default:
		return d.table(at, raw, field)
	}
}

// tables puts raw into a map of pointers to structs.
func (d *decoder) tables(at path, raw any, field reflect.Value) bool {
	named, ok := raw.(map[string]any)
	if !ok {
		d.mismatch(at, "a table", raw)
		return false
	}
	field.Set(reflect.MakeMap(field.Type()))
	for _, name := range slices.Sorted(maps.Keys(named)) {
		one := reflect.New(field.Type().Elem().Elem())
		ok = d.table(at.to(name), named[name], one.Elem()) && ok
		if _, table := named[name].(map[string]any); table {
			field.SetMapIndex(reflect.ValueOf(strings.Clone(name)), one)
		}
	}
	return ok
}

// list puts raw into a slice of pointers to structs.
func (d *decoder) list(at path, raw any, field reflect.Value) bool {
	items, ok := itemsOf(raw)
	if !ok {
		if _, table := raw.(map[string]any); table {
			d.wrong(at, "write [["+at.String()+"]], with double brackets", "must be a list of tables, is a table")
		} else {
			d.mismatch(at, "a list of tables", raw)
		}
		return false
	}
	for i, item := range items {
		one := reflect.New(field.Type().Elem().Elem())
		ok = d.table(at.item(i), item, one.Elem()) && ok
		field.Set(reflect.Append(field, one))
	}
	return ok
}

// imds puts raw into either form of [endpoints.imds].
func (d *decoder) imds(at path, raw any, into *imdsTables) bool {
	if _, table := raw.(map[string]any); table {
		one := new(imdsTable)
		into.each = []*imdsTable{one}
		return d.table(at, raw, reflect.ValueOf(one).Elem())
	}
	if _, ok := itemsOf(raw); !ok {
		d.mismatch(at, "a table or a list of tables", raw)
		return false
	}
	into.list = true
	return d.list(at, raw, reflect.ValueOf(&into.each).Elem())
}

// take puts raw into a value of its own type.
func take[T any](d *decoder, at path, want string, raw any, into *T) bool {
	v, ok := raw.(T)
	if !ok {
		d.mismatch(at, want, raw)
	}
	*into = v
	return ok
}

// text puts raw into a string of its own.
func (d *decoder) text(at path, raw any, into *string) bool {
	ok := take(d, at, "a string", raw, into)
	*into = strings.Clone(*into)
	return ok
}

// strings returns raw as a list of strings.
func (d *decoder) strings(at path, want string, raw any) ([]string, bool) {
	items, ok := itemsOf(raw)
	if !ok {
		d.mismatch(at, want, raw)
		return nil, false
	}
	texts := make([]string, len(items))
	for i, item := range items {
		ok = d.text(at.item(i), item, &texts[i]) && ok
	}
	return texts, ok
}

// oneOrMany puts raw into either form of an action or a resource.
func (d *decoder) oneOrMany(at path, raw any, into *oneOrMany) bool {
	if text, ok := raw.(string); ok {
		*into = oneOrMany{items: []string{text}}
		return true
	}
	items, ok := d.strings(at, "a string or a list of strings", raw)
	*into = oneOrMany{items: items, list: true}
	return ok
}

// texts puts raw into a map. AWS has no tags but strings, so a number is a
// mistake and not converted: 007 would become 7.
func (d *decoder) texts(at path, raw any, into *map[string]string) bool {
	table, ok := raw.(map[string]any)
	if !ok {
		d.mismatch(at, "a table of strings", raw)
		return false
	}
	*into = make(map[string]string, len(table))
	for _, key := range slices.Sorted(maps.Keys(table)) {
		var text string
		ok = d.text(at.to(key), table[key], &text) && ok
		(*into)[strings.Clone(key)] = text
	}
	return ok
}

// duration takes what Go and what the AWS CLI write, and no number in quotes:
// "60" could be minutes.
func (d *decoder) duration(at path, raw any, into *duration) bool {
	const hint = `write "1h", "90m" or a number of seconds`
	switch v := raw.(type) {
	case int64:
		if v < 0 || v > math.MaxInt64/int64(time.Second) {
			d.wrong(at, hint, "%d seconds is no duration", v)
			return false
		}
		*into = duration(time.Duration(v) * time.Second)
		return true
	case string:
		length, err := time.ParseDuration(v)
		if err != nil {
			d.wrong(at, hint, "%q is no duration", v)
			return false
		}
		*into = duration(length)
		return true
	}
	d.mismatch(at, "a duration", raw)
	return false
}

// condition checks the shape only; whether operators and keys exist is for the
// check of the policy that is made of it.
func (d *decoder) condition(at path, raw any, into *condition) bool {
	operators, ok := raw.(map[string]any)
	if !ok {
		d.mismatch(at, "a table of operators", raw)
		return false
	}
	*into = make(condition, len(operators))
	for _, operator := range slices.Sorted(maps.Keys(operators)) {
		keys, table := operators[operator].(map[string]any)
		if !table {
			d.mismatch(at.to(operator), "a table of condition keys", operators[operator])
			ok = false
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			ok = d.conditionValue(at.to(operator).to(key), keys[key]) && ok
		}
		(*into)[operator] = keys
	}
	return ok
}

// conditionValue reports whether raw can be written as JSON that IAM knows.
func (d *decoder) conditionValue(at path, raw any) bool {
	const want = "a string, a number, a boolean or a list of them"
	switch v := raw.(type) {
	case string, bool, int64:
		return true
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			d.wrong(at, "", "must be %s, is %v", want, v)
			return false
		}
		return true
	case []any:
		ok := true
		for i, item := range v {
			if _, list := item.([]any); list {
				d.mismatch(at.item(i), "a string, a number or a boolean", item)
				ok = false
			} else {
				ok = d.conditionValue(at.item(i), item) && ok
			}
		}
		return ok
	}
	d.mismatch(at, want, raw)
	return false
}

// mismatch reports a value of the wrong type.
func (d *decoder) mismatch(at path, want string, raw any) {
	hint := ""
	if _, date := raw.(time.Time); date {
		hint = "put it in quotes"
	}
	if _, text := raw.(string); text && want == "a list of strings" {
		hint = "put it in brackets: [ … ]"
	}
	d.wrong(at, hint, "must be %s, is %s", want, typeOf(raw))
}

// itemsOf returns the items of either form that a list has in the tree.
func itemsOf(raw any) ([]any, bool) {
	switch v := raw.(type) {
	case []any:
		return v, true
	case []map[string]any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = v[i]
		}
		return items, true
	}
	return nil, false
}

// typeOf names the TOML type of a value of the tree.
func typeOf(raw any) string {
	switch raw.(type) {
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case bool:
		return "a boolean"
	case time.Time:
		return "a date or time"
	case []any, []map[string]any:
		return "a list"
	}
	return "a table"
}
