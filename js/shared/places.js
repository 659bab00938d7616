'use strict';

// Where things were written: the places in the user's source that definitions and settings come from.

/** @typedef {import('./host').Place} Place */
/** @typedef {import('./entry').Entry} Entry */
/** @typedef {import('./reconciler').Reconciler} Reconciler */

/**
 * @typedef {object} PlaceRecord
 * @property {'application' | 'process' | 'service' | 'applet' | 'environment' | 'configurator' | 'warning' | 'unknown'} of
 * @property {string} name of the process, service or applet; the text of a warning; the owner of an unknown member
 * @property {string} member the setting whose last setter this is, or the unknown member; '' for the definition
 * @property {string} file @property {number} line @property {number} column
 * @property {string} [base] the folder that the path of an entry is resolved from
 */

/**
 * Reports what is refused at a place, if that is known.
 * @param {Reconciler} r
 * @param {Place | null | undefined} place
 * @param {() => T} check
 * @param {() => T} instead the value when a strict evaluation goes on
 * @returns {T}
 * @template T
 */
function at(r, place, check, instead) {
  try {
    return check();
  } catch (error) {
    // What the user's own code threw meanwhile knows its place itself.
    const own = error instanceof Error && /^PANDORA_(?!UNSUPPORTED)/.test(String(/** @type {any} */ (error).code));
    if (own && r.strict) {
      r.note(error, place);
      return instead();
    }
    if (own && place && r.host.locate) r.host.locate(error, place);
    throw error;
  }
}

/**
 * @param {PlaceRecord['of']} of @param {string} name @param {string} member @param {Place | null | undefined} place
 * @returns {PlaceRecord[]} none when the place is not known
 */
const record = (of, name, member, place) => (place ? [{ of, name, member, ...place }] : []);

/**
 * @param {PlaceRecord['of']} of @param {string} name @param {Map<string, Place | null>} known by member
 */
const records = (of, name, known) => [...known].flatMap(([member, place]) => record(of, name, member, place));

/**
 * @param {PlaceRecord['of']} of @param {string} name
 * @param {Entry | null} entry @param {Map<string, Place | null>} known by member
 */
const unitRecords = (of, name, entry, known) => records(of, name, known)
  .map((place) => (entry && entry.path !== '' && entry.baseDir !== null ? { ...place, base: entry.baseDir } : place));

/**
 * Every place that is known, of what the graph holds.
 * @param {Reconciler} r after structure()
 * @returns {PlaceRecord[]}
 */
function places(r) {
  const { processes, services, applets, environment, configurator } = r.definitions;
  return [
    ...processes.flatMap((process) => records('process', process.processName, process.places)),
    ...r.unique(services).flatMap((service) => unitRecords('service', service.serviceName, service.entry, service.places)),
    ...r.unique(applets).flatMap((applet) => unitRecords('applet', applet.serviceName, applet.entry, applet.places)),
    ...unitRecords('environment', '', environment, new Map([['', (environment && environment.place) || null]])),
    ...unitRecords('configurator', '', configurator, new Map([['', (configurator && configurator.place) || null]])),
    ...[...r.warningPlaces].flatMap(([text, place]) => record('warning', text, '', place)),
    ...records('application', '', r.places),
    ...r.unknownMembers(),
  ];
}

module.exports = { at, places };
