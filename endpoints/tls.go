package endpoints

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// certCheck is how often the files of a certificate are looked at.
const certCheck = 5 * time.Second

// certificate is a certificate that is read again when its files change, so that it can be renewed without a restart.
type certificate struct {
	files TLSFiles

	mu sync.Mutex
	// The fields below are guarded by mu.
	loaded *tls.Certificate
	looked time.Time
	stamps [2]time.Time
}

// config is for a server. It fails when the files cannot be used.
func (c *certificate) config() (*tls.Config, error) {
	if _, err := c.get(); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.get() },
	}, nil
}

// get returns the certificate in the files, or the last one that could be read.
func (c *certificate) get() (*tls.Certificate, error) {
	c.mu.Lock()
	loaded, old := c.loaded, c.stamps
	fresh := loaded != nil && time.Since(c.looked) < certCheck
	c.mu.Unlock()
	if fresh {
		return loaded, nil
	}
	stamps := [2]time.Time{modified(c.files.Cert), modified(c.files.Key)}
	if loaded == nil || stamps != old {
		pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
		switch {
		case err == nil:
			loaded = &pair
		case loaded == nil:
			return nil, fmt.Errorf("read the certificate of actuator.http.tls (%q, %q): %w", c.files.Cert, c.files.Key, err)
		default:
			stamps = old // half renewed: tried again the next time
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loaded, c.looked, c.stamps = loaded, time.Now(), stamps
	return loaded, nil
}

// modified is the zero time for a file that is not there.
func modified(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
