// Package redact removes secrets from output, which CI systems may keep for
// years. It recognizes a secret by its position (the user and password of a URL),
// by its value, or by the name of the flag or variable that has it.
package redact

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Hidden replaces redacted text.
const Hidden = "(not shown)"

// minLength is the minimum length of a redacted value, in bytes. Shorter values
// (true, 1500, debug) are common words and no secrets.
const minLength = 6

// userinfo matches the scheme, user and password of a URL. It ends at the last at
// sign, because passwords may be unescaped.
var userinfo = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/?#"'<>]*@`)

// URLs redacts user and password in all URLs in the text.
func URLs(text string) string {
	return userinfo.ReplaceAllString(text, "${1}"+Hidden+"@")
}

// Address redacts anything that may be a user or password in an address typed by
// the user, which may be malformed. It keeps the digest of an image reference.
func Address(address string) string {
	rest, digest := address, ""
	if at := strings.LastIndex(address, "@"); at >= 0 && digestPattern.MatchString(address[at+1:]) {
		rest, digest = address[:at], address[at:]
	}
	at := strings.LastIndex(rest, "@")
	if at < 0 {
		return address
	}
	return schemePattern.FindString(rest[:at]) + Hidden + rest[at:] + digest
}

var (
	schemePattern = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*://`)
	digestPattern = regexp.MustCompile(`^[a-z0-9]+([+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}$`)
)

// Values redacts known secrets. The zero value redacts what URLs does.
type Values struct{ replacer *strings.Replacer }

// Of returns Values that redacts the values and the secrets within them: the user
// and password of a URL, and text after an equals sign (--log-opt=token=…).
func Of(values ...string) Values {
	var all []string
	for _, value := range values {
		all = append(all, value)
		if _, after, found := strings.Cut(value, "="); found {
			all = append(all, after)
		}
		for _, match := range userinfo.FindAllString(value, -1) {
			_, login, _ := strings.Cut(strings.TrimSuffix(match, "@"), "://")
			user, password, _ := strings.Cut(login, ":")
			all = append(all, login, user, password)
		}
	}
	for _, value := range slices.Clone(all) {
		all = append(all, encodings(value)...)
	}
	all = slices.DeleteFunc(all, func(value string) bool { return len(value) < minLength })
	// Longest first, so that a value is replaced before the values within it.
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, value := range slices.Compact(all) {
		pairs = append(pairs, value, Hidden)
	}
	if len(pairs) == 0 {
		return Values{}
	}
	return Values{strings.NewReplacer(pairs...)}
}

// encodings returns the value as it may appear in text: quoted by JSON or Go, or
// without URL escapes.
func encodings(value string) []string {
	var encoded []string
	if quoted, err := json.Marshal(value); err == nil {
		encoded = append(encoded, strings.Trim(string(quoted), `"`))
	}
	encoded = append(encoded, strings.ReplaceAll(strings.ReplaceAll(value, `\`, `\\`), `"`, `\"`))
	if plain, err := url.PathUnescape(value); err == nil {
		encoded = append(encoded, plain)
	}
	return encoded
}

// In returns the text with the secrets redacted.
func (v Values) In(text string) string {
	if v.replacer != nil {
		text = v.replacer.Replace(text)
	}
	return URLs(text)
}
