'use strict';

// util.parseArgs.

const { checkString, checkObject, invalidArgument, invalidValue } = require('./errors');

const fail = (code, message) => { throw Object.assign(new TypeError(message), { code }); };

/** Splits arguments into tokens, before it is known which are allowed. */
function tokenize(args, options) {
  const tokens = [];
  const byShort = (letter) => Object.keys(options).find((name) => options[name].short === letter) ?? letter;
  const takesValue = (name) => options[name] !== undefined && options[name].type === 'string';
  const queue = args.map((arg, index) => ({ arg, index }));
  while (queue.length > 0) {
    const { arg, index } = queue.shift();
    if (arg === '--') {
      tokens.push({ kind: 'option-terminator', index });
      for (const rest of queue.splice(0)) tokens.push({ kind: 'positional', index: rest.index, value: rest.arg });
    } else if (/^-[^-]$/.test(arg)) {
      const name = byShort(arg[1]);
      const taken = takesValue(name) && queue.length > 0 ? queue.shift().arg : undefined;
      tokens.push({ kind: 'option', name, rawName: arg, index, value: taken, inlineValue: taken === undefined ? undefined : false });
    } else if (/^-[^-]./.test(arg)) {
      const at = [...arg.slice(1)].findIndex((letter) => takesValue(byShort(letter)));
      const flags = at < 0 ? arg.slice(1) : arg.slice(1, at + 1);
      const split = [...flags].map((letter) => ({ arg: `-${letter}`, index }));
      if (at >= 0) {
        const name = byShort(arg[at + 1]);
        const value = arg.slice(at + 2);
        for (const one of split) tokens.push({ kind: 'option', name: byShort(one.arg[1]), rawName: one.arg, index, value: undefined, inlineValue: undefined });
        if (value === '') queue.unshift({ arg: `-${arg[at + 1]}`, index });
        else tokens.push({ kind: 'option', name, rawName: `-${arg[at + 1]}`, index, value, inlineValue: true });
      } else queue.unshift(...split);
    } else if (/^--[^=]+=/s.test(arg)) {
      const cut = arg.indexOf('=');
      tokens.push({ kind: 'option', name: arg.slice(2, cut), rawName: arg.slice(0, cut), index, value: arg.slice(cut + 1), inlineValue: true });
    } else if (/^--./.test(arg)) {
      const name = arg.slice(2);
      const taken = takesValue(name) && queue.length > 0 ? queue.shift().arg : undefined;
      tokens.push({ kind: 'option', name, rawName: arg, index, value: taken, inlineValue: taken === undefined ? undefined : false });
    } else tokens.push({ kind: 'positional', index, value: arg });
  }
  return tokens;
}

function checkOption(token, config) {
  const { options, allowNegative } = config;
  const known = options[token.name] !== undefined || (allowNegative && token.negated);
  const shown = token.rawName.startsWith('--') ? token.rawName : `-${token.rawName.slice(1)}`;
  if (!known) {
    const hint = config.allowPositionals ? `. To specify a positional argument starting with a '-', place it at the end of the command after '--', as in '-- "${token.rawName}"` : '';
    fail('ERR_PARSE_ARGS_UNKNOWN_OPTION', `Unknown option '${token.rawName}'${hint}`);
  }
  const { short, type } = options[token.name];
  const full = short ? `-${short}, --${token.name}` : `--${token.name}`;
  if (type === 'string' && typeof token.value !== 'string') fail('ERR_PARSE_ARGS_INVALID_OPTION_VALUE', `Option '${full} <value>' argument missing`);
  if (type === 'boolean' && token.value !== undefined) fail('ERR_PARSE_ARGS_INVALID_OPTION_VALUE', `Option '${full}' does not take an argument`);
  if (type === 'string' && token.inlineValue === false && /^-./.test(token.value)) {
    const example = token.rawName.startsWith('--') ? `'${token.rawName}=-XYZ'` : `'--${token.name}=-XYZ' or '${shown}-XYZ'`;
    fail('ERR_PARSE_ARGS_INVALID_OPTION_VALUE', `Option '${token.rawName}' argument is ambiguous.\nDid you forget to specify the option argument for '${token.rawName}'?\nTo specify an option argument starting with a dash use ${example}.`);
  }
}

function checkOptions(options) {
  for (const [name, option] of Object.entries(options)) {
    checkObject(option, `options.${name}`);
    if (option.type !== 'string' && option.type !== 'boolean') throw invalidArgument(`options.${name}.type`, "('string|boolean')", option.type);
    if (option.short !== undefined) {
      checkString(option.short, `options.${name}.short`);
      if (option.short.length !== 1) throw invalidValue(`options.${name}.short`, option.short, 'must be a single character');
    }
  }
}

module.exports = function parseArgs(given = {}) {
  checkObject(given, 'config');
  const start = process.execArgv.includes('-e') || process.execArgv.includes('--eval') ? 1 : 2;
  const config = { args: process.argv.slice(start), strict: true, options: {}, tokens: false, allowNegative: false, ...given };
  if (!Array.isArray(config.args)) throw invalidArgument('args', 'an instance of Array', config.args);
  config.allowPositionals = given.allowPositionals ?? !config.strict;
  checkObject(config.options, 'options');
  checkOptions(config.options);
  const values = Object.create(null);
  const positionals = [];
  const tokens = tokenize(config.args, config.options);
  for (const token of tokens) {
    if (token.kind === 'positional') {
      if (!config.allowPositionals) fail('ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL', `Unexpected argument '${token.value}'. This command does not take positional arguments`);
      positionals.push(token.value);
    } else if (token.kind === 'option') {
      let { name } = token;
      let value = token.value ?? true;
      if (config.allowNegative && name.startsWith('no-') && config.options[name] === undefined && (!config.strict || (config.options[name.slice(3)] || {}).type === 'boolean')) {
        name = name.slice(3);
        value = false;
        token.name = name;
      }
      if (config.strict) checkOption(token, config);
      if (name === '__proto__') continue;
      if (config.options[name] && config.options[name].multiple) (values[name] ??= []).push(value);
      else values[name] = value;
    }
  }
  for (const [name, option] of Object.entries(config.options)) if (option.default !== undefined && values[name] === undefined) values[name] = option.default;
  return config.tokens ? { values, positionals, tokens } : { values, positionals };
};
