// Package house holds the rules of this repository as tests: who may import whom, what every package documents, how
// long files and functions may be. It has no code of its own.
//
//	go test ./internal/house
//
// It judges structure only; what the code does is tested beside the code.
package house
