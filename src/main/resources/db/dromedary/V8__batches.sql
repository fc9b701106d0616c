-- Files of callers and batches over them. All of it is here and nothing on a node's disk, so that any node of the store can go on with a batch whose node has died.
CREATE TABLE dromedary_files (
  id            VARCHAR(64)  NOT NULL PRIMARY KEY,
  project       VARCHAR(128) NOT NULL,
  filename      VARCHAR(255) NOT NULL,
  purpose       VARCHAR(32)  NOT NULL,
  bytes         BIGINT       NOT NULL,
  ready         BOOLEAN      NOT NULL,
  batch_id      VARCHAR(64),
  created_at_ms BIGINT       NOT NULL
);
CREATE INDEX dromedary_files_by_project ON dromedary_files (project, created_at_ms);

CREATE TABLE dromedary_file_chunks (
  file_id  VARCHAR(64) NOT NULL,
  chunk_no INT         NOT NULL,
  content  ${bytes}    NOT NULL,
  PRIMARY KEY (file_id, chunk_no)
);

CREATE TABLE dromedary_batches (
  id                VARCHAR(64)    NOT NULL PRIMARY KEY,
  project           VARCHAR(128)   NOT NULL,
  key_id            VARCHAR(128)   NOT NULL,
  entry             VARCHAR(16)    NOT NULL,
  endpoint          VARCHAR(64)    NOT NULL,
  input_file_id     VARCHAR(64)    NOT NULL,
  completion_window VARCHAR(16)    NOT NULL,
  metadata          VARCHAR(20000),
  status            VARCHAR(16)    NOT NULL,
  total             INT            NOT NULL,
  completed         INT            NOT NULL,
  failed            INT            NOT NULL,
  errors            VARCHAR(100000),
  output_file_id    VARCHAR(64),
  error_file_id     VARCHAR(64),
  created_at_ms     BIGINT         NOT NULL,
  expires_at_ms     BIGINT         NOT NULL,
  in_progress_at_ms BIGINT,
  finalizing_at_ms  BIGINT,
  completed_at_ms   BIGINT,
  failed_at_ms      BIGINT,
  expired_at_ms     BIGINT,
  cancelling_at_ms  BIGINT,
  cancelled_at_ms   BIGINT,
  lease_node        VARCHAR(64),
  lease_until_ms    BIGINT         NOT NULL,
  source            VARCHAR(1024),
  outbox_node       VARCHAR(64),
  outbox_name       VARCHAR(255)
);
CREATE INDEX dromedary_batches_by_project ON dromedary_batches (project, created_at_ms);
CREATE INDEX dromedary_batches_by_status ON dromedary_batches (status);
CREATE INDEX dromedary_batches_by_outbox ON dromedary_batches (outbox_node);

-- One row per answered line: its key is what makes the output exactly-once.
CREATE TABLE dromedary_batch_lines (
  batch_id VARCHAR(64) NOT NULL,
  line_no  INT         NOT NULL,
  good     BOOLEAN     NOT NULL,
  bytes    INT         NOT NULL,
  content  ${bytes}    NOT NULL,
  PRIMARY KEY (batch_id, line_no)
);
