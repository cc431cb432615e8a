package learning

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"
)

// words gives what Python's regular expression \b\w\w+\b finds.
func words(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for text != "" {
			start := strings.IndexFunc(text, ofWord)
			if start < 0 {
				return
			}
			text = text[start:]
			end := strings.IndexFunc(text, notOfWord)
			if end < 0 {
				end = len(text)
			}
			_, first := utf8.DecodeRuneInString(text)
			if end > first && !yield(text[:end]) {
				return
			}
			text = text[end:]
		}
	}
}

func ofWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_'
	}
	return unicode.IsLetter(r) || unicode.IsNumber(r)
}

func notOfWord(r rune) bool { return !ofWord(r) }

// lower is Python's str.lower. Go knows the case of single characters only; of the two exceptions
// of Unicode, one becomes two characters and the other depends on what is around it.
func lower(text string) string {
	if strings.ContainsRune(text, 'İ') {
		text = strings.ReplaceAll(text, "İ", "i\u0307")
	}
	if strings.ContainsRune(text, 'Σ') {
		text = finalSigmas(text)
	}
	return strings.ToLower(text)
}

// finalSigmas makes each capital sigma at the end of a word the small one of that place: after a letter with
// case and not before one, those characters not counted that Unicode's rule ignores.
func finalSigmas(text string) string {
	var out strings.Builder
	for i, r := range text {
		if r == 'Σ' {
			before := strings.TrimRightFunc(text[:i], ignored)
			after := strings.TrimLeftFunc(text[i+len("Σ"):], ignored)
			last, _ := utf8.DecodeLastRuneInString(before)
			next, _ := utf8.DecodeRuneInString(after)
			if cased(last) && !cased(next) {
				r = 'ς'
			}
		}
		out.WriteRune(r)
	}
	return out.String()
}

func cased(r rune) bool {
	return unicode.IsUpper(r) || unicode.IsLower(r) || unicode.IsTitle(r) ||
		unicode.In(r, unicode.Other_Lowercase, unicode.Other_Uppercase)
}

// ignored is Unicode's property Case_Ignorable; the characters are those that break words in the middle only.
func ignored(r rune) bool {
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) ||
		strings.ContainsRune("':.\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52\ufe55\uff07\uff0e\uff1a", r)
}
