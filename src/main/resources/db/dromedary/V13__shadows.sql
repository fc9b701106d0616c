-- What came of asking a second model the same request: figures of both answers, no words. The call itself is a request of the ledger.
CREATE TABLE dromedary_shadows (
  request_id VARCHAR(128) NOT NULL PRIMARY KEY,
  shadow_id VARCHAR(128) NOT NULL,
  project VARCHAR(128) NOT NULL,
  served_model VARCHAR(256) NOT NULL,
  shadow_model VARCHAR(256) NOT NULL,
  outcome VARCHAR(64) NOT NULL,
  agreement DOUBLE PRECISION,
  measure VARCHAR(16) NOT NULL,
  served_cost_nanos BIGINT NOT NULL,
  shadow_cost_nanos BIGINT NOT NULL,
  served_us BIGINT NOT NULL,
  shadow_us BIGINT NOT NULL,
  served_output BIGINT NOT NULL,
  shadow_output BIGINT NOT NULL,
  created_at_ms BIGINT NOT NULL
);
