package io.dromedary.queue;

import io.dromedary.chat.Problem;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A request that came as a message, and what has become of it so far. Its headers are an allow-list; nothing else of the message's goes on (X2).
 *
 * <p>It is idempotent by its business key (M10): {@code Idempotency-Key}, else {@code x-request-id}, else the queue's own key together with the body, else the place where the broker keeps it. The last two are hashed with the
 * body, since a key that orders messages, such as a customer's number, stands on many different requests.
 */
public final class QueueMessage {
  public static final String IDEMPOTENCY_KEY = "idempotency-key";
  public static final String REQUEST_ID = "x-request-id";
  /** The queue that a JMS reply goes to, for a dead letter that is put back. */
  public static final String REPLY_QUEUE = "x-dromedary-reply-queue";
  /** How often a dead letter was put back. */
  public static final String REPLAYS = "x-dromedary-replays";
  /** Whose it is by the settings or by a seal, not by a key: no header has such a name. */
  public static final String CALLER = ":caller";

  private static final String SEALED_CALLER = "x-dromedary-sealed-caller";
  private static final String SEAL = "x-dromedary-seal";

  private static final Set<String> OURS = Set.of(REQUEST_ID, REPLY_QUEUE, REPLAYS, SEALED_CALLER, SEAL);
  private static final Set<String> KEYS = Set.of("authorization", "x-api-key", "api-key");
  private static final String PREFIX = "x-dromedary-";
  private static final String DEAD = "x-dromedary-dead-";
  private static final int LONGEST_VALUE = 1_024;
  /** Of a letter that must be short: body and headers. */
  private static final int SHORT_BODY = 65_536;
  private static final int SHORT_HEADERS = 64;

  /** Of one message by its broker. Brokers give up after some ten, often without a word. */
  static final int MOST_DELIVERIES = 5;

  private static final String REPLAYABLE = DEAD + "replayable";

  private enum State { OPEN, WAITING, ANSWERED, DEAD }

  private final String entry;
  private final String place;
  private final byte @Nullable [] key;
  private final byte[] body;
  private final @Nullable String refusal;
  private final Map<String, String> headers;
  private final Seal seal;
  private final String idempotencyKey;
  private final String caller;
  private State state = State.OPEN;
  private int tries;
  private Duration pause = Duration.ZERO;
  private @Nullable Problem problem;
  private int status;
  private Map<String, String> replyHeaders = Map.of();
  private byte[] reply = new byte[0];
  private boolean addressed = true;
  private String askedBy = "";
  private int deliveries = 1;
  private boolean cut;
  private volatile boolean done;

  /**
   * @param entry {@code kafka} or {@code jms}
   * @param place where the broker keeps it, unique: for people, and for messages without any other key
   * @param key the queue's own key: Kafka's record key, JMS's correlation id; null for none
   * @param body what was sent, empty when it cannot be read
   * @param refusal why it cannot be read, null if it can
   * @param headers as the queue has them, names in lower case; all but an allow-list is dropped
   * @param project whose it is by the settings, "" when the message says it by a key
   * @param seal proves whose a dead letter was that was put back
   */
  public QueueMessage(String entry, String place, byte @Nullable [] key, byte[] body, @Nullable String refusal, Map<String, String> headers, String project, Seal seal) {
    this.entry = entry;
    this.place = place;
    this.key = key;
    this.body = body;
    this.refusal = refusal;
    this.seal = seal;
    Map<String, String> kept = new HashMap<>(8);
    headers.forEach((name, value) -> {
      // an idempotency key that is none is refused, not left out: its request must not run twice unnoticed
      if (name.equals(IDEMPOTENCY_KEY) || means(name) && value.length() <= LONGEST_VALUE && value.chars().noneMatch(c -> c < 32 || c == 127)) {
        kept.put(name, value);
      }
    });
    this.headers = Map.copyOf(kept);
    this.idempotencyKey = idempotencyKey();
    String sealed = this.headers.getOrDefault(SEALED_CALLER, "");
    this.caller = !project.isEmpty() ? project : !sealed.isEmpty() && seal.fits(this.headers.get(SEAL), sealed, idempotencyKey, body) ? sealed : "";
  }

