package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestSubjects(t *testing.T) {
	for _, tt := range []struct {
		selectors, want string
		code            int
	}{
		{"shop-a", "shop-a!", 0},
		{"shop-*", "shop-a shop-b", 0},
		{"all shop-b", "shop-a shop-b! blog", 0},
		{"shop-a/web shop-b shop-a/tick", "shop-a/web,shop-a/tick! shop-b!", 0},
		{"shop-a/web/1 shop-a/web", "shop-a/web!", 0},
		{"shop-a/web/1 shop-a", "shop-a!", 0},
		{"shop-a/web/1 shop-a/web/0 shop-a/tick", "shop-a/web/1,shop-a/web/0,shop-a/tick!", 0},
		{"shop-*/t*", "shop-a/tick shop-b/tick", 0},
		{"", "", exitUsage},
		{"nope", "", exitNotFound},
	} {
		all, err := subjects(selectable(), strings.Fields(tt.selectors))
		var got []string
		for _, s := range all {
			var parts []string
			for _, p := range s.parts {
				parts = append(parts, p.String())
			}
			text := strings.Join(parts, ",")
			if s.named {
				text += "!"
			}
			got = append(got, text)
		}
		if strings.Join(got, " ") != tt.want || exitCode(err) != tt.code {
			t.Errorf("%q: %q, %v, want %q", tt.selectors, got, err, tt.want)
		}
	}
}

func TestIsOne(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "shop": true, "shop/web": true, "shop/web/0": true, "a b": false, "all": false, "shop/all": false,
		"shop-*": false, "shop/w?b": false, "all/web": false, "alles": true,
	} {
		if got := isOne(strings.Fields(text)); got != want {
			t.Errorf("isOne(%q) = %v", text, got)
		}
	}
}

func TestEach(t *testing.T) {
	three := func() []subject {
		all, err := subjects(selectable(), []string{"all"})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}()
	for _, tt := range []struct {
		name     string
		subjects []subject
		fail     map[string]error
		code     int
		out, err string
	}{
		{"all done", three, nil, 0, "blog shop-a shop-b", ""},
		{"one fails", three, map[string]error{"blog": errors.New("no\nway")}, exitPartly, "shop-a shop-b", "blog was not stopped: no way\npandora: 1 of 3 were not stopped"},
		{"all fail alike", three, map[string]error{"blog": usageError(errors.New("x")), "shop-a": usageError(errors.New("x")), "shop-b": usageError(errors.New("x"))}, exitUsage, "", "3 of 3 were not stopped"},
		{"all fail", three, map[string]error{"blog": usageError(errors.New("x")), "shop-a": errors.New("x"), "shop-b": errors.New("x")}, exitFailure, "", "3 of 3 were not stopped"},
		{"told already", three, map[string]error{"blog": &failure{code: 1, err: errors.New("x"), told: true}}, exitPartly, "shop-a shop-b", "pandora: 1 of 3 were not stopped"},
		{"only one", three[:1], map[string]error{"shop-a": errors.New("x")}, exitFailure, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			c := newCLI(&out, &errOut, nil)
			err := c.each(t.Context(), "stopped", tt.subjects, func(_ context.Context, c *cli, s selection) error {
				if err := tt.fail[s.app]; err != nil {
					return err
				}
				fmt.Fprintln(c.out, s.app)
				return nil
			})
			if code := exitCode(err); code != tt.code {
				t.Errorf("code %d, want %d", code, tt.code)
			}
			if got := strings.Join(sortedNames(strings.Fields(out.String())), " "); got != tt.out {
				t.Errorf("out %q, want %q", got, tt.out)
			}
			if !strings.Contains(errOut.String(), tt.err) {
				t.Errorf("err %q, want %q", errOut.String(), tt.err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var errOut bytes.Buffer
	c := newCLI(&errOut, &errOut, nil)
	err := c.each(ctx, "stopped", three, func(context.Context, *cli, selection) error { t.Error("begun after an interrupt"); return nil })
	if exitCode(err) != exitInterrupted || !strings.Contains(errOut.String(), "blog was not stopped: interrupted") {
		t.Errorf("interrupted: %v, %q", err, errOut.String())
	}
}
