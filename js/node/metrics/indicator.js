'use strict';

// Indicators as application code makes them: what a process answers when an EndPoint of the daemon asks.

const assert = require('node:assert');
const { connection, newClientId } = require('../monitor/connection');
const { HealthBuilder, IndicatorBuilder } = require('./builder');
const { MetricsConstants } = require('./constants');
const { withDeadline } = require('./deadline');
const { currentEnvironment } = require('./environment');

const DISCOVER = 'METRIC_DISCOVER_KEY_';

/** Answers the daemon's questions. Subclasses have group and invoke(args, builder). */
class Indicator {
  #initialized = false;
  #ended = false;
  /** @type {any} the EndPoint that asks */
  group;

  constructor() {
    /** 'singleton': of all processes of an application one answers; 'multiton': all do. */
    this.type = 'singleton';
    this.transferType = 'normal';
    this.environment = currentEnvironment();
    this.appName = this.getAppName();
    this.name = this.constructor.name;
    this.clientId = newClientId();
    /** @type {any} what the configuration has for the group; empty until the daemon has said it */
    this.config = {};
  }

  /** Registers this indicator, now and with each connection to come. */
  initialize() {
    assert(this.appName, 'Indicator appName property is required');
    assert(this.group, 'Indicator group property is required');
    if (this.#initialized) return;
    this.#initialized = true;
    this.registerDownlink();
    connection().onConnect(() => {
      if (!this.#ended) this.registerIndicator();
    });
  }

  registerIndicator() {
    const { name: indicatorName, appName, group, clientId, type } = this;
    // No answer: there is no such EndPoint.
    connection().request(DISCOVER, { indicatorName, appName, group, clientId, type }).then(
      (config) => {
        this.config = config ?? {};
      },
      () => {},
    );
  }

  registerDownlink() {
    connection().handle(this.getClientDownlinkKey(), (args) => this.#answer(args ?? {}));
  }

  /**
   * @param {any} args
   * @returns {Promise<any>} rows; undefined when it takes too long
   */
  async #answer(args) {
    if (this.#ended || !this.#enabled()) return [];
    return withDeadline(this, async () => {
      const builder = this.getBuilder();
      builder.setPrettyMode(args.pretty);
      await /** @type {any} */ (this).invoke(args, builder);
      return builder.getDetails();
    });
  }

  /** The configuration of a group is kept by the names of its indicators. */
  #enabled() {
    const { config, name, group } = this;
    return ![name, group].some((key) => config?.[key]?.enabled === false);
  }

  /** @returns {IndicatorBuilder} */
  getBuilder() {
    return new IndicatorBuilder();
  }

  getAppName() {
    return this.environment.get('appName');
  }

  /**
   * @param {string} [appName]
   * @param {string} [clientId]
   */
  getClientDownlinkKey(appName, clientId) {
    return [MetricsConstants.MESSENGER_DOWNLINK_KEY, appName || this.appName, this.group, clientId || this.clientId].join('_');
  }

  /**
   * @param {string} [appName]
   * @param {string} [clientId]
   */
  getClientUplinkKey(appName, clientId) {
    return [MetricsConstants.MESSENGER_UPLINK_KEY, appName || this.appName, this.group, clientId || this.clientId].join('_');
  }

  isSingleton() {
    return this.type === 'singleton';
  }

  /** Answers with no rows from now on. */
  destory() {
    this.#ended = true;
  }
}

/** Also reports by itself, when it has something to say. Subclasses have registerUplink(), which calls report(data). */
class DuplexIndicator extends Indicator {
  constructor() {
    super();
    this.transferType = 'duplex';
  }

  /** @override */
  initialize() {
    super.initialize();
    /** @type {any} */ (this).registerUplink();
  }

  /** @override */
  registerIndicator() {
    const { name: indicatorName, appName, group, clientId } = this;
    connection().send(DISCOVER, { indicatorName, appName, group, clientId, duplex: true });
  }

  /** @param {any} data */
  report(data) {
    connection().send(this.getClientUplinkKey(), data);
  }
}

/** Says UP or DOWN: subclasses have name and doCheck(builder, config), which calls builder.up() or builder.down(). */
class HealthIndicator extends Indicator {
  constructor() {
    super();
    this.group = 'health';
  }

  /**
   * @param {any} _args
   * @param {HealthBuilder} builder
   */
  async invoke(_args, builder) {
    await /** @type {any} */ (this).doCheck(builder, this.config?.[this.name]);
    return builder.getDetails();
  }

  /** @override */
  getBuilder() {
    return new HealthBuilder(this.name);
  }
}

module.exports = { Indicator, DuplexIndicator, HealthIndicator };
