'use strict';

// The types of what procfiles define, and of what a reconciler is given.

/** @typedef {import('./entry').Entry} Entry */
/** @typedef {import('./host').Host} Host */
/** @typedef {import('./host').Place} Place */

/**
 * @typedef {object} ProcessDefinition
 * @property {string} processName
 * @property {any} scale a number or 'auto'; anything, until checked, when set through a live object
 * @property {Record<string, any>} env
 * @property {import('./env-file').EnvFile[]} [envFiles] of its own
 * @property {import('./secrets').Secret[]} [secrets] of its own
 * @property {string} [cwd] the folder it runs in; undefined: that of the application
 * @property {any[]} args
 * @property {any[]} execArgv
 * @property {number | undefined} order
 * @property {string | undefined} entryFile
 * @property {string | null} entryFileBaseDir
 * @property {'plain' | 'worker' | undefined} kind undefined: by the rule
 * @property {import('./policy').Policy} policy what it asks of its supervision
 * @property {boolean} autoInProduction its scale is 'auto' except under dev
 * @property {boolean} clustered defined by cluster(name, entry)
 * @property {boolean} builtin
 * @property {Map<string, Place | null>} places of the last setter by its name, and of the definition by ''
 */

/**
 * @typedef {object} ServiceDefinition
 * @property {'service' | 'applet'} unit
 * @property {string | null} serviceName null until the entry's own name is needed
 * @property {string} category a process, 'all', or 'weak-all'
 * @property {string[] | undefined} dependencies the chained ones
 * @property {boolean} publishToHub
 * @property {any} config
 * @property {Function | null} configResolver
 * @property {Entry} entry
 * @property {'named' | 'single'} form which shape of service() defined it
 * @property {Map<string, Place | null>} places of the last setter by its name, and of the definition by ''
 */

/**
 * @typedef {object} Options
 * @property {string} appName
 * @property {string} appDir
 * @property {boolean} [dev]
 * @property {Host} host
 * @property {number} workerCount what scale 'auto' means
 * @property {any} [environment] the class that environment() reads when the procfile sets none
 * @property {boolean} [strict] what is refused is noted, and does not end the evaluation
 */

module.exports = {};
