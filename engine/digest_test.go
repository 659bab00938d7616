package engine

import (
	"strings"
	"testing"
)

const callsOf = `
const crypto = require('crypto');
const all = (...calls) => calls.map((f) => { try { return f(); } catch (e) { return { name: e.name, code: e.code, message: e.message }; } });
`

func TestCryptoLikeNode(t *testing.T) {
	tests := map[string]string{
		"hashes":    `crypto.getHashes().filter((n) => !/ripemd|rmd|blake|sm3|shake|md5-sha1/i.test(n)).concat('SHA-256', 'Sha1').map((n) => [n, crypto.createHash(n).update('a').update(Buffer.from([0, 255])).digest('hex')])`,
		"names":     `crypto.getHashes()`,
		"encodings": `['hex', 'base64', 'base64url', 'latin1', undefined, 'buffer', 'nope'].map((e) => crypto.createHash('sha1').update('é').digest(e))`,
		"input":     `all(() => crypto.createHash('md5').update('ff', 'hex').digest('hex'), () => crypto.createHash('md5').update(new Uint16Array([1, 2])).digest('hex'), () => crypto.createHash('md5').update(new Uint8Array([9, 1, 2]).subarray(1)).digest('hex'))`,
		"copy":      `(() => { const h = crypto.createHash('sha256').update('a'); const other = h.copy().update('b'); return [h.digest('hex'), other.digest('hex'), h instanceof crypto.Hash]; })()`,
		"hmac":      `all(() => crypto.createHmac('sha256', 'key').update('a').digest('hex'), () => crypto.createHmac('md5', Buffer.from('k')).update('').digest('base64'), () => crypto.createHmac('md5'), () => crypto.createHmac('nope', 'k'), () => crypto.createHmac(1, 'k'))`,
		"errors": `all(() => crypto.createHash('nope'), () => crypto.createHash(1), () => crypto.createHash('md5').update(1), () => { const h = crypto.createHash('md5'); h.digest(); h.update('a'); },
  () => { const h = crypto.createHash('md5'); h.digest(); h.digest(); }, () => { const h = crypto.createHash('md5'); h.digest(); h.copy(); }, () => crypto.randomBytes(-1), () => crypto.randomBytes('1'), () => crypto.randomInt(5, 2),
  () => crypto.randomInt(0), () => crypto.randomInt(1.5), () => crypto.timingSafeEqual('a', 'b'), () => crypto.timingSafeEqual(Buffer.from('a'), Buffer.from('ab')))`,
		"equal":  `all(() => crypto.timingSafeEqual(Buffer.from('ab'), Buffer.from('ab')), () => crypto.timingSafeEqual(Buffer.from('ab'), Buffer.from('ac')))`,
		"random": `[crypto.randomBytes(7).length, Buffer.isBuffer(crypto.randomBytes(1)), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()), crypto.randomInt(3, 4), crypto.randomInt(1), [...Array(50)].every(() => { const n = crypto.randomInt(3); return n >= 0 && n < 3; }), crypto.randomFillSync(Buffer.alloc(4), 4).equals(Buffer.alloc(4)), crypto.randomBytes(16).equals(crypto.randomBytes(16))]`,
		"web":    `[typeof globalThis.crypto.subtle, globalThis.crypto.getRandomValues(new Uint8Array(4)).length, globalThis.crypto.randomUUID().length, Object.prototype.toString.call(globalThis.crypto), Object.keys(crypto.constants).length > 50, crypto.constants.RSA_PKCS1_PADDING].concat(all(() => globalThis.crypto.getRandomValues([1]), () => globalThis.crypto.getRandomValues(new Uint8Array(70000))))`,
		"extend": `(() => { class Mine extends crypto.Hash { constructor() { super('md5'); } } return new Mine().update('a').digest('hex'); })()`,
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			sameAsNode(t, map[string]string{"main.js": callsOf + "module.exports = " + body + ";"})
		})
	}
}

func TestCryptoForNode(t *testing.T) {
	for _, call := range []string{"createCipheriv('aes-128-cbc', k, k)", "createSign('RSA-SHA256')", "pbkdf2Sync('a', 'b', 1, 8, 'sha1')", "subtle.digest('SHA-1', k)", "createHash('ripemd160')", "createHash('shake256', { outputLength: 4 })", "randomBytes(1e8)", "generateKeyPairSync('rsa')"} {
		_, e := isolate(t, "const k = Buffer.alloc(16);\nrequire('crypto')."+call, 0, 0)
		if e == nil || e.Kind != KindUnsupported || e.Line != 2 || !strings.Contains(e.Message, "crypto.") {
			t.Errorf("%s: error %v, want unsupported at line 2", call, e)
		}
	}
}
