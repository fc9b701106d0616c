-- Sums over the ledger, so that a report reads few rows: per hour or day, and per set of dimensions (Cuboid.java; columns a set lacks are ''). Counts are INTEGER since both stores add them up faster.
CREATE TABLE dromedary_rollups (
  kind INTEGER NOT NULL,
  starts BIGINT NOT NULL,
  digest VARCHAR(32) NOT NULL,
  project VARCHAR(128) NOT NULL,
  key_id VARCHAR(128) NOT NULL,
  user_id VARCHAR(128) NOT NULL,
  agent VARCHAR(128) NOT NULL,
  provider VARCHAR(64) NOT NULL,
  model VARCHAR(256) NOT NULL,
  tier VARCHAR(16) NOT NULL,
  task VARCHAR(64) NOT NULL,
  domain VARCHAR(64) NOT NULL,
  tags VARCHAR(1024) NOT NULL,
  baseline VARCHAR(256) NOT NULL,
  requests INTEGER NOT NULL,
  succeeded INTEGER NOT NULL,
  hits INTEGER NOT NULL,
  input BIGINT NOT NULL,
  cache_read BIGINT NOT NULL,
  cache_write BIGINT NOT NULL,
  output BIGINT NOT NULL,
  reasoning BIGINT NOT NULL,
  cost_nanos BIGINT NOT NULL,
  cache_saved_nanos BIGINT NOT NULL,
  routing_saved_nanos BIGINT NOT NULL,
  total_us BIGINT NOT NULL,
  l00 INTEGER NOT NULL, l01 INTEGER NOT NULL, l02 INTEGER NOT NULL, l03 INTEGER NOT NULL, l04 INTEGER NOT NULL, l05 INTEGER NOT NULL, l06 INTEGER NOT NULL, l07 INTEGER NOT NULL,
  l08 INTEGER NOT NULL, l09 INTEGER NOT NULL, l10 INTEGER NOT NULL, l11 INTEGER NOT NULL, l12 INTEGER NOT NULL, l13 INTEGER NOT NULL, l14 INTEGER NOT NULL, l15 INTEGER NOT NULL,
  l16 INTEGER NOT NULL, l17 INTEGER NOT NULL, l18 INTEGER NOT NULL, l19 INTEGER NOT NULL, l20 INTEGER NOT NULL, l21 INTEGER NOT NULL, l22 INTEGER NOT NULL, l23 INTEGER NOT NULL,
  min_seq BIGINT NOT NULL,
  max_seq BIGINT NOT NULL,
  PRIMARY KEY (kind, starts, digest)
);

-- All rows of the ledger below this key are in the sums, none from there on. Locked by the node that folds; the version grows with each change.
CREATE TABLE dromedary_rollup_state (
  id INTEGER NOT NULL PRIMARY KEY,
  folded_seq BIGINT NOT NULL,
  version BIGINT NOT NULL,
  checked_day BIGINT NOT NULL
);
INSERT INTO dromedary_rollup_state (id, folded_seq, version, checked_day) VALUES (1, 0, 0, 0);
