// Types for the authors of procfiles. In a procfile.js:
//
//   /** @type {import('pandora').Procfile} */
//   module.exports = (pandora) => { pandora.fork('web', './app.js'); };
//
// and in a procfile.ts:
//
//   import type { Procfile } from 'pandora';
//   const procfile: Procfile = (pandora) => { pandora.fork('web', './app.js'); };
//   export default procfile;
//
// What code in a worker gets from the same module is in worker.d.ts beside this file.
//
// All four generations of the API are here: 0.1 (applet, category, getProcess), 1.0 to 1.2 (fork(entry, name)),
// 1.2 to 1.11 (process, service(name, entry)) and 2.x (cluster(name, entry)).

export * from './worker';
import type { Hub, ObjectDescription, ObjectProxy } from './worker';

/** A procfile exports one function, itself or as its default. What it does after its first `await` is not seen. */
export type Procfile = (pandora: Pandora) => void | Promise<void>;

/** A module path, read from the folder of the procfile (or the name of an installed module), or the class itself. */
export type Entry<T = ServiceClass> = string | T;

/** `'auto'` is DEFAULT_WORKER_COUNT, else the number of processors that the application may use. */
export type Scale = number | 'auto';

/** Values become strings, as in every process's environment. */
export type Env = Record<string, string | number | boolean | undefined>;

export interface Pandora {
  /** True under `pandora dev`. */
  readonly dev: boolean;
  readonly appName: string;
  /** The application's folder, absolute. */
  readonly appDir: string;

  /**
   * The process of this name: one that exists, or a new one. `agent`, `worker` and `background` exist from the start,
   * and run when something is placed on them.
   */
  process(name: string): Process;

  /**
   * A process of one Node program. A name that exists already gives that process, and the entry is not used.
   * @example pandora.fork('web', './app.js').env({ PORT: 3000 })
   */
  fork(name: string, entry?: string): Process;

  /**
   * A process of a cluster, as 2.x: its workers share the ports they listen on.
   * @example pandora.cluster('web', './app.js').scale(4)
   */
  cluster(name: string, entry: string): Process;

  /**
   * A module that is loaded last in each worker of the process `worker`, as 1.x.
   * @example pandora.cluster('./app.js').scale(4)
   */
  cluster(entry: string): Cluster;

  /**
   * The service of this name: one that exists, or a new one of this class, on the default process `worker`.
   * @example pandora.service('queue', './lib/queue').process('background').config({ size: 10 })
   */
  service(name: string, entry?: Entry): Service;

  /**
   * A service named after its class or file, with the first letter in lower case, as 0.1 to 1.2; it rides along in every
   * process that exists anyway.
   * @example pandora.service(Queue).category('background')
   */
  service(entry: Entry): Service;

  /** What starts after all services of its process, as 0.1. Its process is `worker` unless it says otherwise. */
  applet(entry: Entry<AppletClass>): Service;

  /** Where services are placed that say nothing: `'worker'`. */
  defaultServiceCategory(): string;
  defaultServiceCategory(process: string): void;
  /** As defaultServiceCategory, for applets. */
  defaultAppletCategory(): string;
  defaultAppletCategory(process: string): void;

  /** The class whose object tells the code of the application where it runs. The last call wins. */
  environment(): EnvironmentClass;
  environment(entry: Entry<EnvironmentClass>): void;

  /** The class whose object gives `context.config`, as 0.1. The last call wins. */
  configurator(entry: Entry<ConfiguratorClass>): void;

  /**
   * The settings of a process as an object to change, as 0.1; undefined if there is none of this name.
   * @example pandora.getProcess('worker').scale = 2
   */
  getProcess(name: 'agent' | 'worker' | 'background'): ProcessSettings;
  getProcess(name: string): ProcessSettings | undefined;

  /**
   * Files of environment variables (.env) for every process, read from the folder of the procfile: see docs/environment.md.
   * Calls add to each other, and what a later file says counts. The procfile sees them in process.env.
   * @example pandora.envFile('.env')
   */
  envFile(): string[];
  envFile(paths: string | readonly string[], options?: EnvFileOptions): void;

