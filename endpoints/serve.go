package endpoints

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
)

const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	// writeTimeout leaves room for the slowest Indicators and a slow reader.
	writeTimeout    = 30 * time.Second
	idleTimeout     = 60 * time.Second
	maxHeaderBytes  = 16 << 10
	maxConnections  = 1024
	shutdownTimeout = 5 * time.Second
)

// Serve answers on l, TCP or unix, until ctx ends; then requests under way have 5 s to finish, and nil is returned.
// It closes l. With TLS in the options a TCP listener speaks TLS, which clients of a unix socket do not need. A listener that breaks before that is an error.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	web := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          zap.NewStdLog(s.log.Named("http")),
	}
	newCrowd(maxConnections).attach(web)
	if s.options.TLS != nil && l.Addr().Network() != "unix" {
		config, err := (&certificate{files: *s.options.TLS}).config()
		if err != nil {
			l.Close()
			return err
		}
		l = tls.NewListener(l, config)
	}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(l) }()
	select {
	case err := <-ended:
		web.Close()
		return fmt.Errorf("serve endpoints on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := web.Shutdown(grace); err != nil {
		s.log.Warn("endpoints closed with requests under way", zap.Error(err))
		web.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve endpoints on %s: %w", l.Addr(), err)
	}
	return nil
}
