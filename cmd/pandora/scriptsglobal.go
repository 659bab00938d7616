package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/internal/config"
	"github.com/pandora-go/pandora/internal/scripts"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/metrics"
	"github.com/pandora-go/pandora/metrics/report"
)

// globalScripts is what of the global configuration runs in a script host.
type globalScripts struct {
	// dir is the folder that modules are resolved from, env the environment as NAME=value.
	dir     string
	env     []string
	modules []string
	config  json.RawMessage
	// classes are the reporters that are classes, endPoints the EndPoints.
	classes, endPoints []string
	// version changes with each reading of the configuration.
	version string
}

// globalScripts is that of the configuration that was read last; nil when there is nothing for a host.
func (d *daemon) globalScripts() *globalScripts {
	spec, version := d.spec, "started"
	if reloaded := d.reloaded.Load(); reloaded != nil {
		spec, version = reloaded, fmt.Sprintf("reloaded %p", reloaded)
	}
	return globalScriptsOf(spec, version)
}

func globalScriptsOf(spec *state.Daemon, version string) *globalScripts {
	classes, endPoints := report.Classes(spec.Config), endpoints.ExternalNames(spec.Config)
	dir, modules := config.Modules(spec.Env, spec.Cwd)
	if len(classes)+len(endPoints) == 0 || len(modules) == 0 {
		return nil
	}
	return &globalScripts{dir: dir, env: spec.Env, modules: modules, config: spec.Config, classes: classes, endPoints: endPoints, version: version}
}

// globalSpec makes the specification of the host of the global configuration.
func (y *scriptYard) globalSpec() (scripts.Spec, error) {
	if y.sources.global == nil {
		return scripts.Spec{}, fmt.Errorf("the global configuration has no scripts")
	}
	g := y.sources.global()
	if g == nil {
		return scripts.Spec{}, fmt.Errorf("the global configuration has no scripts any more")
	}
	settings, err := decodeScripts(g.config)
	if err != nil {
		y.log.Warn("configuration of scripts is not used", zap.Error(err))
	}
	return scripts.Spec{
		Dir: g.dir, Env: g.env, Exec: settings.Exec, MemoryLimit: settings.MemoryMb << 20,
		Global: &scripts.Global{Base: g.dir, Modules: g.modules},
	}, nil
}

// problems are sentences about what of the global configuration does not run. A host that is starting is none.
func (y *scriptYard) problems() []string {
	if y.keeper == nil || y.sources.global == nil {
		return nil
	}
	g := y.sources.global()
	if g == nil {
		return nil
	}
	known := y.keeper.Reporters("")
	if known == nil {
		problem := y.keeper.Failure("")
		if problem == "" {
			return nil
		}
		var all []string
		if len(g.classes) > 0 {
			all = append(all, fmt.Sprintf("reporters %s do not run: %s", strings.Join(g.classes, ", "), problem))
		}
		if len(g.endPoints) > 0 {
			all = append(all, fmt.Sprintf("EndPoints %s do not run: %s", strings.Join(g.endPoints, ", "), problem))
		}
		return all
	}
	var all []string
	for _, e := range y.keeper.EndPoints("") {
		if e.Problem != "" {
			all = append(all, fmt.Sprintf("EndPoint %q does not run: %s", e.Name, e.Problem))
		}
	}
	for _, r := range known {
		if r.Problem != "" {
			all = append(all, fmt.Sprintf("reporter %q does not run: %s", r.Name, r.Problem))
		}
	}
	for _, name := range g.classes {
		if !slices.ContainsFunc(known, func(r scripts.Reporter) bool { return r.Name == name }) {
			all = append(all, fmt.Sprintf("reporter %q does not run: the script host does not find it in the configuration; see the daemon's log", name))
		}
	}
	return all
}

// scriptViewSink is a reporter of the global configuration.
type scriptViewSink struct {
	host *scripts.Host
	name string
}

// Report hands views to the script.
func (s scriptViewSink) Report(ctx context.Context, views []metrics.View) error {
	data, err := json.Marshal(views)
	if err != nil {
		return err
	}
	err = s.host.Report(ctx, s.name, data)
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("report() has not ended in time")
	}
	return err
}
