'use strict';

// The reconciler: applies the procfiles of an application and knows what they define. Goja runs it to get the structure,
// a worker runs it to get the classes of its process.
//
// Procfiles count only while they run: what they define later (after an await, in a timer) is not seen.

const check = require('./check');
const entries = require('./entry');
const { ProcfileReconcilerAccessor } = require('./accessor');
const { ProcessModifier, ServiceModifier, ClusterModifier } = require('./modifiers');
const { describe } = require('./describe');
const { at } = require('./places');

/** @typedef {import('./entry').Entry} Entry */
/** @typedef {import('./host').Place} Place */
/** @typedef {import('./definitions').ProcessDefinition} ProcessDefinition */
/** @typedef {import('./definitions').ServiceDefinition} ServiceDefinition */
/** @typedef {import('./definitions').Options} Options */

const NO_ENVIRONMENT = 'Should ProcfileReconciler.injectEnvironment() before ProcfileReconciler.getEnvironment().';

class Reconciler {
  /** @param {Options} options */
  constructor(options) {
    this.appName = options.appName;
    this.appDir = options.appDir;
    this.dev = Boolean(options.dev);
    this.strict = Boolean(options.strict);
    this.host = options.host;
    this.workerCount = options.workerCount;
    this.defaultEnvironment = options.environment;
    this.defaultServiceCategory = 'worker';
    this.defaultServiceCategorySet = false;
    this.defaultAppletCategory = 'worker';
    /** @type {ProcessDefinition[]} */ this.processes = [];
    /** @type {ServiceDefinition[]} */ this.services = [];
    /** @type {ServiceDefinition[]} */ this.applets = [];
    /** @type {{environment: Entry | null, configurator: Entry | null}} */
    this.standards = { environment: null, configurator: null };
    /** @type {string[]} */ this.warnings = [];
    /** @type {string[]} */ this.procfiles = [];
    /** What the script host runs; null for none. @type {import('./scripts').Scripts | null} */ this.scripts = null;
    /** Of all processes. @type {import('./env-file').EnvFile[]} */ this.envFiles = [];
    /** Of all processes. @type {import('./secrets').Secret[]} */ this.secrets = [];
    /** Of these, by `secrets.` and the name, and `envFile.` and the path. @type {Map<string, import('./host').Place | null>} */ this.places = new Map();
    /** The procfile that runs now. @type {{baseDir: string | null, file: string | null}} */
    this.current = { baseDir: null, file: null };
    this.clusters = 0;
    /**
     * What the procfiles defined, once discover() has returned.
     * @type {{processes: ProcessDefinition[], services: ServiceDefinition[], applets: ServiceDefinition[],
     *   environment: Entry | null, configurator: Entry | null, defaultServiceCategory: string}}
     */
    this.definitions = {
      processes: [], services: [], applets: [], environment: null, configurator: null, defaultServiceCategory: 'worker',
    };
    /** @type {Map<string, Place | null | undefined>} by the warning's text */ this.warningPlaces = new Map();
    /** What a procfile got hold of. @type {{object: any, owner: string, place: Place | null}[]} */ this.handed = [];
    /** @type {import('./places').PlaceRecord[]} */ this.unknown = [];
    /** @type {{code: string, message: string, file: string, line: number, column: number}[]} */ this.problems = [];
    /** @param {string} warning @param {Place | null} [place] */
    this.warn = (warning, place = this.here()) => {
      if (this.warnings.includes(warning)) return;
      this.warnings.push(warning);
      this.warningPlaces.set(warning, place);
    };
    this.#defineDefaults();
  }

