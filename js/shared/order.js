'use strict';

/**
 * Sorts processes by their order field as the original does in Node: `a.order - b.order` is not a number where one has
 * no order, which counts as equal. Such a comparison is not transitive, so the result depends on the algorithm; this is
 * the one of V8 for short arrays (a run, then binary insertion), so that every engine agrees.
 * @template {{order?: number}} T
 * @param {T[]} processes
 * @returns {T[]} a new array
 */
function sortByOrder(processes) {
  const sorted = processes.slice();
  /** @param {T} a @param {T} b */
  const compare = (a, b) => Number(a.order) - Number(b.order) || 0;
  let run = 1;
  if (sorted.length > 1 && compare(sorted[1], sorted[0]) < 0) {
    do run += 1; while (run < sorted.length && compare(sorted[run], sorted[run - 1]) < 0);
    sorted.splice(0, run, ...sorted.slice(0, run).reverse());
  } else {
    while (run < sorted.length && compare(sorted[run], sorted[run - 1]) >= 0) run += 1;
  }
  for (; run < sorted.length; run += 1) {
    const pivot = sorted[run];
    let left = 0;
    let right = run;
    while (left < right) {
      const middle = left + ((right - left) >> 1);
      if (compare(pivot, sorted[middle]) < 0) right = middle;
      else left = middle + 1;
    }
    sorted.splice(run, 1);
    sorted.splice(left, 0, pivot);
  }
  return sorted;
}

module.exports = { sortByOrder };
