-- Money held for requests that wait in a provider's own batch, for a day and across restarts. The rows belong to no process: no recovery charges them. A row goes in the transaction that settles its request.
CREATE TABLE dromedary_standing (
  request_id VARCHAR(128) NOT NULL PRIMARY KEY,
  batch_id VARCHAR(64) NOT NULL,
  project VARCHAR(128) NOT NULL,
  provider VARCHAR(64) NOT NULL,
  model VARCHAR(256) NOT NULL,
  price_version VARCHAR(320),
  reserved_nanos BIGINT NOT NULL,
  purses VARCHAR(512),
  started_at_ms BIGINT NOT NULL
);
CREATE INDEX dromedary_standing_by_batch ON dromedary_standing (batch_id);

-- Batches at providers: each has lines of one batch of ours, for one provider, endpoint and model. Gone when all its lines are answered or walk.
CREATE TABLE dromedary_lots (
  id VARCHAR(64) NOT NULL PRIMARY KEY,
  batch_id VARCHAR(64) NOT NULL,
  provider VARCHAR(64) NOT NULL,
  endpoint VARCHAR(64) NOT NULL,
  model VARCHAR(256) NOT NULL,
  requests INT NOT NULL,
  state VARCHAR(16) NOT NULL,
  their_id VARCHAR(255),
  done INT NOT NULL,
  tries INT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  sent_at_ms BIGINT NOT NULL,
  leave_at_ms BIGINT NOT NULL
);
CREATE INDEX dromedary_lots_by_batch ON dromedary_lots (batch_id);

-- Lines that wait in one, or are to be asked one by one since they found no answer there (content is null then). A line's row goes when its answer is kept.
CREATE TABLE dromedary_rides (
  batch_id VARCHAR(64) NOT NULL,
  line_no INT NOT NULL,
  custom_id VARCHAR(512) NOT NULL,
  request_id VARCHAR(128) NOT NULL,
  lot_id VARCHAR(64),
  provider VARCHAR(64) NOT NULL,
  model VARCHAR(256) NOT NULL,
  inputs INT NOT NULL,
  bytes INT NOT NULL,
  ticket VARCHAR(100000),
  asked ${bytes},
  content ${bytes},
  PRIMARY KEY (batch_id, line_no)
);
CREATE INDEX dromedary_rides_by_lot ON dromedary_rides (lot_id, line_no);
