package engine

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"hash"
	"strings"

	"github.com/dop251/goja"
)

// maxRandom bounds in bytes what one crypto.randomBytes returns.
const maxRandom = 16 << 20

// newDigest returns the maker of an OpenSSL digest, or nil. All of them implement hash.Cloner.
func newDigest(name string) func() hash.Hash {
	name = strings.ToLower(name)
	for _, prefix := range []string{"rsa-", "ssl3-", "id-rsassa-pkcs1-v1_5-with-"} {
		name = strings.TrimPrefix(name, prefix)
	}
	name = strings.TrimSuffix(name, "withrsaencryption")
	switch strings.TrimSuffix(strings.ReplaceAll(name, "/", "-"), "-2") {
	case "md5":
		return md5.New
	case "sha1", "sha-1":
		return sha1.New
	case "sha224", "sha-224", "sha2-224":
		return sha256.New224
	case "sha256", "sha-256", "sha2-256":
		return sha256.New
	case "sha384", "sha-384", "sha2-384":
		return sha512.New384
	case "sha512", "sha-512", "sha2-512":
		return sha512.New
	case "sha512-224", "sha-512-224", "sha2-512-224":
		return sha512.New512_224
	case "sha512-256", "sha-512-256", "sha2-512-256":
		return sha512.New512_256
	case "sha3-224":
		return func() hash.Hash { return sha3.New224() }
	case "sha3-256":
		return func() hash.Hash { return sha3.New256() }
	case "sha3-384":
		return func() hash.Hash { return sha3.New384() }
	case "sha3-512":
		return func() hash.Hash { return sha3.New512() }
	}
	return nil
}

// digest is the shim's native: (name, key or undefined) → a handle {update(bytes), digest(), copy()}, or undefined for a
// name that is not known here.
func (r *Runtime) digest(call goja.FunctionCall) goja.Value {
	create := newDigest(call.Argument(0).String())
	if create == nil {
		return goja.Undefined()
	}
	if key := call.Argument(1); !goja.IsUndefined(key) {
		return r.digestHandle(hmac.New(create, r.bytes(key)))
	}
	return r.digestHandle(create())
}

// bytes exports an ArrayBuffer or a view of one.
func (r *Runtime) bytes(value goja.Value) []byte {
	var data []byte
	if err := r.vm.ExportTo(value, &data); err != nil {
		panic(r.vm.NewGoError(err))
	}
	return data
}

func (r *Runtime) digestHandle(h hash.Hash) goja.Value {
	handle := r.vm.NewObject()
	_ = handle.Set("update", func(call goja.FunctionCall) goja.Value {
		_, _ = h.Write(r.bytes(call.Argument(0)))
		return goja.Undefined()
	})
	_ = handle.Set("digest", func(goja.FunctionCall) goja.Value {
		return r.vm.ToValue(r.vm.NewArrayBuffer(h.Sum(nil)))
	})
	_ = handle.Set("copy", func(goja.FunctionCall) goja.Value {
		if cloner, ok := h.(hash.Cloner); ok {
			if other, err := cloner.Clone(); err == nil {
				return r.digestHandle(other)
			}
		}
		return goja.Undefined()
	})
	return handle
}

// random is the shim's native: (size) → an ArrayBuffer of random bytes, or undefined if that is too much.
func (r *Runtime) random(call goja.FunctionCall) goja.Value {
	size := call.Argument(0).ToInteger()
	if size < 0 || size > maxRandom {
		return goja.Undefined()
	}
	data := make([]byte, size)
	_, _ = rand.Read(data) // never fails
	return r.vm.ToValue(r.vm.NewArrayBuffer(data))
}
