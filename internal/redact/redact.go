// Package redact is what keeps secrets out of everything that is shown: logs of
// CI systems keep what was printed for years. It knows a secret by its place
// (the user and password of a URL) or by its value; whoever shows a value by
// its meaning, the variable of a container for example, decides by that and
// uses Hidden.
package redact

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Hidden stands where something is not shown.
const Hidden = "(not shown)"

// shortest is the length from which a value is looked for in texts. Shorter
// ones (true, 1500, debug) are words of every log: to hide them would hide
// everything else and no secret.
const shortest = 6

// userinfo is what stands between a URL's scheme and its host. Passwords that
// are not escaped as they should be are taken up to the last at sign.
var userinfo = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/?#"'<>]*@`)

// URLs takes user and password out of all URLs in the text.
func URLs(text string) string {
	return userinfo.ReplaceAllString(text, "${1}"+Hidden+"@")
}

// Address is an address that the user typed, which may be malformed in any way:
// all that may be user and password is taken out. The digest of an image, after
// an at sign too, stays.
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

// Values are secrets that are known, to be taken out of texts. The zero value
// takes out what URLs does.
type Values struct{ replacer *strings.Replacer }

// Of are the values, and what of them is a secret in itself: the parts of a
// URL's userinfo, and what follows an equals sign (--log-opt=token=…).
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
		all = append(all, disguises(value)...)
	}
	all = slices.DeleteFunc(all, func(value string) bool { return len(value) < shortest })
	// The longest first: what contains another goes whole.
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

// disguises are other ways in which a text may write the value: quoted by JSON
// or by Go, or without a URL's escapes.
func disguises(value string) []string {
	var found []string
	if quoted, err := json.Marshal(value); err == nil {
		found = append(found, strings.Trim(string(quoted), `"`))
	}
	found = append(found, strings.ReplaceAll(strings.ReplaceAll(value, `\`, `\\`), `"`, `\"`))
	if plain, err := url.PathUnescape(value); err == nil {
		found = append(found, plain)
	}
	return found
}

// In is the text without the secrets.
func (v Values) In(text string) string {
	if v.replacer != nil {
		text = v.replacer.Replace(text)
	}
	return URLs(text)
}
