package evaluate

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPlaceOfSyntaxErrorInModule holds that the user learns where an ES module does not parse, which Node does not say.
func TestPlaceOfSyntaxErrorInModule(t *testing.T) {
	needNode(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "procfile.mjs"), "export default (pandora) => {\n  const list = [1, 2;\n};\n")
	_, err := evaluate(t, Options{Dir: dir, AppName: "modules", Env: []string{"PATH=" + os.Getenv("PATH")}}, EngineAuto)
	failed, ok := errors.AsType[*Error](err)
	if !ok || failed.Kind != KindSyntax || failed.Line != 2 || failed.Column != 21 || failed.Excerpt == "" || filepath.Base(failed.Path) != "procfile.mjs" {
		t.Errorf("error %#v", failed)
	}
}

// TestTopLevelAwait holds that the user learns which await is in the way.
func TestTopLevelAwait(t *testing.T) {
	needNode(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "procfile.mjs"), "import { name } from './name.mjs';\nexport default (pandora) => { pandora.fork(name, './web'); };\n")
	write(t, filepath.Join(dir, "name.mjs"), "const wait = async () => 'web';\n\nexport const name = await wait();\n")
	_, err := evaluate(t, Options{Dir: dir, AppName: "modules", Env: []string{"PATH=" + os.Getenv("PATH")}}, EngineAuto)
	failed, ok := errors.AsType[*Error](err)
	if !ok || failed.Line != 3 || failed.Column != 21 || failed.Excerpt == "" || filepath.Base(failed.Path) != "name.mjs" || !strings.Contains(failed.Message, "top-level await") {
		t.Errorf("error %#v", failed)
	}
}
