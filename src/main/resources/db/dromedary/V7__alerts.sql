-- What people were told of, and are told of now: a row per time that a rule fires for a subject. The open key is empty while it lasts and the row's id afterwards, so that one at most is open, whichever node sees it first.
CREATE TABLE dromedary_alerts (
  id VARCHAR(40) NOT NULL PRIMARY KEY,
  rule VARCHAR(64) NOT NULL,
  kind VARCHAR(32) NOT NULL,
  subject VARCHAR(320) NOT NULL,
  project VARCHAR(128) NOT NULL,
  open_key VARCHAR(40) NOT NULL,
  severity VARCHAR(16) NOT NULL,
  summary VARCHAR(512) NOT NULL,
  mark BIGINT NOT NULL,
  started_at_ms BIGINT NOT NULL,
  seen_at_ms BIGINT NOT NULL,
  lasts_until_ms BIGINT NOT NULL,
  told_at_ms BIGINT NOT NULL,
  times_told INTEGER NOT NULL,
  resolved_at_ms BIGINT,
  acked_at_ms BIGINT,
  note VARCHAR(256)
);
CREATE UNIQUE INDEX dromedary_alerts_open ON dromedary_alerts (rule, subject, open_key);
CREATE INDEX dromedary_alerts_by_time ON dromedary_alerts (started_at_ms);

-- Each process's counts of a minute, for rules that look at requests; kept for a day.
CREATE TABLE dromedary_pulse (
  minute_of BIGINT NOT NULL,
  node VARCHAR(36) NOT NULL,
  scope VARCHAR(16) NOT NULL,
  subject VARCHAR(256) NOT NULL,
  requests BIGINT NOT NULL,
  failed BIGINT NOT NULL,
  hits BIGINT NOT NULL,
  cost_nanos BIGINT NOT NULL,
  slow VARCHAR(1024) NOT NULL,
  PRIMARY KEY (minute_of, node, scope, subject)
);
