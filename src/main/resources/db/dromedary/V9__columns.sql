-- The ledger's rows once more, by column and packed (Columns.java), for what no set of sums tells apart: some thousands of requests in a row, those of a span of keys. Made from the ledger alone, and anew where it changes; `made` is the version of the sums that it came with.
CREATE TABLE dromedary_columns (
  from_seq BIGINT NOT NULL PRIMARY KEY,
  until_seq BIGINT NOT NULL,
  made BIGINT NOT NULL,
  min_ms BIGINT NOT NULL,
  max_ms BIGINT NOT NULL,
  requests INTEGER NOT NULL,
  names ${bytes} NOT NULL,
  content ${bytes} NOT NULL
);

-- What is in the ledger already is summed up anew, with its columns, after the next start; until then reports read the ledger itself.
DELETE FROM dromedary_rollups;
UPDATE dromedary_rollup_state SET folded_seq = 0, version = version + 1, checked_day = 0;
