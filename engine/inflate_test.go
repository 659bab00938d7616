package engine

import (
	"strings"
	"testing"
)

func TestInflateLikeNode(t *testing.T) {
	sameAsNode(t, map[string]string{"main.js": `
const zlib = require('zlib');
const data = {
  gzip: Buffer.from('H4sIAAAAAAAAA8tIzcnJBwCGphA2BQAAAA==', 'base64'), zlib: Buffer.from('eJzLSM3JyQcABiwCFQ==', 'base64'), raw: Buffer.from('y0jNyckHAA==', 'base64'),
};
const tried = (f) => { try { const out = f(); return Buffer.isBuffer(out) ? out.toString() : out; } catch (e) { return { name: e.name, message: e.message, code: e.code, errno: e.errno }; } };
module.exports = [() => zlib.gunzipSync(data.gzip), () => zlib.inflateSync(data.zlib), () => zlib.inflateRawSync(data.raw), () => zlib.unzipSync(data.gzip), () => zlib.unzipSync(data.zlib),
  () => zlib.gunzipSync(new Uint8Array(data.gzip)), () => zlib.inflateSync(data.zlib.subarray(0, 8)), () => zlib.gunzipSync(Buffer.from('nothing of it, really')), () => zlib.inflateSync(Buffer.from('no')),
  () => zlib.gunzipSync(1), () => zlib.crc32('hello'), () => zlib.crc32(Buffer.from('lo'), zlib.crc32('hel'))].map(tried);`})
	for _, call := range []string{"gzipSync('a')", "deflateSync('a')", "brotliDecompressSync(Buffer.alloc(1))", "gunzipSync(Buffer.alloc(0), { dictionary: Buffer.alloc(1) })", "createGzip().write('a')"} {
		_, e := isolate(t, "\nrequire('zlib')."+call+";", 0, 0)
		if e == nil || e.Kind != KindUnsupported || e.Line != 2 || !strings.Contains(e.Message, "zlib.") {
			t.Errorf("%s: error %v, want unsupported at line 2", call, e)
		}
	}
}
