package batch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// deepest is how far arrays and objects may be nested, as in encoding/json: the walk is recursive.
const deepest = 10000

// members calls use for the members of a JSON object, with each one's name and the text of its
// value. All of the text is checked, but only names are decoded: encoding/json, which decodes
// everything, takes several times as long.
func members(text []byte, use func(name, value []byte) error) error {
	w := walk{text: text}
	w.space()
	if !w.is('{') {
		return errors.New("this is not a JSON object")
	}
	err := w.object(1, use)
	if err != nil && !errors.Is(err, errSyntax) {
		return err
	}
	w.space()
	if err != nil || w.at < len(text) {
		return fmt.Errorf("this is not JSON from byte %d of the line on", w.at)
	}
	return nil
}

// scalar is the text that a value stands for.
func scalar(value []byte) ([]byte, error) {
	switch value[0] {
	case '"':
		return unquote(value)
	case '{':
		return nil, errors.New("is an object")
	case '[':
		return nil, errors.New("is an array")
	case 'n':
		return nil, nil
	}
	return value, nil
}

func unquote(token []byte) ([]byte, error) {
	if bytes.IndexByte(token, '\\') < 0 {
		return token[1 : len(token)-1], nil
	}
	var s string
	err := json.Unmarshal(token, &s)
	return []byte(s), err
}

var errSyntax = errors.New("not JSON")

// walk is a place in a JSON text.
type walk struct {
	text []byte
	at   int
}

func (w *walk) is(c byte) bool { return w.at < len(w.text) && w.text[w.at] == c }

// take goes past c if it is there.
func (w *walk) take(c byte) bool {
	if w.is(c) {
		w.at++
		return true
	}
	return false
}

func (w *walk) space() {
	for w.at < len(w.text) {
		switch w.text[w.at] {
		case ' ', '\t', '\n', '\r':
			w.at++
		default:
			return
		}
	}
}

func (w *walk) object(depth int, use func(name, value []byte) error) error {
	return w.list('{', '}', depth, func() error {
		begin := w.at
		if !w.is('"') || !w.string() {
			return errSyntax
		}
		name := w.text[begin:w.at]
		w.space()
		if !w.take(':') {
			return errSyntax
		}
		w.space()
		begin = w.at
		if err := w.value(depth); err != nil || use == nil {
			return err
		}
		name, err := unquote(name)
		if err != nil {
			return err
		}
		return use(name, w.text[begin:w.at])
	})
}

// list goes past what stands between brackets, with commas between.
func (w *walk) list(open, end byte, depth int, item func() error) error {
	if depth > deepest || !w.take(open) {
		return errSyntax
	}
	w.space()
	if w.take(end) {
		return nil
	}
	for {
		w.space()
		if err := item(); err != nil {
			return err
		}
		w.space()
		if w.take(end) {
			return nil
		}
		if !w.take(',') {
			return errSyntax
		}
	}
}

func (w *walk) value(depth int) error {
	if w.at == len(w.text) {
		return errSyntax
	}
	ok := false
	switch c := w.text[w.at]; c {
	case '{':
		return w.object(depth+1, nil)
	case '[':
		return w.list('[', ']', depth+1, func() error { return w.value(depth + 1) })
	case '"':
		ok = w.string()
	case 't':
		ok = w.literal("true")
	case 'f':
		ok = w.literal("false")
	case 'n':
		ok = w.literal("null")
	default:
		ok = w.number()
	}
	if !ok {
		return errSyntax
	}
	return nil
}

func (w *walk) literal(word string) bool {
	if !bytes.HasPrefix(w.text[w.at:], []byte(word)) {
		return false
	}
	w.at += len(word)
	return true
}

func (w *walk) string() bool {
	for w.at++; w.at < len(w.text); w.at++ {
		switch c := w.text[w.at]; {
		case c == '"':
			w.at++
			return true
		case c < ' ':
			return false
		case c == '\\' && !w.escape():
			return false
		}
	}
	return false
}

// escape goes from a backslash to the last byte of what it begins.
func (w *walk) escape() bool {
	w.at++
	if w.at == len(w.text) {
		return false
	}
	if w.text[w.at] != 'u' {
		return bytes.IndexByte([]byte(`"\/bfnrt`), w.text[w.at]) >= 0
	}
	for range 4 {
		w.at++
		if w.at == len(w.text) || bytes.IndexByte([]byte("0123456789abcdefABCDEF"), w.text[w.at]) < 0 {
			return false
		}
	}
	return true
}

func (w *walk) number() bool {
	w.take('-')
	if !w.take('0') && !w.digits() {
		return false
	}
	if w.take('.') && !w.digits() {
		return false
	}
	if w.take('e') || w.take('E') {
		if !w.take('+') {
			w.take('-')
		}
		return w.digits()
	}
	return true
}

// digits goes past digits and reports whether there were any.
func (w *walk) digits() bool {
	begin := w.at
	for w.at < len(w.text) && '0' <= w.text[w.at] && w.text[w.at] <= '9' {
		w.at++
	}
	return w.at > begin
}