  /**
   * Variables of every process whose values are kept in a file, in a credential of systemd, or by a program that prints
   * them: see docs/environment.md. They are read at each start of a worker, and the procfile does not see them. Calls add
   * to each other. Reads with absolute paths.
   * @example pandora.secrets({ DB_PASSWORD: { file: '/run/secrets/db' }, TOKEN: { command: ['pass', 'show', 'shop'] } })
   */
  secrets(): Record<string, SecretSource>;
  secrets(secrets: Readonly<Record<string, SecretSource>>): void;

  /**
   * A check that the daemon makes itself, without a worker's help: see docs/indicators.md.
   * @example pandora.indicator('db', { type: 'mysql', host: 'db.local', user: 'health', timeoutMs: 1000 })
   */
  indicator(name: string, options: BuiltInIndicatorOptions): void;
  /**
   * An indicator of your own. It runs in the application's script host, not in a worker.
   * @example pandora.indicator('backlog', { intervalMs: 5000 }, async (check) => {
   *   const { json } = await check.http('http://127.0.0.1:3000/backlog');
   *   return json.count < 100 ? check.up({ count: json.count }) : check.down('backlog');
   * });
   */
  indicator(name: string, options: IndicatorOptions, run: (check: Check, options: any) => unknown): void;
  indicator(name: string, run: (check: Check, options: any) => unknown): void;

  /** Where metrics are reported to: one of those in docs/reporters.md, with its options. */
  reporter(name: string, options?: Record<string, any>): void;
  /** A reporter of your own: it is given the metrics, and runs in the application's script host. */
  reporter(name: string, reporter: ReporterClass, options?: Record<string, any>): void;

  /** Runs once for each event of that name of this application, in the application's script host. */
  on(event: HookEvent, run: (event: ApplicationEvent, check: Check) => unknown): void;
}

export interface IndicatorOptions {
  /** The EndPoint it belongs to: `'health'`. */
  group?: string;
  /** How often it runs: 5,000. */
  intervalMs?: number;
  /** How long it may take: 3,000. */
  timeoutMs?: number;
  /** Whether the application is DOWN when it is: true. */
  critical?: boolean;
  /** Anything else is given to the function. */
  [option: string]: any;
}

export interface BuiltInIndicatorOptions extends IndicatorOptions {
  type: 'mysql' | 'redis' | 'port' | 'rpc' | 'disk_space' | 'process' | 'event_loop' | 'memory';
}

/** A reporter; report() is given what is due, each intervalMs (options, 15,000). */
export interface ReporterClass {
  new (options?: any): { report(metrics: any[]): unknown };
}

/** `'crash'`: a worker ended that should not have; `'down'` and `'up'`: its health changed; `'reload'`: it was reloaded. */
export type HookEvent = 'crash' | 'down' | 'up' | 'reload';

export interface ApplicationEvent {
  event: HookEvent;
  /** Milliseconds since 1970. */
  at: number;
  appName: string;
  [detail: string]: any;
}

/** What an indicator answers. */
export interface CheckResult {
  status: 'UP' | 'DOWN';
  description?: string;
  details: Record<string, any>;
}

/** What a script may ask of the world. Whatever is asked is bounded in time and size, and rejects beyond. */
export interface Check {
  up(details?: Record<string, any>): CheckResult;
  down(reason?: string | Error, details?: Record<string, any>): CheckResult;
  http(url: string, options?: {
    method?: string; headers?: Record<string, string>; body?: string | object; timeoutMs?: number; redirect?: boolean;
  }): Promise<{ status: number; ok: boolean; headers: Record<string, string>; body: string; readonly json: any; tookMs: number }>;
  /** Connects, and reads a line if `read` is set. */
  tcp(target: string | number, options?: { timeoutMs?: number; send?: string; read?: boolean }): Promise<{ tookMs: number; data: string }>;
  dns(name: string, options?: { timeoutMs?: number; type?: 'A' | 'AAAA' | 'CNAME' | 'MX' | 'NS' | 'SRV' | 'TXT' }): Promise<any[]>;
  /** Reads a file; a relative path counts from the application's folder. */
  file(path: string, options?: { timeoutMs?: number; stat?: boolean }): Promise<{ text: string; size: number; mtimeMs: number; isDirectory: boolean }>;
  /** Runs a program without a shell; only where the configuration says `scripts: { exec: true }`. */
  exec(command: string, args?: readonly string[], options?: { timeoutMs?: number }): Promise<{ code: number; stdout: string; stderr: string }>;
  /** The application's metrics, or those of a group, as `GET /metrics/list` has them. */
  metrics(group?: string): Promise<any>;
  /** The application's processes and workers with their states. */
  application(): Promise<any>;
  sleep(ms: number): Promise<void>;
}

