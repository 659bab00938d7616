// Types for the code that runs in a worker: what services are given, and what `require('pandora')` and `require('dorapan')`
// have beside the procfile's types.
//
//   import { getProxy, MetricsClientUtil, type ServiceContext } from 'pandora';

import type { ProcessContext } from './pandora';

/** What a service's constructor is given, as 1.x: `constructor(context)`. */
export interface ServiceContext extends Omit<ProcessContext, 'config' | 'configurator'> {
  readonly serviceName: string;
  /** What the procfile gave with .config(), `{}` without. */
  readonly config: any;
  /** The instances of the services it depends on, by name. */
  readonly dependencies: Record<string, any>;
  getDependency<T = any>(name: string): T;
  /** Writes to the application's service.log. */
  readonly logger: ServiceLogger;
  readonly processContext: ProcessContext;
  /** What leads to everything else; a service of the first form is constructed with it. */
  readonly serviceCore: ServiceCore;
  readonly representation: any;
  getHub(): Hub;
  getProxy<T = any>(target: string | ObjectDescription, options?: { timeout?: number }): Promise<T & ObjectProxy>;
  publishObject(target: string | ObjectDescription, object: any): Promise<void>;
  /** Publishes the service in the hub under its name. */
  publish(): Promise<void>;
}

/** What a service of the first form is constructed with, and has as `this.core` afterwards. */
export interface ServiceCore {
  readonly serviceName: string;
  readonly config: any;
  readonly context: ProcessContext;
  readonly logger: ServiceLogger;
  readonly deps: Record<string, any>;
  readonly representation: any;
  readonly workMode: 'agent' | 'worker';
  getDependency<T = any>(name: string): T;
  getService<T = any>(name?: string): T;
  /** Calls a method of the service; in a proxy, of the one in the agent. */
  invoke<T = any>(name: string, args?: any[]): Promise<T>;
  /** Hands the listener to handleSubscribe() of the service; from a proxy, of the one in the agent. */
  subscribe(reg: any, listener: (event: any) => void): Promise<any>;
  unsubscribe(reg: any, listener?: (event: any) => void): Promise<any>;
  publish(): Promise<void>;
  getMessengerClient(): any;
  getMessengerServer(): any;
}

/** ServiceContext under its name of 1.x. */
export type ServiceContextAccessor = ServiceContext;

export interface ServiceLogger {
  debug(...args: any[]): void;
  info(...args: any[]): void;
  /** As info. */
  log(...args: any[]): void;
  warn(...args: any[]): void;
  error(...args: any[]): void;
  /** The line as it is, without time, level and prefix. */
  write(...args: any[]): void;
}

// ---- the process, as far as it is known: each undefined outside a worker

export const processContext: ProcessContext;
export const appName: string;
export const appDir: string;
export const processName: string;
/** The name of the environment: production, prepub, test or development. */
export const env: string;
export const environment: any;
/** What the configurator gave, where there is one. */
export const config: any;
export const configurator: any;

/** Throws for a name that is unknown here, or has no instance yet. */
export function getService<T = any>(name: string): T;
export function getServiceClass(name: string): any;
export function getHub(): Hub;
/** Offers an object, or an instance of a class, to all processes of all applications. */
export function publishObject(target: string | ObjectDescription, object: any): Promise<void>;
/** What someone has published under this name; each of its methods is asynchronous. */
export function getProxy<T = any>(target: string | ObjectDescription, options?: { timeout?: number }): Promise<T & ObjectProxy>;
/** The members of the process in an object of their own. */
export const facade: any;

// ---- the hub

export interface ObjectDescription {
  name: string;
  tag?: string;
}

export interface ObjectProxy {
  getProperty(name: string): Promise<any>;
  subscribe(event: string, listener: (...args: any[]) => void): Promise<void>;
  unsubscribe(event: string, listener?: (...args: any[]) => void): Promise<void>;
}

export interface Hub {
  start(): Promise<void>;
  stop(): Promise<void>;
  publish(object: any, description: string | ObjectDescription): Promise<void>;
  unpublish(description: string | ObjectDescription): Promise<void>;
  getProxy<T = any>(description: string | ObjectDescription, options?: { timeout?: number }): Promise<T & ObjectProxy>;
  getHubClient(): any;
  /** What the daemon keeps by topic. */
  getConfigClient(): {
    subscribe(topic: string, listener: (value: any) => void): Promise<void>;
    unsubscribe(topic: string, listener?: (value: any) => void): Promise<void>;
    getConfig(topic?: string): Promise<any>;
  };
}

// ---- the environment

export class BaseEnvironment {
  constructor(variables?: Record<string, any>);
  variables: Record<string, any>;
  get(name: string): any;
  set(name: string, value: any): void;
}

export class DefaultEnvironment extends BaseEnvironment {
  match(name: string): boolean;
}

export class EnvironmentUtil {
  static getInstance(): EnvironmentUtil;
  /** Throws where there is none. */
  getCurrentEnvironment(): any;
  setCurrentEnvironment(environment: any): void;
  get(name: string): any;
  is(name: string): boolean;
  isReady(): boolean;
}

