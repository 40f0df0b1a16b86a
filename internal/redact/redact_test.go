package redact

import "testing"

func TestURLs(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"no URL":                  {"dial tcp 10.0.0.1:443: refused", "dial tcp 10.0.0.1:443: refused"},
		"no userinfo":             {"Get https://host:5000/v2/: EOF", "Get https://host:5000/v2/: EOF"},
		"user and password":       {`Get "http://jane:hunter2@proxy:3128/x": EOF`, `Get "http://(not shown)@proxy:3128/x": EOF`},
		"token":                   {"https://ghp_123@host", "https://(not shown)@host"},
		"at sign in the password": {"http://jane:p@ss@proxy", "http://(not shown)@proxy"},
		"two URLs":                {"a://b@c d://e:f@g", "a://(not shown)@c d://(not shown)@g"},
		"at sign in the path":     {"https://host/x@y", "https://host/x@y"},
		"invalid escape":          {`parse "http://a:p%zz@h": invalid`, `parse "http://(not shown)@h": invalid`},
		"email address":           {"ask admin@example.com", "ask admin@example.com"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := URLs(test.text); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestAddress(t *testing.T) {
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	tests := map[string]struct{ address, want string }{
		"plain":                  {"https://mirror.example.com", "https://mirror.example.com"},
		"userinfo":               {"https://u:p@host:5000/x", "https://(not shown)@host:5000/x"},
		"slash in the password":  {"https://u:p/w@host", "https://(not shown)@host"},
		"no scheme":              {"u:p@host", "(not shown)@host"},
		"invalid escape":         {"https://u:p%zz@host", "https://(not shown)@host"},
		"spaces":                 {"https://u: p @host", "https://(not shown)@host"},
		"digest":                 {"docker" + digest, "docker" + digest},
		"digest and userinfo":    {"u:p@host/docker" + digest, "(not shown)@host/docker" + digest},
		"scheme in the password": {"u:x://y@host", "(not shown)@host"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Address(test.address); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestValues(t *testing.T) {
	tests := map[string]struct {
		values     []string
		text, want string
	}{
		"no values":            {nil, "all of http://a:b@c", "all of http://(not shown)@c"},
		"one value":            {[]string{"canary"}, `env "canary" and canary-2`, `env "(not shown)" and (not shown)-2`},
		"short value":          {[]string{"debug"}, "level=debug", "level=debug"},
		"value within another": {[]string{"canary", "canary-2"}, "canary-2", "(not shown)"},
		"after an equals sign": {[]string{"splunk-token=canary"}, "bad token canary", "bad token (not shown)"},
		"password of a URL":    {[]string{"http://jane:hunter2!@proxy"}, "hunter2! is wrong for http://proxy", "(not shown) is wrong for http://proxy"},
		"escaped password":     {[]string{"http://jane:hunter%402@proxy"}, "hunter@2 and hunter%402", "(not shown) and (not shown)"},
		"quoted by Go":         {[]string{`a "quoted" one`}, `value "a \"quoted\" one"`, `value "(not shown)"`},
		"quoted by JSON":       {[]string{"one&another"}, "{\"x\":\"one\\u0026another\"}", `{"x":"(not shown)"}`},
		"line break":           {[]string{"first\nsecond"}, `"first\nsecond"`, `"(not shown)"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Of(test.values...).In(test.text); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