/** Settings that a process has. A call with an argument sets and goes on; one without reads, and what it reads is live. */
export interface Settings {
  /** How many workers run: 1 by default, and `'auto'` for the process `worker` outside of dev. */
  scale(): Scale;
  scale(value: Scale): this;
  /** Variables on top of the environment of `pandora start`. Setting replaces all of them. */
  env(): Record<string, any>;
  env(value: Env): this;
  /** Files of environment variables (.env), over those of the application. Calls add to each other. Reads as absolute paths. */
  envFile(): string[];
  envFile(paths: string | readonly string[], options?: EnvFileOptions): this;
  /** Variables whose values are kept elsewhere, over those of the application. Calls add to each other. */
  secrets(): Record<string, SecretSource>;
  secrets(secrets: Readonly<Record<string, SecretSource>>): this;
  /** The folder that it runs in, from that of the procfile: the application's by default. Reads as an absolute path. */
  cwd(): string | undefined;
  cwd(value: string): this;
  /** The program's arguments, process.argv from the third on. */
  args(): string[];
  args(value: readonly string[]): this;
  /** Node's own options, process.execArgv. */
  nodeArgs(): string[];
  nodeArgs(value: readonly string[]): this;
  /** @deprecated use nodeArgs() */
  argv(): string[];
  /** @deprecated use nodeArgs() */
  argv(value: readonly string[]): this;
  /** Processes start in the order of these numbers, then as they are written. */
  order(): number | undefined;
  order(value: number): this;
  /** A plain Node process, or a worker of a cluster; by default what scale and form ask for. */
  kind(): 'plain' | 'worker' | undefined;
  kind(value: 'plain' | 'worker'): this;
  /**
   * How connections find a worker of a cluster: one after the other (`'rr'`, as Node), or by whichever worker is first
   * (`'shared'`: much cheaper where every request has its own connection, and uneven for connections that live long).
   */
  balance(): 'rr' | 'shared' | undefined;
  balance(value: 'rr' | 'shared'): this;
  /**
   * How `pandora reload` replaces a worker: the new one is ready before the old one leaves (`'start-first'`), or the old
   * one leaves first (`'stop-first'`), for what only one process may hold.
   */
  reload(): 'start-first' | 'stop-first' | undefined;
  reload(value: 'start-first' | 'stop-first'): this;
  /**
   * A condition of being ready, beside the start of services and entry. Workers that share a port share an answer to
   * `http` and `tcp`, too: there `message` is the one that a single worker gives.
   * @example pandora.fork('web', './app.js').ready({ http: 'http://127.0.0.1:3000/health', timeoutMs: 10000 })
   * @example pandora.cluster('web', './app.js').ready({ message: 'ready' })   // the worker: process.send('ready')
   */
  ready(): ReadyCheck | undefined;
  ready(value: ReadyCheck): this;
  /**
   * Whether what a worker prints goes to one file, in the order in which it was printed (`'together'`), or standard output
   * and error to a file each (`'split'`), so that `pandora log --err` can tell them apart.
   */
  stdio(): 'together' | 'split' | undefined;
  stdio(value: 'together' | 'split'): this;
  /** Ends and replaces a worker whose event loop has not answered for so long; without it such a one is only shown. */
  liveness(): { timeoutMs: number } | undefined;
  liveness(value: { timeoutMs: number }): this;
  /** Gives a worker up that was replaced `count` times within `windowMs`, 60,000 by default; without it, never. */
  maxRestarts(): { count: number; windowMs: number } | undefined;
  maxRestarts(count: number, windowMs?: number): this;
  /**
   * Replaces a worker gracefully whose resident memory is more; at most once in a minute. Reads as bytes.
   * @example pandora.process('web').maxMemory('512MB')
   */
  maxMemory(): number | undefined;
  maxMemory(value: number | string): this;
  /** Times of starting and stopping; those that are not named stay as they are. */
  timeouts(): Timeouts | undefined;
  timeouts(value: Timeouts): this;
  /** kind() under the names of 1.0 to 1.2. */
  mode(): 'plain' | 'worker' | undefined;
  mode(value: 'fork' | 'cluster'): this;
}

