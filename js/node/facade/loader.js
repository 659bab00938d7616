'use strict';

// The hook of imports where Node runs it in a thread of its own.

const { ANSWERS } = require('./hook');
const { adopting, ours } = require('./imports');

/**
 * @param {string} request
 * @param {any} context
 * @param {(request: string, context: any) => Promise<any>} next
 * @returns {Promise<any>}
 */
exports.resolve = async function resolve(request, context, next) {
  const answer = ANSWERS.get(request);
  if (answer === undefined) return next(request, context);
  if (answer.always || answer.home) return ours(request);
  let resolved;
  try {
    resolved = await next(request, context);
  } catch (error) {
    if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return ours(request);
  }
  if (answer.adopt) return { url: adopting(answer.adopt, resolved.url), format: 'module', shortCircuit: true };
  return resolved;
};