  /** Does a header of that name, in lower case, mean anything? One that does must not be given twice. */
  public static boolean means(String name) {
    return KEYS.contains(name) || name.equals(REQUEST_ID) || name.equals(IDEMPOTENCY_KEY) || name.startsWith(PREFIX) && !name.startsWith(DEAD);
  }

  private String idempotencyKey() {
    String named = headers.get(IDEMPOTENCY_KEY);
    if (named != null) {
      return named;
    }
    String id = headers.get(REQUEST_ID);
    if (id != null && !id.isBlank()) {
      return entry + "-id-" + hash(id.getBytes(StandardCharsets.UTF_8), new byte[0]);
    }
    return key == null || key.length == 0 ? entry + "-at-" + hash(place.getBytes(StandardCharsets.UTF_8), body) : entry + "-key-" + hash(key, body);
  }

  private static String hash(byte[] first, byte[] second) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update((first.length + ":").getBytes(StandardCharsets.US_ASCII));
      digest.update(first);
      return HexFormat.of().formatHex(digest.digest(second));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  /** What the ingress lets through: the words that mean something at every entry. */
  public Map<String, String> metadata() {
    Map<String, String> metadata = new HashMap<>(headers);
    metadata.keySet().removeAll(OURS);
    metadata.put(IDEMPOTENCY_KEY, idempotencyKey);
    if (!caller.isEmpty()) {
      metadata.put(CALLER, caller);
    }
    return metadata;
  }

  /** The request. @throws Problem 400 when the message is none that can be read, 500 when its broker has given it out too often */
  public byte[] bytes() {
    if (deliveries > MOST_DELIVERIES) {
      throw new Problem(500, "server_error", "the message was given out " + (deliveries - 1) + " times and not settled: its reply could not be sent, or the gateway was stopped each time. What it was answered is kept for a day").code("redelivered_too_often");
    }
    if (refusal != null) {
      throw Problem.badRequest(refusal).code("invalid_body");
    }
    return body;
  }

  void answered(int status, Map<String, String> headers, byte[] body) {
    this.state = State.ANSWERED;
    this.status = status;
    this.replyHeaders = headers;
    this.reply = body;
  }

  /** @return which try that was, from 1 */
  int failed() {
    return ++tries;
  }

  void waits(Duration pause) {
    this.state = State.WAITING;
    this.pause = pause;
  }

  void goesOn() {
    this.state = State.OPEN;
  }

  void dies(Problem why) {
    this.state = State.DEAD;
    this.problem = why;
  }

  /** Its letter is to be short: the topic takes no longer ones. */
  void cut() {
    cut = true;
  }

  /** Who asked, by {@code project/key}: its dead letter is sealed with that. */
  void asked(String by) {
    askedBy = by;
  }

  void settled() {
    done = true;
  }

  // What routes ask

  public boolean isOpen() {
    return state == State.OPEN || state == State.WAITING;
  }

  public boolean isWaiting() {
    return state == State.WAITING;
  }

  public boolean isDead() {
    return state == State.DEAD;
  }

  public boolean isDone() {
    return done;
  }

  public String getEntry() {
    return entry;
  }

  public byte @Nullable [] getKey() {
    return cut && key != null && key.length > LONGEST_VALUE ? java.util.Arrays.copyOf(key, LONGEST_VALUE) : key;
  }

  /** JMS's key as the text that it is, null for none. */
  public @Nullable String getCorrelation() {
    return key == null ? null : new String(key, StandardCharsets.UTF_8);
  }

  /** Does it say itself where its reply goes? */
  public boolean isAddressed() {
    return addressed;
  }

  /** Its reply goes where the settings say. */
  public QueueMessage withoutAddress() {
    addressed = false;
    return this;
  }

