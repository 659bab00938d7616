'use strict';

// The package pandora-metrics as far as it is for code in a worker. EndPoints, collectors, reporters and the metrics
// themselves are the daemon's.

const client = require('./client');

Object.defineProperty(exports, '__esModule', { value: true });
const { BaseInfoIndicator, NodeIndicator, ProcessIndicator, ErrorIndicator, DiskSpaceHealthIndicator, PortHealthIndicator } = require('./builtin');
const { Indicator, DuplexIndicator, HealthIndicator } = require('./indicator');
const { AllFilter, MetricFilter, MetricSet, MetricsRegistry, MetricsCollectPeriodConfig } = require('./registry');

Object.assign(
  exports,
  require('./constants'),
  client,
  { BaseInfoIndicator, NodeIndicator, ProcessIndicator, ErrorIndicator, DiskSpaceHealthIndicator, PortHealthIndicator },
  { Indicator, DuplexIndicator, HealthIndicator },
  { MetricName: require('../../shared/metric-name').MetricName },
  { AllFilter, MetricFilter, MetricSet, MetricsRegistry, MetricsCollectPeriodConfig },
  require('./types'),
  require('./messages'),
);
// Not listed: they are nobody's but a configuration's.
for (const [name, value] of Object.entries(require('./elsewhere'))) {
  Object.defineProperty(exports, name, { value, enumerable: false, configurable: true, writable: true });
}

require('./adopt').offerGlobally();
