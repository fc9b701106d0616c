package io.dromedary.camel;

import io.dromedary.queue.QueueMessage;
import io.dromedary.queue.Seal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.camel.Exchange;
import org.apache.camel.Message;
import org.apache.camel.Processor;
import org.apache.camel.component.kafka.KafkaConstants;
import org.apache.camel.component.kafka.consumer.KafkaManualCommit;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;

/**
 * The records of one poll as lanes: those of one key one after the other, different keys beside each other. Offsets are committed when all that stands before them in their partition is done, replies and dead letters included: what
 * was not is delivered again, and its key tells (M10).
 */
public final class KafkaBatch implements Processor {
  private final String project;
  private final Seal seal;

  /** @param project whose all messages are, "" when each says it by a key */
  public KafkaBatch(String project, Seal seal) {
    this.project = project;
    this.seal = seal;
  }

  /** What was polled, in the order of the partitions, and as lanes. */
  public static final class Batch {
    private final List<QueueMessage> messages = new ArrayList<>();
    private final List<KafkaManualCommit> commits = new ArrayList<>();
    private final List<String> partitions = new ArrayList<>();
    private final List<List<QueueMessage>> lanes = new ArrayList<>();

    public List<List<QueueMessage>> getLanes() {
      return lanes;
    }
  }

  @Override
  public void process(Exchange exchange) {
    Batch batch = new Batch();
    Map<ByteBuffer, List<QueueMessage>> byKey = new LinkedHashMap<>();
    for (Object one : exchange.getMessage().getBody(List.class)) {
      Message record = ((Exchange) one).getMessage();
      QueueMessage message = message(record);
      batch.messages.add(message);
      batch.commits.add(record.getHeader(KafkaConstants.MANUAL_COMMIT, KafkaManualCommit.class));
      batch.partitions.add(record.getHeader(KafkaConstants.TOPIC) + "/" + record.getHeader(KafkaConstants.PARTITION));
      byte[] key = message.getKey();
      if (key == null) {
        batch.lanes.add(List.of(message));
      } else {
        byKey.computeIfAbsent(ByteBuffer.wrap(key), each -> new ArrayList<>(1)).add(message);
      }
    }
    batch.lanes.addAll(byKey.values());
    exchange.setVariable("batch", batch);
    exchange.getMessage().removeHeaders("*");
    exchange.getMessage().setBody(null);
  }

  private QueueMessage message(Message record) {
    String place = record.getHeader(KafkaConstants.TOPIC) + "/" + record.getHeader(KafkaConstants.PARTITION) + "@" + record.getHeader(KafkaConstants.OFFSET);
    Map<String, String> headers = new HashMap<>(8);
    String refusal = null;
    for (Header header : (Headers) record.getHeader(KafkaConstants.HEADERS)) {
      String name = header.key().toLowerCase(Locale.ROOT);
      String value = header.value() == null ? "" : new String(header.value(), StandardCharsets.UTF_8);
      String before = headers.put(name, value);
      if (before != null && !before.equals(value) && QueueMessage.means(name)) {
        refusal = "the record header `" + io.dromedary.chat.Problem.clip(name) + "` was given twice, with two values";
      }
    }
    byte @Nullable [] body = (byte[]) record.getBody();
    if (body == null) {
      refusal = "the record has no value";
    }
    return new QueueMessage("kafka", place, (byte[]) record.getHeader(KafkaConstants.KEY), body == null ? new byte[0] : body, refusal, headers, project, seal);
  }

  /**
   * Commits what is done.
   *
   * @throws IllegalStateException when not all is: the consumer then starts again from what was committed
   */
  public void commit(Batch batch) {
    Map<String, KafkaManualCommit> upTo = new LinkedHashMap<>();
    Map<String, Boolean> cut = new HashMap<>();
    int open = 0;
    for (int i = 0; i < batch.messages.size(); i++) {
      String partition = batch.partitions.get(i);
      if (!batch.messages.get(i).isDone()) {
        open++;
        cut.put(partition, true);
      } else if (!cut.containsKey(partition)) {
        upTo.put(partition, batch.commits.get(i));
      }
    }
    upTo.values().forEach(KafkaManualCommit::commit);
    if (open > 0) {
      throw new IllegalStateException(open + " of " + batch.messages.size() + " messages were not settled; they are delivered again");
    }
  }
}
