package endpoints

import "testing"

func TestMaskURL(t *testing.T) {
	for in, want := range map[string]string{
		"redis://app:geheim@127.0.0.1:6379/1": "redis://app:******@127.0.0.1:6379/1",
		"redis://:ge:heim@h":                  "redis://:******@h",
		"mysql://app@h/db":                    "mysql://app@h/db",
		"http://h:80/a@b:c":                   "http://h:80/a@b:c",
		"https://u:p@h?x=1":                   "https://u:******@h?x=1",
		"https://u:p@at@h#f":                  "https://u:******@h#f",
		"plain text, with: a colon and @":     "plain text, with: a colon and @",
		"":                                    "",
	} {
		if got := MaskURL(in); got != want {
			t.Errorf("%s → %s, want %s", in, got, want)
		}
	}
}
