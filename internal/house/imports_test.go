package house

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/pandora-go/pandora"

// mayImport lists, for each package, the packages of this module it may import. cmd/pandora wires everything.
func mayImport() map[string][]string {
	return map[string][]string{
		"js":                   {"internal/fserr"},
		"engine":               {"js"},
		"procfile":             {},
		"procfile/pm2":         {},
		"procfile/evaluate":    {"engine", "internal/envfile", "internal/fserr", "js", "procfile"},
		"supervisor":           {"procfile", "internal/envfile", "internal/fserr", "internal/nodecluster", "internal/nodeipc", "internal/fdstate", "internal/procid", "internal/program", "internal/rotate", "internal/secret"},
		"metrics":              {"internal/wire"},
		"metrics/report":       {"metrics", "internal/rotate"},
		"endpoints":            {"internal/fserr", "metrics", "internal/wire"},
		"internal/nodeipc":     {},
		"internal/nodecluster": {"internal/nodeipc"},
		"internal/fdstate":     {},
		"internal/wire":        {"internal/socket"},
		"internal/socket":      {},
		"internal/remember":    {"internal/procid", "internal/wire"},
		"internal/procid":      {},
		"internal/scripts":     {"engine", "procfile/evaluate", "internal/wire"},
		"internal/control":     {"supervisor", "procfile", "internal/state", "internal/socket"},
		"internal/state":       {"internal/fserr", "procfile"},
		"internal/rotate":      {},
		"internal/config":      {"engine", "js"},
		"internal/house":       {},
		"internal/doctor":      {},
		"internal/scaffold":    {"internal/fserr"},
		"internal/top":         {},
		"internal/envfile":     {"internal/fserr"},
		"internal/secret":      {"internal/fserr", "internal/program"},
		"internal/program":     {},
		"internal/fserr":       {},
		"internal/load":        {},
		"internal/bench":       {"internal/load", "js", "procfile/evaluate"},
	}
}

// listed is what `go list -json` tells of one package.
type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// packages lists the packages of this module.
func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestImportGraph(t *testing.T) {
	allowed := mayImport()
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		if name == "cmd/pandora" {
			continue
		}
		list, known := allowed[name]
		if !known {
			t.Errorf("package %s is not in the house plan: add it to mayImport with a decision in docs/decisions", name)
			continue
		}
		for _, imp := range p.Imports {
			own, ours := strings.CutPrefix(imp, module+"/")
			if ours && !slices.Contains(list, own) {
				t.Errorf("%s imports %s, which it may not know", name, own)
			}
		}
	}
}

// TestGuardStaysSmall holds the promise that a guard carries no JavaScript engine, web server or metrics library of its own
// (net/http comes with zap).
func TestGuardStaysSmall(t *testing.T) {
	forbidden := []string{
		"github.com/dop251/", "github.com/evanw/", "github.com/labstack/", "github.com/uber-go/tally",
		"github.com/prometheus/", "database/sql",
	}
	for _, p := range packages(t) {
		if p.ImportPath != module+"/supervisor" {
			continue
		}
		for _, dep := range p.Deps {
			for _, f := range forbidden {
				if strings.HasPrefix(dep, f) {
					t.Errorf("supervisor depends on %s", dep)
				}
			}
		}
		return
	}
	t.Error("package supervisor is missing")
}

// TestOneWireFile holds that only one file of metrics knows the wire protocol.
func TestOneWireFile(t *testing.T) {
	var files []string
	for _, f := range goFiles(t) {
		if strings.HasPrefix(f.path, "metrics/") && slices.Contains(f.imports(), module+"/internal/wire") {
			files = append(files, f.path)
		}
	}
	if len(files) > 1 {
		t.Errorf("metrics may import internal/wire in one file, it does in %v", files)
	}
}
