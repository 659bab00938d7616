package endpoints

import "strings"

// masked stands for a secret.
const masked = "******"

// MaskURL hides the password of a text that is a URL, as that of redis://app:secret@host; any other text stays as it is.
func MaskURL(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return text
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return text
	}
	user, _, secret := strings.Cut(authority[:at], ":")
	if !secret {
		return text
	}
	return scheme + "://" + user + ":" + masked + rest[at:]
}