// ---- configuration

/** The global configuration, PANDORA_CONFIG. */
export class GlobalConfigProcessor {
  static getInstance(): GlobalConfigProcessor;
  getAllProperties(): any;
  mergeProperties(properties: object): void;
  getloadedConfigPath(): string[];
  clearProperties(): void;
}

/** What an applet's constructor is given. */
export interface AppletOptions {
  readonly appletName: string;
  readonly category: string;
  readonly config: any;
  readonly context: ProcessContext;
}

export class Applet {
  constructor(options?: AppletOptions);
  readonly options?: AppletOptions;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Its start() resolves when the server listens, its stop() when no connection is left. */
export abstract class HTTPApplet extends Applet {
  type: string;
  server?: import('node:http').Server;
  abstract createServer(): import('node:http').Server;
  /** The variable PORT, else 6001. */
  getPort(): number | string;
}

export class DefaultConfigurator {
  constructor(context: any);
  getAllProperties(options?: { force?: boolean }): Record<string, any>;
}

// ---- applets of the first form

export class Applet {
  constructor(options?: any);
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Listens on PORT, 6001 by default. */
export abstract class HTTPApplet extends Applet {
  type: 'HTTP';
  server: any;
  abstract createServer(): any;
  getPort(): number | string;
}

// ---- logs

export interface LoggerConfig {
  /** The folder of its file. */
  dir: string;
  /** The file's name, `<logger>.log` by default. */
  name?: string;
  level?: LoggerLevel;
  stdoutLevel?: LoggerLevel;
  emitterLevel?: LoggerLevel;
  type?: 'date' | 'size';
  rotateDuration?: number;
  maxFiles?: number;
  maxFileSize?: number;
  eol?: string;
}

export type LoggerLevel = 'ALL' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | 'NONE';

/** The built-in service: `context.getService<LoggerService>('logger')`. */
export class LoggerService {
  createLogger(name: string, config: LoggerConfig): ServiceLogger;
  getLogger(name: string): ServiceLogger;
}

export class DefaultLoggerManager {
  static getInstance(): DefaultLoggerManager;
  createLogger(name: string, config: LoggerConfig): ServiceLogger;
  on(event: 'log', listener: (line: any) => void): this;
}

export const consoleLogger: ServiceLogger;
export function createAppLogger(appName: string, logName: string): ServiceLogger;
export function getPandoraLogsDir(): string;
export function getAppLogDir(appName: string): string;
export function getAppLogPath(appName: string, logName: string): string;

// ---- metrics and indicators

export class MetricName {
  constructor(key?: string, tags?: Record<string, string>, level?: string);
  static build(...parts: string[]): MetricName;
  getKey(): string;
  getTags(): Record<string, string>;
  tagged(...pairs: any[]): MetricName;
  resolve(suffix?: string, inheritTags?: boolean): MetricName;
}

export class Counter {
  inc(n?: number): void;
  dec(n?: number): void;
}
export class Meter {
  mark(n?: number): void;
}
export class Histogram {
  update(value: number): void;
}
export class Timer {
  /** Milliseconds. */
  update(duration: number): void;
}
export class FastCompass {
  /** Milliseconds. */
  record(duration: number, subCategory: string): void;
}
export class Gauge {
  getValue(): any;
}

export class MetricsClient {
  static getInstance(): MetricsClient;
  register<T>(group: string, name: string | MetricName, metric: T): T extends string ? any : T;
  getCounter(group: string, name: string | MetricName): Counter;
  getMeter(group: string, name: string | MetricName): Meter;
  getHistogram(group: string, name: string | MetricName): Histogram;
  getTimer(group: string, name: string | MetricName): Timer;
  getFastCompass(group: string, name: string | MetricName): FastCompass;
}

export class MetricsClientUtil {
  static getMetricsClient(): MetricsClient;
}

export interface IndicatorBuilder {
  withDetail(key: string, data: any, scope?: 'APP' | 'SYSTEM' | 'PROCESS'): this;
  getDetails(): any[];
  /** Formatted as util.format where a person asks. */
  pretty(format: string, value: any): any;
}

/**
 * Answers one of the daemon's EndPoints for this process, once initialize() was called.
 * @example class Queue extends Indicator { group = 'info'; invoke(query, builder) { builder.withDetail('queue.size', 3); } }
 */
export abstract class Indicator {
  group: string;
  /** One of all processes of an application answers, or each of them. */
  type: 'singleton' | 'multiton';
  name: string;
  /** What the configuration has for the group. */
  config: any;
  initialize(): void;
  abstract invoke(query: any, builder: IndicatorBuilder): any;
  isSingleton(): boolean;
}

export abstract class DuplexIndicator extends Indicator {
  /** Tells the EndPoint of something by itself. */
  report(data: any): void;
}

/** @example class Redis extends HealthIndicator { name = 'redis'; async doCheck(builder) { builder.up(); } } */
export abstract class HealthIndicator extends Indicator {
  invoke(query: any, builder: IndicatorBuilder): Promise<any>;
  abstract doCheck(builder: IndicatorBuilder & { up(): any; down(reason?: any): any }, config?: any): any;
}
