package io.dromedary.camel;

import org.apache.camel.Endpoint;
import org.apache.camel.component.kafka.KafkaConfiguration;
import org.apache.camel.component.kafka.KafkaEndpoint;

/** What a Kafka sink of cost events must promise before the outbox forgets an event. */
final class KafkaSink {
  private KafkaSink() {}

  /** @throws IllegalArgumentException when it would call an event delivered that replicas may still lose or have twice */
  static void check(Endpoint endpoint, String name) {
    KafkaConfiguration kafka = ((KafkaEndpoint) endpoint).getConfiguration();
    if (!("all".equals(kafka.getRequestRequiredAcks()) || "-1".equals(kafka.getRequestRequiredAcks())) || !kafka.isEnableIdempotence()) {
      throw new IllegalArgumentException("the sink `" + name + "` must keep requestRequiredAcks=all and enableIdempotence=true; it has " + kafka.getRequestRequiredAcks() + " and " + kafka.isEnableIdempotence());
    }
  }
}
