package io.dromedary.queue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts dead letters back among the requests, a bounded number of times each: those that died of what was around them (5xx). What is wrong in the message itself stays. The bean {@code deadLetters} of routes, by the clock or by the
 * admin.
 */
public final class DeadLetters {
  private static final Logger LOG = LoggerFactory.getLogger(DeadLetters.class);
  private static final int MOST_AT_ONCE = 100_000;

  /** The dead letters of one entry. */
  public interface Box {
    String entry();

    /**
     * Looks at the letters that are there now and puts back those that may go.
     *
     * @param most letters looked at
     * @param times how often a letter may be put back
     * @throws Exception when the broker cannot be reached; what was put back by then is
     */
    Outcome putBack(int most, int times) throws Exception;
  }

  /** How many were put back, and how many stay. */
  public record Outcome(int replayed, int kept) {}

  private final List<Box> boxes = new ArrayList<>();
  private final int most;
  private final int times;
  private final ReentrantLock one = new ReentrantLock();

  /**
   * @param most letters looked at in one go
   * @param times how often a letter may be put back
   */
  public DeadLetters(int most, int times) {
    this.most = most;
    this.times = times;
  }

  /** At the start, for each entry that is on. */
  public void add(Box box) {
    boxes.add(box);
  }

  /** By the clock. Never throws: the next time comes. */
  public void replay() {
    one.lock();
    try {
      for (Box box : boxes) {
        try {
          Outcome outcome = box.putBack(most, times);
          if (outcome.replayed() > 0) {
            LOG.info("{} dead letters of {} were put back, {} stay", outcome.replayed(), box.entry(), outcome.kept());
          }
        } catch (Exception e) {
          LOG.warn("the dead letters of {} could not be replayed: {}", box.entry(), e.toString());
        }
      }
    } finally {
      one.unlock();
    }
  }

  /** {@code POST /admin/dead-letters/replay} with {@code {"most"?: n}}. @throws Problem 400 for anything else or without a queue, 503 when a broker cannot be reached */
  public ObjectNode putBack(Inbound in) {
    ObjectNode asked = in.body().length == 0 ? Json.object() : Json.readStrictly(in.body());
    asked.fieldNames().forEachRemaining(field -> {
      if (!field.equals("most")) {
        throw Problem.badField(Problem.clip(field), "`" + Problem.clip(field) + "` means nothing here; `most` does");
      }
    });
    JsonNode number = asked.path("most");
    if (!number.isMissingNode() && !(number.isIntegralNumber() && number.canConvertToInt() && number.intValue() >= 1 && number.intValue() <= MOST_AT_ONCE)) {
      throw Problem.badField("most", "`most` must be a whole number from 1 to " + MOST_AT_ONCE);
    }
    if (boxes.isEmpty()) {
      throw Problem.badRequest("no queue is configured (KAFKA_BROKERS, JMS_URL), so there are no dead letters").code("no_queue");
    }
    ObjectNode page = Json.object().put("object", "replay");
    one.lock();
    try {
      for (Box box : boxes) {
        Outcome outcome = box.putBack(number.isMissingNode() ? most : number.intValue(), times);
        page.putObject(box.entry()).put("replayed", outcome.replayed()).put("kept", outcome.kept());
      }
    } catch (Exception e) {
      LOG.warn("dead letters could not be replayed: {}", e.toString());
      throw new Problem(503, "service_unavailable_error", "a broker cannot be reached; what was put back by then is").code("broker_unavailable").retryAfter(Duration.ofSeconds(5));
    } finally {
      one.unlock();
    }
    return page;
  }
}
