'use strict';

// import() of Node. The bundle has none: what is compiled by node:vm can import on some versions of Node only.

/** @param {string} url @returns {Promise<any>} the namespace */
module.exports = (url) => import(url);
