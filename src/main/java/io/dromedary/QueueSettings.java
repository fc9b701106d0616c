package io.dromedary;

import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** The settings under {@code dromedary.queues}; see {@code config/application.yaml} for units and effects. */
@ConfigurationProperties("dromedary.queues")
record QueueSettings(@DefaultValue("64") int threads, @DefaultValue("1s") Duration retryPause, @DefaultValue Replay replay, @DefaultValue Kafka kafka, @DefaultValue Jms jms) {

  /** Of dead letters: how often by the clock (zero: never), how many are looked at in one go, how often one may be put back. */
  record Replay(@DefaultValue("0s") Duration every, @DefaultValue("1000") int most, @DefaultValue("3") int times) {}

  /** Off while {@code brokers} is empty. */
  record Kafka(@DefaultValue("") String brokers, @DefaultValue("llm.requests") String requests, @DefaultValue("llm.replies") String replies, @DefaultValue("llm.requests.dlq") String deadLetters,
      @DefaultValue("dromedary") String group, @DefaultValue("") String project, @DefaultValue("1") int consumers, @DefaultValue("128") int batch, @DefaultValue("10m") Duration maxPollInterval,
      @DefaultValue("10s") Duration sessionTimeout) {
    boolean on() {
      return !brokers.isBlank();
    }
  }

  /** Off while {@code url} is empty. */
  record Jms(@DefaultValue("") String url, @DefaultValue("") String user, @DefaultValue("") String password, @DefaultValue("llm.requests") String requests, @DefaultValue("") String replies,
      @DefaultValue("llm.requests.dlq") String deadLetters, @DefaultValue("") String project, @DefaultValue("8") int consumers) {
    boolean on() {
      return !url.isBlank();
    }

    @Override
    public String toString() {
      return "Jms[" + (url.isEmpty() ? "none" : "***") + "]";
    }
  }
}
