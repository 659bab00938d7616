'use strict';

// The words of the protocol and of the metrics API.

const { MetricType, MetricLevel } = require('../../shared/metric-name');

const MetricsConstants = {
  SOCKET_FILE_NAME: 'pandora_metric',
  METRICS_PANDORA_KEY: 'PANDORA_METRIC',
  SERVER_DISCOVER_KEY_PREFIX: 'METRIC_DISCOVER_KEY',
  MESSENGER_PREFIX: 'ENDPOINT',
  MESSENGER_SPLIT: '_',
  METRICS_CLI_IPC_NAME: 'PANDORA_METRIC_CLI',
  METRICS_DEFAULT_APP: 'DEFAULT_APP',
  MESSENGER_UPLINK_KEY: 'MESSENGER_UPLINK',
  MESSENGER_DOWNLINK_KEY: 'MESSENGER_DOWNLINK',
  EVT_METRIC_CREATE: 'METRIC_CREATE',
  EVT_METRIC_UPDATE: 'METRIC_UPDATE',
  GLOBAL_METRICS_KEY: 'GLOBAL_METRICS_CLIENT',
  CLIENT_TIME_OUT: 3000,
};

const MessageConstants = { LOGGER: 'LOGGER', TRACE: 'TRACE', TRACENODE: 'TRACENODE' };

const HealthIndicatorStatus = { UP: 'UP', DOWN: 'DOWN' };

/** What a row of an indicator is about. */
const IndicatorScope = { SYSTEM: 'SYSTEM', APP: 'APP', PROCESS: 'PROCESS' };

const IndicatorResultStatus = { DEFAULT: -1, SUCCESS: 0, FAIL: 1, '-1': 'DEFAULT', 0: 'SUCCESS', 1: 'FAIL' };

module.exports = {
  MetricsConstants, MessageConstants, MetricType, MetricLevel, HealthIndicatorStatus, IndicatorScope, IndicatorResultStatus,
};
