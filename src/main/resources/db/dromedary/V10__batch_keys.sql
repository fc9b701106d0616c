-- Idempotency keys of uploads and batches: what a request with that key made. They live for a day, or until what they made is gone.
CREATE TABLE dromedary_batch_keys (
  project VARCHAR(128) NOT NULL,
  idempotency_key VARCHAR(255) NOT NULL,
  request_hash VARCHAR(64) NOT NULL,
  object_id VARCHAR(64) NOT NULL,
  created_at_ms BIGINT NOT NULL,
  PRIMARY KEY (project, idempotency_key)
);
