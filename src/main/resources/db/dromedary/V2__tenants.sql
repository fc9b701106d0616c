-- Who a request was made for, and by which agent: for reports, budgets and erasure. The user is what the client calls it, or the key's; an erasure blanks it.
ALTER TABLE dromedary_requests ADD COLUMN user_id VARCHAR(128) DEFAULT '' NOT NULL;
ALTER TABLE dromedary_requests ADD COLUMN agent VARCHAR(128) DEFAULT '' NOT NULL;

-- Projects, keys and agents that the admin made; those of the files are not here. A definition is JSON in the words of callers.yaml and agents.yaml.
CREATE TABLE dromedary_projects (
  id VARCHAR(64) NOT NULL PRIMARY KEY,
  definition TEXT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  updated_at_ms BIGINT NOT NULL
);

-- A row without a definition only revokes a key of the file.
CREATE TABLE dromedary_keys (
  project VARCHAR(64) NOT NULL,
  id VARCHAR(64) NOT NULL,
  sha256 VARCHAR(64) NOT NULL,
  last4 VARCHAR(4) NOT NULL,
  definition TEXT,
  created_at_ms BIGINT NOT NULL,
  revoked_at_ms BIGINT,
  PRIMARY KEY (project, id)
);
CREATE UNIQUE INDEX dromedary_keys_by_digest ON dromedary_keys (sha256);

-- The owner is `*`, `org:<org>` or `project:<project>`.
CREATE TABLE dromedary_agents (
  owner VARCHAR(80) NOT NULL,
  name VARCHAR(64) NOT NULL,
  definition TEXT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  updated_at_ms BIGINT NOT NULL,
  PRIMARY KEY (owner, name)
);

-- Grows with every change of the three above; every node looks at it each second.
CREATE TABLE dromedary_access (
  id INTEGER NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL
);
INSERT INTO dromedary_access (id, version) VALUES (1, 0);

-- What was said in agents' conversations, a row per turn.
CREATE TABLE dromedary_turns (
  project VARCHAR(64) NOT NULL,
  agent VARCHAR(64) NOT NULL,
  conversation VARCHAR(200) NOT NULL,
  number INTEGER NOT NULL,
  request_id VARCHAR(128) NOT NULL,
  user_id VARCHAR(128) NOT NULL,
  messages TEXT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  PRIMARY KEY (project, agent, conversation, number)
);
CREATE INDEX dromedary_turns_by_time ON dromedary_turns (created_at_ms);

-- Every admin action and the use of keys, each row chained to the one before by SHA-256. Rows are only ever added; the head is locked while one is.
CREATE TABLE dromedary_audit (
  seq BIGINT NOT NULL PRIMARY KEY,
  at_ms BIGINT NOT NULL,
  node VARCHAR(64) NOT NULL,
  kind VARCHAR(16) NOT NULL,
  actor VARCHAR(160) NOT NULL,
  method VARCHAR(16) NOT NULL,
  path VARCHAR(512) NOT NULL,
  status INTEGER NOT NULL,
  times BIGINT NOT NULL,
  body_sha256 VARCHAR(64) NOT NULL,
  request_id VARCHAR(128) NOT NULL,
  detail VARCHAR(1024) NOT NULL,
  previous VARCHAR(64) NOT NULL,
  hash VARCHAR(64) NOT NULL
);
CREATE TABLE dromedary_audit_head (
  id INTEGER NOT NULL PRIMARY KEY,
  seq BIGINT NOT NULL,
  hash VARCHAR(64) NOT NULL
);
INSERT INTO dromedary_audit_head (id, seq, hash) VALUES (1, 0, '');

-- What an admin request with an Idempotency-Key was answered.
CREATE TABLE dromedary_admin_replies (
  idempotency_key VARCHAR(255) NOT NULL PRIMARY KEY,
  request_hash VARCHAR(64) NOT NULL,
  status INTEGER NOT NULL,
  body TEXT,
  created_at_ms BIGINT NOT NULL
);
