'use strict';

// What Error.prepareStackTrace is given: a frame as V8 has it.

class CallSite {
  #frame;
  constructor(frame) { this.#frame = frame; }
  getFileName() { return this.#frame.file; }
  getScriptNameOrSourceURL() { return this.#frame.file; }
  getLineNumber() { return this.#frame.line; }
  getColumnNumber() { return this.#frame.column; }
  getFunctionName() { return this.#frame.name || null; }
  getMethodName() { return null; }
  getTypeName() { return null; }
  getThis() { return undefined; }
  getFunction() { return undefined; }
  getEvalOrigin() { return undefined; }
  isNative() { return false; }
  isEval() { return false; }
  isToplevel() { return true; }
  isConstructor() { return false; }
  isAsync() { return false; }
  toString() { return `${this.#frame.name || '<anonymous>'} (${this.#frame.file}:${this.#frame.line}:${this.#frame.column})`; }
}

module.exports = { callSite: (frame) => new CallSite(frame) };
