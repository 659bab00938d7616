'use strict';

const { inert } = require('pandora:loader');
const { Buffer } = require('pandora:binding').nodeBuffer();

const max = 2 ** 33;

module.exports = {
  Buffer,
  SlowBuffer: Buffer,
  INSPECT_MAX_BYTES: 50,
  kMaxLength: max,
  kStringMaxLength: 2 ** 29 - 24,
  constants: { MAX_LENGTH: max, MAX_STRING_LENGTH: 2 ** 29 - 24 },
  Blob: inert('buffer.Blob'),
  File: inert('buffer.File'),
  atob: (text) => Buffer.from(String(text), 'base64').toString('latin1'),
  btoa: (text) => Buffer.from(String(text), 'latin1').toString('base64'),
  transcode: inert('buffer.transcode'),
};
