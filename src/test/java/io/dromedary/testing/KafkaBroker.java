package io.dromedary.testing;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.springframework.kafka.test.EmbeddedKafkaKraftBroker;

/** A real Kafka on a port of its own, one for all tests of this JVM: made with the first topics that are asked for, gone with the JVM. Groups need not wait for members, and find out within seconds who died. */
public final class KafkaBroker {
  private static EmbeddedKafkaKraftBroker broker;

  private KafkaBroker() {}

  /** Has a topic take no longer records than these. */
  public static synchronized void limit(String topic, int bytes) {
    broker.doWithAdmin(admin -> admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.TOPIC, topic),
        List.of(new AlterConfigOp(new ConfigEntry(TopicConfig.MAX_MESSAGE_BYTES_CONFIG, Integer.toString(bytes)), AlterConfigOp.OpType.SET)))));
  }

  /** @return its address */
  public static synchronized String with(int partitions, String... topics) {
    if (broker == null) {
      broker = new EmbeddedKafkaKraftBroker(1, 1);
      broker.brokerProperties(Map.of("group.initial.rebalance.delay.ms", "0", "group.min.session.timeout.ms", "1000", "offsets.topic.num.partitions", "1"));
      broker.afterPropertiesSet();
      Runtime.getRuntime().addShutdownHook(new Thread(broker::destroy));
    }
    broker.addTopics(Arrays.stream(topics).map(topic -> new NewTopic(topic, partitions, (short) 1)).toArray(NewTopic[]::new));
    return broker.getBrokersAsString();
  }
}