  /** @param times how often its broker has given it out, this time too */
  public QueueMessage delivered(int times) {
    deliveries = times;
    return this;
  }

  Duration pause() {
    return pause;
  }

  public String place() {
    return place;
  }

  int tries() {
    return tries;
  }

  // What goes out

  /** The body of the reply: an answer or OpenAI's error object. */
  public byte[] replyBody() {
    return reply;
  }

  /** The contract's headers; {@code x-request-id} is the caller's own where it gave one, ours stands in {@code x-dromedary-request-id}. */
  public Map<String, String> replyHeaders() {
    Map<String, String> all = new LinkedHashMap<>(replyHeaders);
    all.put("content-type", "application/json");
    all.put("x-dromedary-status", Integer.toString(status));
    String ours = all.get(REQUEST_ID);
    if (ours != null) {
      all.put("x-dromedary-request-id", ours);
    }
    String own = headers.get(REQUEST_ID);
    if (own != null) {
      all.put(REQUEST_ID, own);
    }
    return all;
  }

  /** The dead letter's body: the message as it came, or its beginning when it is longer than {@code most}. */
  public byte[] letterBody(int most) {
    return body.length <= (cut ? SHORT_BODY : most) ? body : java.util.Arrays.copyOf(body, Math.min(body.length, SHORT_BODY));
  }

  /** Why, where from, and the message's own headers without its keys. */
  public Map<String, String> letterHeaders() {
    Map<String, String> all = new LinkedHashMap<>();
    headers.forEach((name, value) -> {
      if (!KEYS.contains(name) && (!cut || OURS.contains(name) || all.size() < SHORT_HEADERS && name.length() + value.length() < LONGEST_VALUE)) {
        all.put(name, value);
      }
    });
    // a replay is the same request, also when it had no key but its place
    all.put(IDEMPOTENCY_KEY, idempotencyKey);
    if (!askedBy.isEmpty()) {
      all.put(SEALED_CALLER, askedBy);
      all.put(SEAL, seal.of(askedBy, idempotencyKey, body));
    }
    Problem why = problem == null ? Problem.internal("it was given up") : problem;
    all.put(DEAD + "code", String.valueOf(why.code()));
    all.put(DEAD + "reason", plain(String.valueOf(why.getMessage())));
    all.put(DEAD + "status", Integer.toString(why.status()));
    all.put(DEAD + "tries", Integer.toString(tries));
    all.put(DEAD + "from", place);
    all.put(DEAD + "bytes", Integer.toString(body.length));
    // 5xx: what failed is not in the message; one that is here in part only would be another request
    all.put(REPLAYABLE, Boolean.toString(why.status() >= 500 && !(cut && body.length > SHORT_BODY)));
    if (cut) {
      all.replaceAll((name, value) -> value.length() <= LONGEST_VALUE ? value : value.substring(0, LONGEST_VALUE));
    }
    return all;
  }

  /**
   * The headers to put a dead letter back with, names in lower case.
   *
   * @return null when it stays where it is: what is wrong is in the message, or it was put back often enough
   */
  public static @Nullable Map<String, String> again(Map<String, String> letter, int most) {
    int replays;
    try {
      replays = Integer.parseInt(letter.getOrDefault(REPLAYS, "0"));
    } catch (NumberFormatException e) {
      return null;
    }
    if (!"true".equals(letter.get(REPLAYABLE)) || replays < 0 || replays >= most) {
      return null;
    }
    Map<String, String> headers = new LinkedHashMap<>(letter);
    headers.keySet().removeIf(name -> name.startsWith(DEAD));
    headers.put(REPLAYS, Integer.toString(replays + 1));
    return headers;
  }

  private static String plain(String text) {
    StringBuilder out = new StringBuilder(Math.min(text.length(), 500));
    for (int i = 0; i < text.length() && out.length() < 500; i++) {
      char c = text.charAt(i);
      out.append(c >= 32 && c != 127 ? c : ' ');
    }
    return out.toString();
  }

  @Override
  public String toString() {
    return entry + " " + place;
  }
}