  #defineDefaults() {
    for (const name of ['agent', 'worker', 'background']) {
      const process = this.defineProcess(name);
      process.env = { [name]: 'true' };
      process.builtin = true;
    }
    const worker = /** @type {ProcessDefinition} */ (this.findProcess('worker'));
    worker.scale = this.dev ? 1 : 'auto';
    worker.autoInProduction = true;
    this.services.push(this.#newService('service', 'named', 'weak-all', 'logger',
      { kind: 'builtin', name: 'logger', path: '', baseDir: null, value: undefined, procfile: null }));
  }

  // ---- places

  /** @returns {Place | null} where the running procfile is now */
  here() {
    return this.current.file !== null && this.host.place ? this.host.place() : null;
  }

  /**
   * Remembers that a definition, or a setting of it, is written where the running procfile is now.
   * @param {{places: Map<string, Place | null>}} definition @param {string} [member]
   */
  mark(definition, member = '') {
    if (this.current.file !== null) definition.places.set(member, this.here());
  }

  /**
   * @param {T} object what a procfile gets; members that it adds are reported
   * @param {string} owner
   * @returns {T}
   * @template T
   */
  hand(object, owner) {
    if (this.current.file === null) return object;
    this.handed.push({ object, owner, place: this.here() });
    if (this.strict) require('./strict').watch(this, object, owner, () => object);
    return object;
  }

  /** @returns {import('./places').PlaceRecord[]} members that procfiles set, and that mean nothing */
  unknownMembers() {
    return this.unknown;
  }

  /** @param {string} owner @param {string} member that the running procfile assigns to now */
  unknownMember(owner, member) {
    const place = this.here();
    if (place) this.unknown.push({ of: 'unknown', name: owner, member, ...place });
  }

  /** @param {Error} error that does not end a strict evaluation @param {Place | null | undefined} place */
  note(error, place) {
    const { message, code } = /** @type {Error & {code: string}} */ (error);
    this.problems.push({ code, message, ...(place || { file: this.current.file || '', line: 0, column: 0 }) });
  }

  // ---- applying procfiles

  /** Applies every procfile of the application folder, in order; throws what a procfile throws. */
  discover() {
    const accessor = this.#accessor();
    for (const file of this.host.procfiles(this.requireAppDir())) {
      const procfile = entries.unwrap(this.host.requireProcfile(file));
      if (typeof procfile !== 'function') {
        throw check.assertion('PANDORA_PROCFILE', `The procfile should export a function, during loading ${file}`);
      }
      this.procfiles.push(file);
      this.current = { baseDir: this.host.baseDirOf(file), file };
      this.handed.push({ object: accessor, owner: 'pandora', place: { file, line: 0, column: 0 } });
      try {
        const result = procfile(accessor);
        if (result !== null && typeof result === 'object' && typeof result.then === 'function') {
          this.warn(`${file} exports an async function: only what it defines before its first await counts`);
        }
      } finally {
        this.current = { baseDir: null, file: null };
      }
    }
    this.#seal();
  }

  /**
   * Applies a procfile that lies in no file in place of those of the folder. It may define processes only: workers do not run it.
   * @param {(pandora: any) => void} procfile
   */
  adopt(procfile) {
    this.current = { baseDir: this.requireAppDir(), file: null };
    procfile(this.#accessor()); // what it throws ends the evaluation
    this.current = { baseDir: null, file: null };
    this.#seal();
  }

  #accessor() {
    const accessor = new ProcfileReconcilerAccessor(this);
    if (this.strict) require('./strict').watch(this, accessor, 'pandora', (member, given) => this.#stand(member, given));
    return accessor;
  }

  /** Copies the definitions, so that what a procfile does later reaches them no more. */
  #seal() {
    const processes = this.processes.map((process) => ({
      ...process, env: { ...process.env }, args: process.args.slice(), execArgv: process.execArgv.slice(),
      policy: { ...process.policy },
      places: new Map(process.places),
    }));
    /** @param {ServiceDefinition} service */
    const copy = (service) => ({
      ...service,
      serviceName: this.nameOf(service),
      dependencies: service.dependencies && at(this, service.places.get('dependency'), () => (service.dependencies || [])
        .map((name) => check.checkName(name, `${this.label(service)}: dependency()`)), () => []),
      places: new Map(service.places),
    });
    this.unknown = this.unknown.concat(this.handed.flatMap(({ object, owner, place }) => Object.keys(object)
      .map((member) => ({ of: /** @type {const} */ ('unknown'), name: owner, member, file: '', line: 0, column: 0, ...place }))));
    this.handed = [];
    this.definitions = {
      processes, services: this.services.map(copy), applets: this.applets.map(copy), ...this.standards,
      defaultServiceCategory: this.defaultServiceCategory,
    };
  }

  /** @returns {string} */
  requireAppDir() {
    if (!this.appDir) {
      throw check.assertion('PANDORA_APP_DIR', 'Can not get appDir from ProcfileReconciler.appRepresentation, '
        + 'it should passed from time of constructing ProcfileReconciler');
    }
    return this.appDir;
  }

  // ---- processes

  /** @param {any} name @returns {ProcessDefinition | undefined} */
  findProcess(name) {
    return this.processes.find((process) => process.processName === name);
  }

  /** @param {string} name @returns {ProcessDefinition} */
  defineProcess(name) {
    /** @type {ProcessDefinition} */
    const process = {
      processName: name, scale: 1, env: {}, args: [], execArgv: [], order: undefined, entryFile: undefined,
      entryFileBaseDir: this.current.baseDir, kind: undefined, policy: {}, autoInProduction: false, clustered: false,
      builtin: false, places: new Map(),
    };
    this.mark(process);
    this.processes.push(process);
    return process;
  }

  /** @param {ProcessDefinition} process */
  modifierOf(process) {
    if (!process.places.has('')) this.mark(process);
    return this.hand(new ProcessModifier(this, process), `process "${process.processName}"`);
  }

  /** @param {any} name @param {any} entry */
  fork(name, entry) {
    check.checkName(name, 'pandora.fork()');
    let process = this.findProcess(name);
    if (process) {
      if (entry && entry !== process.entryFile) {
        this.warn(`pandora.fork('${name}', ${check.show(entry)}): the process exists, so the entry is ignored; `
          + `set it with pandora.process('${name}').entry(…)`);
      }
    } else {
      if (entry) check.checkEntryFile(entry, name);
      process = this.defineProcess(name);
      process.entryFile = entry || undefined;
      if (entry) this.mark(process, 'entry');
    }
    return this.modifierOf(process);
  }

  /** @param {any} name @param {any} entry */
  clusterProcess(name, entry) {
    check.checkName(name, 'pandora.cluster()');
    check.checkEntryFile(entry, name);
    const existing = this.findProcess(name);
    if (existing && existing.entryFile !== undefined) {
      if (existing.entryFile !== entry) {
        this.warn(`pandora.cluster('${name}', ${check.show(entry)}): the process has an entry already, so this one is `
          + `ignored; set it with pandora.process('${name}').entry(…)`);
      }
      return this.modifierOf(existing);
    }
    const process = existing || this.defineProcess(name);
    process.scale = 'auto';
    process.clustered = true;
    this.setEntryFile(process, entry);
    return this.modifierOf(process);
  }

  /** @param {ProcessDefinition} process @param {any} entry */
  setEntryFile(process, entry) {
    process.entryFile = check.checkEntryFile(entry, process.processName);
    process.entryFileBaseDir = this.current.baseDir;
    this.mark(process, 'entry');
  }

  /** @param {ProcessDefinition} process @param {any} name */
  renameProcess(process, name) {
    check.checkName(name, `process "${process.processName}": name()`);
    const other = this.findProcess(name);
    if (other && other !== process) {
      throw check.problem('PANDORA_DUPLICATE', `process "${process.processName}": name() expects a new name, but the `
        + `process "${name}" exists already; drop it first with pandora.process('${name}').drop()`);
    }
    process.processName = name;
  }

  /** @param {string} name */
  dropProcess(name) {
    const process = this.findProcess(name);
    if (!process) {
      throw check.problem('PANDORA_DROP', `Can't drop a process named ${name} it not exist`);
    }
    this.processes.splice(this.processes.indexOf(process), 1);
  }

  /** Gives the built-in processes the order numbers they have in 0.1, where none is set. */
  numberBuiltins() {
    this.processes.filter((process) => process.builtin).forEach((process, index) => {
      if (process.order === undefined) process.order = index;
    });
  }

  /**
   * What a member of the accessor returns in a strict evaluation when it refused: a process of that name, so that services
   * find it, or a service that belongs to nothing.
   * @param {string} member @param {any[]} given
   */
  #stand(member, given) {
    if (member === 'process' || member === 'fork' || (member === 'cluster' && given.length > 1)) {
      const known = this.findProcess(given[0]);
      const process = known || this.defineProcess(String(given[0]));
      if (!known && (typeof given[0] !== 'string' || given[0] === '')) this.processes.pop();
      return this.modifierOf(process);
    }
    if (!['service', 'applet', 'cluster'].includes(member)) return undefined;
    const entry = entries.makeEntry(undefined, this.current, 'a service');
    return this.hand(new ClusterModifier(this, this.#newService('service', 'named', this.defaultServiceCategory, '', entry)), 'a service');
  }

  // ---- services and applets

  /**
   * @param {'service' | 'applet'} unit
   * @param {'named' | 'single'} form
   * @param {string} category
   * @param {string | null} name
   * @param {Entry} entry
   * @returns {ServiceDefinition}
   */
  #newService(unit, form, category, name, entry) {
    const places = new Map([['', this.here()]]);
    return {
      unit, serviceName: name, category, dependencies: undefined, publishToHub: false, config: {},
      configResolver: null, entry, form, places,
    };
  }

  /** @param {ServiceDefinition} service @returns {string} for messages; loads nothing */
  label(service) {
    const name = service.serviceName || service.entry.path || service.entry.name;
    return name ? `${service.unit} "${name}"` : `a ${service.unit}`;
  }

  /** @param {ServiceDefinition} service @returns {string} its name; takes it from the entry if it has none yet */
  nameOf(service) {
    if (service.serviceName === null) {
      const name = entries.defaultName(service.entry, this.host, this.label(service));
      service.serviceName = service.form === 'single' ? name.replace(/^[A-Z]/, (letter) => letter.toLowerCase()) : name;
    }
    return service.serviceName;
  }

  /** @param {any} name @returns {ServiceDefinition | undefined} the last one of that name */
  findService(name) {
    return this.services.slice().reverse().find((service) => this.nameOf(service) === name);
  }

  /** @param {string} request @returns {boolean} */
  resolvable(request) {
    return this.current.baseDir !== null && this.host.resolvable(this.current.baseDir, request);
  }

  /** @param {any} name */
  #checkServiceName(name) {
    check.checkName(name, 'a service');
    if (name === 'all') throw check.problem('PANDORA_RESERVED', `The service name ${name} has been reserved`);
  }

  /** @param {any} name @param {any} entry @returns {ServiceModifier} */
  namedService(name, entry) {
    if (!name && entry) {
      const made = entries.makeEntry(entry, this.current, 'a service');
      const own = entries.load(made, this.host, 'a service');
      const given = typeof own === 'function' && typeof own.serviceName === 'string' ? own.serviceName : '';
      return this.namedService(given || entries.defaultName(made, this.host, 'a service'), entry);
    }
    this.#checkServiceName(name);
    let service = this.findService(name);
    if (service && entry) {
      throw check.problem('PANDORA_DUPLICATE', `Service already exist! Use pandora.service('${name}')`
        + '.entry(\'a new place\') to change the entry.');
    }
    if (!service) {
      service = this.#newService('service', 'named', this.defaultServiceCategory, name,
        entries.makeEntry(entry || undefined, this.current, `service "${name}"`));
      this.services.push(service);
    }
    return this.hand(new ServiceModifier(this, service), `service "${name}"`);
  }

  /** @param {any} entry */
  singleService(entry) {
    const made = entries.makeEntry(entry || undefined, this.current, 'pandora.service()');
    if (made.kind === 'none') {
      throw check.problem('PANDORA_ENTRY',
        `pandora.service() expects a name, a class, or a module path, got ${check.show(entry)}`);
    }
    const category = this.defaultServiceCategorySet ? this.defaultServiceCategory : 'weak-all';
    const service = this.#newService('service', 'single', category, null, made);
    this.services.push(service);
    return this.hand(new ServiceModifier(this, service), this.label(service));
  }

  /** @param {any} entry */
  applet(entry) {
    const made = entries.makeEntry(entry || undefined, this.current, 'pandora.applet()');
    if (made.kind === 'none') {
      throw check.problem('PANDORA_ENTRY', `pandora.applet() expects a class or a module path, got ${check.show(entry)}`);
    }
    const applet = this.#newService('applet', 'single', this.defaultAppletCategory, null, made);
    this.applets.push(applet);
    return this.hand(new ServiceModifier(this, applet), this.label(applet));
  }

  /** @param {any} path */
  clusterService(path) {
    if (typeof path !== 'string' || path === '') {
      throw check.problem('PANDORA_ENTRY',
        `pandora.cluster() expects a module path like './app.js' (a non-empty string), got ${check.show(path)}`);
    }
    const name = `cluster${this.clusters}`;
    this.clusters += 1;
    this.namedService(name, path);
    const service = /** @type {ServiceDefinition} */ (this.findService(name));
    service.entry = { ...service.entry, kind: 'cluster' };
    return this.hand(new ClusterModifier(this, service), `service "${name}"`);
  }

  /** @param {ServiceDefinition} service @param {any} entry */
  setEntry(service, entry) {
    service.entry = entries.makeEntry(entry, this.current, this.label(service));
    this.mark(service, 'entry');
  }

  /** @param {ServiceDefinition} service @param {any} name */
  renameService(service, name) {
    this.#checkServiceName(name);
    service.serviceName = name;
  }

  /** @param {ServiceDefinition} service */
  dropService(service) {
    const name = this.nameOf(service);
    const list = service.unit === 'applet' ? this.applets : this.services;
    const kept = list.filter((other) => this.nameOf(other) !== name);
    if (kept.length === list.length) {
      throw check.problem('PANDORA_DROP', `Can't drop ${service.unit === 'applet' ? 'an applet' : 'a service'} `
        + `named ${name} it not exist`);
    }
    list.splice(0, list.length, ...kept);
  }

  // ---- what the script host runs

  /** @param {'indicator' | 'reporter' | 'on'} member @param {any[]} given */
  script(member, given) {
    // Only few procfiles have any; what is defined once the procfile has returned counts no more.
    if (this.current.file === null) return;
    this.scripts ??= { indicators: [], reporters: [], hooks: [] };
    require('./scripts')[member](this.scripts, given, this.here());
  }

  // ---- where the environment comes from; parsed only for the few procfiles that say so

  /** @param {any[]} given @returns {any} what is read without arguments */
  envFile(given) {
    if (given.length === 0) return this.envFiles.map((file) => file.path);
    const { baseDir } = this.current;
    if (baseDir !== null) this.envFiles = require('./env-file').add(this.envFiles, given, baseDir, 'pandora.envFile()', (member) => this.mark(this, member));
    return undefined;
  }

  /** @param {ProcessDefinition} process @param {any[]} given */
  envFileOf(process, given) {
    const { baseDir } = this.current;
    if (baseDir === null) return;
    process.envFiles = require('./env-file').add(process.envFiles || [], given, baseDir, `process "${process.processName}": envFile`,
      (member) => this.mark(process, member));
    this.mark(process, 'envFile');
  }

  /** @param {ProcessDefinition | null} process null: all @param {any} [given] @returns {any} what is read without it */
  secretsOf(process, given) {
    const { add, show } = require('./secrets');
    const owner = process || this;
    if (given === undefined) return show(owner.secrets || []);
    const { baseDir } = this.current;
    if (baseDir === null) return undefined;
    owner.secrets = add(owner.secrets || [], given, baseDir, process ? `process "${process.processName}": secrets` : 'pandora.secrets()');
    for (const name of Object.keys(given)) this.mark(owner, `secrets.${name}`);
    return undefined;
  }

  // ---- settings of the application

  /** @param {'service' | 'applet'} unit @param {any} name */
  setDefaultCategory(unit, name) {
    check.checkName(name, `the default category of ${unit}s`);
    if (unit === 'applet') {
      this.defaultAppletCategory = name;
    } else {
      this.defaultServiceCategory = name;
      this.defaultServiceCategorySet = true;
    }
  }

  /** @param {'environment' | 'configurator'} standard @param {any} entry */
  setStandard(standard, entry) {
    const made = entries.makeEntry(entry || undefined, this.current, `pandora.${standard}()`);
    if (made.kind === 'none') {
      throw check.problem('PANDORA_ENTRY',
        `pandora.${standard}() expects a class or a module path, got ${check.show(entry)}`);
    }
    made.place = this.here();
    this.standards[standard] = made;
  }

  /** @returns {any} what environment() reads: the class, or the path as given */
  environmentClass() {
    const entry = this.standards.environment;
    if (entry) return entry.value === undefined ? entry.path : entry.value;
    if (this.defaultEnvironment) return this.defaultEnvironment;
    throw check.problem('PANDORA_ENVIRONMENT', NO_ENVIRONMENT);
  }

  // ---- answers, after discover()

  /** @returns {Entry | null} */
  environment() {
    return this.definitions.environment;
  }

  /** @returns {Entry | null} */
  configurator() {
    return this.definitions.configurator;
  }

  /** @param {string} name @returns {ProcessDefinition | undefined} */
  processOf(name) {
    return this.definitions.processes.find((process) => process.processName === name);
  }

  /**
   * The definitions that count: of one name the last.
   * @param {ServiceDefinition[]} list
   * @returns {(ServiceDefinition & {serviceName: string})[]}
   */
  unique(list) {
    /** @type {Map<string, ServiceDefinition & {serviceName: string}>} */
    const byName = new Map();
    for (const service of list) {
      const serviceName = this.nameOf(service);
      byName.delete(serviceName);
      byName.set(serviceName, { ...service, serviceName });
    }
    return [...byName.values()];
  }

  /**
   * @param {ServiceDefinition[]} list
   * @param {string} processName
   */
  #placedOn(list, processName) {
    return this.unique(list).filter(({ category }) => [processName, 'all', 'weak-all'].includes(category))
      .map((service) => ({ ...service, dependencies: service.dependencies || [] }));
  }

  /** The services of a process in definition order, the built-in logger included. @param {string} processName */
  servicesOf(processName) {
    return this.#placedOn(this.definitions.services, processName);
  }

  /** @param {string} processName */
  appletsOf(processName) {
    return this.#placedOn(this.definitions.applets, processName).map((applet) => ({ ...applet, appletName: applet.serviceName }));
  }

  /**
   * The class, function or module export behind an entry; loads it.
   * @param {Entry} entry
   * @returns {any}
   */
  resolve(entry) {
    if (entry.path !== '') return entries.unwrap(this.host.requireFrom(entry.baseDir, entry.path));
    return entries.load(entry, this.host, `entry "${entry.name}"`);
  }

  /**
   * The application's graph as a JSON record.
   * @param {Parameters<typeof describe>[1]} [globals] added to every process
   */
  structure(globals = {}) {
    return describe(this, globals);
  }
}

/** @param {Options} options */
const createReconciler = (options) => new Reconciler(options);

module.exports = { createReconciler, Reconciler };
