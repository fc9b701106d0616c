-- One SQL for H2 and PostgreSQL. Money is whole nano-dollars, times are epoch milliseconds, durations microseconds.
-- Keys are numbers that grow with time (see Sequence.java): rows are appended, a span of time is a span of keys, and no index on a time column has to be paid for on each write.

-- Processes that write here, with a sign of life and the lowest key that may still be open.
CREATE TABLE dromedary_nodes (
  slot INTEGER NOT NULL PRIMARY KEY,
  node VARCHAR(64) NOT NULL,
  low_seq BIGINT NOT NULL,
  seen_at_ms BIGINT NOT NULL
);

-- One row per provider call. Key: the request's key + the attempt's number.
CREATE TABLE dromedary_attempts (
  seq BIGINT NOT NULL PRIMARY KEY,
  request_id VARCHAR(128) NOT NULL,
  number INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  project VARCHAR(128) NOT NULL,
  provider VARCHAR(64) NOT NULL,
  model VARCHAR(256) NOT NULL,
  price_version VARCHAR(320),
  reserved_nanos BIGINT NOT NULL,
  status VARCHAR(8) NOT NULL,
  started_at_ms BIGINT NOT NULL,
  outcome VARCHAR(16),
  failure VARCHAR(64),
  provider_status INTEGER,
  uncached_input BIGINT,
  cache_read BIGINT,
  cache_write BIGINT,
  output BIGINT,
  reasoning BIGINT,
  counted BOOLEAN,
  cost_nanos BIGINT,
  first_token_us BIGINT,
  total_us BIGINT,
  settled_at_ms BIGINT
);

-- One row per request, written once, when it is settled.
CREATE TABLE dromedary_requests (
  seq BIGINT NOT NULL PRIMARY KEY,
  request_id VARCHAR(128) NOT NULL,
  project VARCHAR(128) NOT NULL,
  key_id VARCHAR(128) NOT NULL,
  tags VARCHAR(1024) NOT NULL,
  entry VARCHAR(16) NOT NULL,
  requested_model VARCHAR(256) NOT NULL,
  served_model VARCHAR(256) NOT NULL,
  provider VARCHAR(64) NOT NULL,
  tier VARCHAR(16) NOT NULL,
  task VARCHAR(64) NOT NULL,
  domain VARCHAR(64) NOT NULL,
  score DOUBLE PRECISION NOT NULL,
  strategy VARCHAR(64) NOT NULL,
  reason VARCHAR(1024) NOT NULL,
  status VARCHAR(16) NOT NULL,
  http_status INTEGER NOT NULL,
  streamed BOOLEAN NOT NULL,
  cache VARCHAR(16) NOT NULL,
  uncached_input BIGINT NOT NULL,
  cache_read BIGINT NOT NULL,
  cache_write BIGINT NOT NULL,
  output BIGINT NOT NULL,
  reasoning BIGINT NOT NULL,
  counted BOOLEAN NOT NULL,
  cost_nanos BIGINT NOT NULL,
  cache_saved_nanos BIGINT NOT NULL,
  routing_saved_nanos BIGINT NOT NULL,
  baseline_model VARCHAR(256) NOT NULL,
  attempts INTEGER NOT NULL,
  received_at_ms BIGINT NOT NULL,
  settled_at_ms BIGINT NOT NULL,
  first_token_us BIGINT,
  total_us BIGINT NOT NULL,
  overhead_us BIGINT NOT NULL,
  prompt_hash VARCHAR(64) NOT NULL,
  decision VARCHAR(1000000)
);
-- Found by id, and settled once.
CREATE UNIQUE INDEX dromedary_requests_by_id ON dromedary_requests (request_id);

-- Who asked what, with or without text; purged by age, that is by key.
CREATE TABLE dromedary_interaction_log (
  seq BIGINT NOT NULL PRIMARY KEY,
  request_id VARCHAR(128) NOT NULL,
  project VARCHAR(128) NOT NULL,
  cached BOOLEAN NOT NULL,
  prompt_hash VARCHAR(64) NOT NULL,
  prompt TEXT,
  answer TEXT,
  created_at_ms BIGINT NOT NULL
);

-- Cost events on their way, a row per event and sink; deleted when delivered. An event id is written once because its request is settled once.
CREATE TABLE dromedary_outbox (
  id BIGINT NOT NULL PRIMARY KEY,
  event_id VARCHAR(160) NOT NULL,
  sink VARCHAR(512) NOT NULL,
  payload VARCHAR(1000000) NOT NULL,
  created_at_ms BIGINT NOT NULL,
  tries INTEGER NOT NULL,
  next_try_at_ms BIGINT NOT NULL,
  claimed_until_ms BIGINT NOT NULL,
  last_error VARCHAR(512)
);
CREATE INDEX dromedary_outbox_by_sink ON dromedary_outbox (sink, id);

CREATE TABLE dromedary_price_versions (
  version VARCHAR(320) NOT NULL PRIMARY KEY,
  model VARCHAR(256) NOT NULL,
  effective_from VARCHAR(10) NOT NULL,
  source VARCHAR(1024) NOT NULL,
  rates VARCHAR(8192) NOT NULL,
  first_used_at_ms BIGINT NOT NULL
);

CREATE TABLE dromedary_idempotency (
  project VARCHAR(128) NOT NULL,
  idempotency_key VARCHAR(255) NOT NULL,
  body_hash VARCHAR(64) NOT NULL,
  request_id VARCHAR(128) NOT NULL,
  state VARCHAR(12) NOT NULL,
  node VARCHAR(64) NOT NULL,
  status INTEGER NOT NULL,
  content_type VARCHAR(128) NOT NULL,
  answer ${bytes},
  created_at_ms BIGINT NOT NULL,
  expires_at_ms BIGINT NOT NULL,
  PRIMARY KEY (project, idempotency_key)
);
CREATE INDEX dromedary_idempotency_by_expiry ON dromedary_idempotency (expires_at_ms);
