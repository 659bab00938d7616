'use strict';

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

exports.assign = Object.assign;

exports.merge = function merge(target, source) {
  for (const key of Object.keys(source)) {
    if (isObject(source[key]) && isObject(target[key])) merge(target[key], source[key]);
    else target[key] = source[key];
  }
  return target;
};

exports.sortBy = (list, by) => list.slice().sort((a, b) => (by(a) < by(b) ? -1 : 1));