export interface EnvFileOptions {
  /** Whether the file may be missing. */
  optional?: boolean;
}

/** Where the value of a variable comes from. One line end at its end does not count. */
export type SecretSource =
  /** A file, from the folder of the procfile. `optional`: where it is missing, the variable is what others say. */
  | { file: string; optional?: boolean }
  /** A credential that systemd gives the unit of the daemon (LoadCredential, SetCredentialEncrypted). */
  | { credential: string; optional?: boolean }
  /** A program that prints the value, without a shell, within 10,000 ms or `timeoutMs`, which is at most 60,000. */
  | { command: readonly string[]; timeoutMs?: number };

/** One of http, tcp and message. */
export interface ReadyCheck {
  /** A URL that answers with a status below 400. */
  http?: string;
  /** A port of this machine, or `'host:port'`, that accepts a connection. */
  tcp?: number | string;
  /** What the worker says with process.send, any JSON value. */
  message?: any;
  /** How long that may take after services and entry have started; by default what is left of startMs. */
  timeoutMs?: number;
}

export interface Timeouts {
  /** How long a worker may take to become ready: 120,000. */
  startMs?: number;
  /** How long a worker that leaves in a reload may answer what is under way and wait for idle connections: 30,000. */
  drainMs?: number;
  /** How long each graceful step of a stop may take, requests under way and then services: 5,000. */
  stopMs?: number;
  /** How long upgraded and streaming connections of a worker that leaves may go on: as long as its drain. */
  graceMs?: number;
}

export interface Process extends Settings {
  name(): string;
  /** Renames it; services placed on the old name stay there. */
  name(value: string): this;
  /** The file that each worker loads once its services run. */
  entry(): string | undefined;
  entry(value: string): this;
  /** Takes the process out of the application. */
  drop(): void;
}

export interface Service {
  name(): string;
  name(value: string): this;
  /** The process it runs in; `'all'` is every process, `'weak-all'` every process that runs anyway. */
  process(): string;
  process(name: string): this;
  /** process() under its name of 0.1, where `'all'` is `'weak-all'`. */
  category(): string;
  category(name: string): this;
  entry(): any;
  entry(value: Entry<any>): this;
  /** The value, without what a resolver would make of it. */
  config(): any;
  /** A function is called in the process, before any service starts, with the value that was given beside it. */
  config(resolve: (context: ProcessContext, value: any) => any): this;
  config(value: object): this;
  /** Services of the same process that start before and stop after it. Calls add to each other. */
  dependency(): string[] | undefined;
  dependency(names: string | readonly string[]): this;
  /** Offers the service to other processes by its name. */
  publish(enable?: boolean): this;
  /** Takes the service out of the application. */
  drop(): void;
}

/** The settings are those of the process that the module is placed on when they are called. */
export interface Cluster extends Service, Settings {}

/** The settings of a process in the form of 0.1. */
export interface ProcessSettings {
  order: number | undefined;
  scale: Scale;
  /** Node's own options. */
  argv: string[];
  env: Record<string, any>;
}

/** A service is a class; start() and stop() may be absent, and may return a promise. */
export interface ServiceClass {
  new (context: any): { start?(): unknown; stop?(): unknown };
  /** Names of services that start before it; `'all'` for those that come last. */
  dependencies?: string[];
}

export interface AppletClass {
  new (options: any): { start?(): unknown; stop?(): unknown };
}

export interface EnvironmentClass {
  new (facts: any): { get?(name: string): any; match?(name: string): boolean };
}

export interface ConfiguratorClass {
  new (context: any): { getAllProperties(options?: { force?: boolean }): unknown };
}

/** What belongs to a process; a config resolver is given it. */
export interface ProcessContext {
  readonly appName: string;
  readonly appDir: string;
  readonly processName: string;
  /** The name of the environment: production, prepub, test or development. */
  readonly env: string;
  readonly environment: any;
  /** What the configurator gave, where there is one. */
  readonly config?: any;
  /** Where there is one. */
  readonly configurator?: any;
  getService<T = any>(name: string): T;
  getServiceClass(name: string): any;
  getHub(): Hub;
  publishObject(target: string | ObjectDescription, object: any): Promise<void>;
  getProxy<T = any>(target: string | ObjectDescription, options?: { timeout?: number }): Promise<T & ObjectProxy>;
}
