'use strict';

// Where each export of the facade comes from, beside the members of the process. The names are written down, so that they
// can be listed without loading what they stand for.

/** @type {Record<string, string[]>} exports by the file that has them, seen from this folder */
const OWN = {
  './env': ['EnvironmentUtil', 'BaseEnvironment', 'DefaultEnvironment'],
  './config': ['GlobalConfigProcessor'],
  './constants': [
    'State', 'PANDORA_GLOBAL_CONFIG', 'PANDORA_CWD', 'PANDORA_HOME', 'PANDORA_PROCESS', 'PROCFILE_NAMES', 'SERVICE_PREFIX_IN_HUB',
    'SERVICE_RESERVE_NAME', 'defaultWorkerCount',
  ],
  './helpers': [
    'consoleLogger', 'createAppLogger', 'removePkgNameScope', 'calcAppName', 'getPandoraLogsDir', 'getAppLogDir', 'getAppLogPath',
    'removeEOL', 'yyyymmdd', 'backupLog',
  ],
  '../logger': ['DefaultLoggerManager', 'LoggerService'],
  '../metrics': [
    'HealthIndicatorStatus', 'IndicatorScope', 'IndicatorResultStatus', 'MetricsClient', 'MetricsConstants', 'MessageConstants',
    'Indicator', 'DuplexIndicator', 'ErrorIndicator', 'ProcessIndicator', 'HealthIndicator', 'DiskSpaceHealthIndicator',
    'PortHealthIndicator', 'BaseInfoIndicator', 'NodeIndicator', 'V8GaugeSet', 'MetricsManagerClient', 'Counter', 'Gauge',
    'Timer', 'Histogram', 'Meter', 'FastCompass', 'CachedGauge', 'CachedMetricSet', 'BaseCounter', 'BaseGauge', 'MetricName',
    'MetricSet', 'MetricsRegistry', 'MetricLevel', 'AllFilter', 'MetricFilter', 'MetricType', 'BucketCounter',
    'MetricsCollectPeriodConfig', 'MessageSender', 'MetricsClientUtil', 'LoggerMessageCollector',
  ],
  '../configurator': ['DefaultConfigurator'],
  '../applets': ['Applet', 'HTTPApplet'],
};

/** @type {Record<string, string[]>} what only an application's own copy of a package has */
const FOREIGN = {
  'pandora-messenger': ['MessengerClient', 'MessengerServer'],
  'pandora-metrics': [
    'MetricsActuatorServer', 'MetricsActuatorManager', 'MetricsServerManager', 'EndPoint', 'DuplexEndPoint',
    'CacheDuplexEndPoint', 'ErrorEndPoint', 'HealthEndPoint', 'ProcessEndPoint', 'InfoEndPoint', 'AppNameFilter',
    'MetricsEndPoint', 'TraceEndPoint', 'DaemonEndPoint', 'TraceIndicator', 'CommandIndicator', 'ScheduledMetricsReporter',
    'ConsoleReporter', 'FileMetricsManagerReporter', 'CustomReporter', 'TraceReporter', 'CollectMetricType', 'Builder',
    'MetricObject', 'MetricsCollector', 'SystemLoadGaugeSet', 'SystemMemoryGaugeSet', 'DiskStatGaugeSet', 'CpuUsageGaugeSet',
    'NetTrafficGaugeSet', 'NetworkTrafficGaugeSet', 'ErrorResource', 'MetricsResource', 'HealthResource', 'TraceResource',
    'InfoResource', 'ProcessResource', 'DaemonResource', 'BaseHistogram', 'BaseMeter', 'BaseTimer', 'BaseFastCompass',
    'BucketDeque', 'AbstractSnapshot', 'BucketSnapshot', 'UniformSnapshot', 'WeightedSnapshot', 'BucketReservoir',
    'ExponentiallyDecayingReservoir', 'UniformReservoir', 'MetricBuilder', 'CompactMetricsCollector', 'NormalMetricsCollector',
    'getRandom64', 'convertObjectToTags', 'MetricsInjectionBridge', 'TraceMessageCollector', 'TraceManager', 'Patcher',
    'NORMAL_TRACE', 'SLOW_TRACE', 'TIMEOUT_TRACE', 'ERROR_TRACE', 'TRACER_TIMEOUT', 'CURRENT_SPAN', 'SKIP_RATE', 'PandoraSpan',
    'Tracer', 'ActuatorRestService', 'EndPointService',
  ],
  'pandora-hook': [
    'GlobalPatcher', 'EggLoggerPatcher', 'HttpClientPatcher', 'BluebirdPatcher', 'HttpServerPatcher', 'MySQLPatcher',
    'MySQL2Patcher', 'MySQLShimmer', 'HttpClientShimmer', 'RedisPatcher', 'MongodbPatcher', 'extractPath',
    'DB_INSTANCE_UNKNOWN', 'DB_HOST_UNKNOWN', 'DB_TABLE_UNKNOWN', 'DB_OPERATION_UNKNOWN', 'HTTP_DEFAULT_HOST', 'HTTP_DEFAULT_PORT',
  ],
};

module.exports = { OWN, FOREIGN };
