package io.dromedary;

import io.dromedary.batch.BatchLimits;
import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** The settings under {@code dromedary.batches}; see {@code config/application.yaml} for units and effects. */
@ConfigurationProperties("dromedary.batches")
record BatchSettings(@DefaultValue("") String inbox, @DefaultValue("") String outbox, @DefaultValue("default") String inboxProject, @DefaultValue("1s") Duration inboxIdle, @DefaultValue("8") int parallel, @DefaultValue("4") int atOnce,
    @DefaultValue("209715200") long maxFileBytes, @DefaultValue("2147483648") long maxProjectBytes, @DefaultValue("50000") int maxLines, @DefaultValue("100") int maxOpen, @DefaultValue("10m") Duration uploadDeadline,
    @DefaultValue("4") int tries, @DefaultValue("5s") Duration retryWait, @DefaultValue("30d") Duration retention) {

  BatchLimits limits(int longestLine) {
    if (parallel < 1 || parallel > 1_000 || atOnce < 1 || atOnce > 1_000 || maxFileBytes < 1 || maxProjectBytes < 1 || maxLines < 1 || maxOpen < 1 || tries < 1) {
      throw new IllegalStateException("`dromedary.batches`: parallel and at-once are from 1 to 1000; max-file-bytes, max-project-bytes, max-lines, max-open and tries from 1");
    }
    if (retryWait.isNegative() || retention.isNegative() || uploadDeadline.isNegative() || uploadDeadline.isZero()) {
      throw new IllegalStateException("`dromedary.batches`: retry-wait, retention and upload-deadline must not be negative");
    }
    return new BatchLimits(parallel, atOnce, maxFileBytes, maxProjectBytes, maxLines, maxOpen, longestLine, tries, retryWait, retention);
  }
}
