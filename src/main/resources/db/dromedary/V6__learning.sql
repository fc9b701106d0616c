-- What callers said of answers: every revision is kept, the latest counts.
CREATE TABLE dromedary_feedback (
  request_id VARCHAR(128) NOT NULL,
  revision INTEGER NOT NULL,
  latest BOOLEAN NOT NULL,
  project VARCHAR(128) NOT NULL,
  key_id VARCHAR(128) NOT NULL,
  model VARCHAR(256) NOT NULL,
  task VARCHAR(64) NOT NULL,
  tier VARCHAR(16) NOT NULL,
  score DOUBLE PRECISION NOT NULL,
  outcome VARCHAR(8) NOT NULL,
  remark VARCHAR(2000) NOT NULL,
  created_at_ms BIGINT NOT NULL,
  PRIMARY KEY (request_id, revision)
);

-- What each node has learned: sums that fade with time, as of at_ms. What is known is the sum over the nodes, so nobody overwrites anybody.
CREATE TABLE dromedary_learning (
  node VARCHAR(64) NOT NULL,
  model VARCHAR(256) NOT NULL,
  task VARCHAR(64) NOT NULL,
  tier VARCHAR(16) NOT NULL,
  good DOUBLE PRECISION NOT NULL,
  told DOUBLE PRECISION NOT NULL,
  sound DOUBLE PRECISION NOT NULL,
  unsound DOUBLE PRECISION NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (node, model, task, tier)
);

-- When what was learned of a model ('' for all) was forgotten: every node forgets its share.
CREATE TABLE dromedary_learning_resets (
  model VARCHAR(256) NOT NULL PRIMARY KEY,
  at_ms BIGINT NOT NULL
);

-- Feature flags that were set at run time; all others are as configured.
CREATE TABLE dromedary_flags (
  name VARCHAR(128) NOT NULL PRIMARY KEY,
  enabled BOOLEAN NOT NULL,
  percentage INTEGER NOT NULL,
  changed_at_ms BIGINT NOT NULL
);

-- Which arm of which experiment a request was in, and what came of it.
CREATE TABLE dromedary_exposures (
  request_id VARCHAR(128) NOT NULL PRIMARY KEY,
  experiment VARCHAR(64) NOT NULL,
  arm VARCHAR(64) NOT NULL,
  answered BOOLEAN NOT NULL,
  escalated BOOLEAN NOT NULL,
  cost_nanos BIGINT NOT NULL,
  total_us BIGINT NOT NULL,
  at_ms BIGINT NOT NULL
);
CREATE INDEX dromedary_exposures_by_arm ON dromedary_exposures (experiment, arm);
