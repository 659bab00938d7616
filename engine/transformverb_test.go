package engine

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestTransformMain(t *testing.T) {
	run := func(source string, args ...string) (int, string, string) {
		var out, errs strings.Builder
		code := TransformMain(args, strings.NewReader(source), &out, &errs)
		return code, out.String(), errs.String()
	}
	code, out, errs := run("export enum Level { Low = 1 }\nconst a: number = Level.Low;\nexport default a;\n", "/app/a.ts")
	if code != 0 || errs != "" || !strings.Contains(out, "module.exports") || !strings.Contains(out, "sourceMappingURL=data:") {
		t.Errorf("a TypeScript file: %d\n%s\n%s", code, out, errs)
	}
	code, out, errs = run("const a: number = ;\n", "/app/a.ts")
	var failed Error
	if err := json.Unmarshal([]byte(errs), &failed); err != nil || code != 1 || out != "" {
		t.Fatalf("a broken file: %d, %v\n%s\n%s", code, err, out, errs)
	}
	if failed.File != "/app/a.ts" || failed.Line != 1 || failed.Column != 19 || failed.Kind != KindSyntax {
		t.Errorf("its error is %+v", failed)
	}
	for _, args := range [][]string{nil, {"a.ts"}, {"/a.ts", "/b.ts"}} {
		if code, _, errs := run("", args...); code != 2 || !strings.Contains(errs, "usage:") {
			t.Errorf("%q: %d %s", args, code, errs)
		}
	}
}
