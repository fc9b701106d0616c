package io.dromedary.cache;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.ModelRequest;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.Map;
import java.util.Set;

/**
 * The name of an answer: SHA-256 over everything that can change it. Two requests have one key when they ask the same of the same choice of models for the same project.
 *
 * <p>Every value goes in with its type and its length or count, so that no text can pretend to be structure. Keys of objects are sorted, lists keep their order, numbers are reduced to digits and exponent (1, 1.0 and 1e0
 * are one number). Nothing is turned into a string on the way: an image of 5 MB costs its hashing and no copy.
 */
public final class CacheKey {
  /** How it is told, who asks and labels: none of them changes what is said. A field that is not named here is part of the key, known or not. */
  private static final Set<String> LEFT_OUT =
      Set.of("stream", "stream_options", "user", "safety_identifier", "metadata", "store", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "routing");
  /** Of our {@code routing} extension: what does not change the choice. */
  private static final Set<String> ROUTING_LEFT_OUT = Set.of("session_id", "dry_run", "baseline_model");
  private static final String PREFERENCE = "x-dromedary-preference";
  /** Changes when the encoding does, so that old keys never match. */
  private static final String VERSION = "dromedary-answer-1";
  /** The same body means something else at another door. */
  private static final String VECTORS = "dromedary-vectors-1";

  private static final ObjectNode EMPTY = Json.object();

  private CacheKey() {}

  /**
   * The key as 64 hex digits.
   *
   * @param project whose answers it may share; projects that agreed to share use one name
   */
  public static String of(String project, ModelRequest request) {
    Hasher hasher = new Hasher();
    hasher.string(request instanceof EmbeddingRequest ? VECTORS : VERSION);
    hasher.string(project);
    String preference = request.hint(PREFERENCE);
    hasher.string(preference == null ? "" : preference);
    ObjectNode json = request.json();
    hasher.object(json, LEFT_OUT, true);
    if (request.routing() instanceof ObjectNode routing) {
      hasher.object(routing, ROUTING_LEFT_OUT, true);
    } else {
      hasher.object(EMPTY, Set.of(), true);
    }
    return hasher.hex();
  }

  /** Feeds a digest through one small buffer. */
  private static final class Hasher {
    private static final MessageDigest PROTOTYPE = sha256();

    private final MessageDigest digest = fresh();
    private final byte[] buffer = new byte[2_048];
    private int used;

    private static MessageDigest sha256() {
      try {
        return MessageDigest.getInstance("SHA-256");
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("every Java has SHA-256", e);
      }
    }

    /** Cloning spares the search through the security providers. */
    private static MessageDigest fresh() {
      try {
        return (MessageDigest) PROTOTYPE.clone();
      } catch (CloneNotSupportedException e) {
        return sha256();
      }
    }

    void value(JsonNode node) {
      switch (node.getNodeType()) {
        case OBJECT -> object((ObjectNode) node, Set.of(), false);
        case ARRAY -> {
          tag('A', node.size());
          for (JsonNode element : node) {
            value(element);
          }
        }
        case STRING -> string(node.textValue());
        case NUMBER -> number(node);
        case BOOLEAN -> put((byte) (node.booleanValue() ? 'T' : 'F'));
        default -> put((byte) 'Z');
      }
    }

    /** At the top a null counts as left out; deeper, in a schema say, it means something. */
    void object(ObjectNode object, Set<String> leftOut, boolean skipNulls) {
      String[] names = new String[object.size()];
      int count = 0;
      for (Iterator<Map.Entry<String, JsonNode>> fields = object.fields(); fields.hasNext();) {
        Map.Entry<String, JsonNode> field = fields.next();
        if (!leftOut.contains(field.getKey()) && !(skipNulls && field.getValue().isNull())) {
          names[count++] = field.getKey();
        }
      }
      Arrays.sort(names, 0, count);
      tag('O', count);
      for (int i = 0; i < count; i++) {
        string(names[i]);
        value(object.get(names[i]));
      }
    }

    /** UTF-8, with a lone surrogate as its three bytes: different strings always give different bytes. */
    void string(String text) {
      int length = text.length();
      tag('S', length);
      for (int i = 0; i < length; i++) {
        char c = text.charAt(i);
        if (used > buffer.length - 4) {
          flush();
        }
        if (c < 0x80) {
          buffer[used++] = (byte) c;
        } else if (c < 0x800) {
          buffer[used++] = (byte) (0xC0 | c >> 6);
          buffer[used++] = (byte) (0x80 | c & 0x3F);
        } else {
          buffer[used++] = (byte) (0xE0 | c >> 12);
          buffer[used++] = (byte) (0x80 | c >> 6 & 0x3F);
          buffer[used++] = (byte) (0x80 | c & 0x3F);
        }
      }
    }

    private static BigDecimal stripped(BigDecimal number) {
      try {
        return number.stripTrailingZeros();
      } catch (ArithmeticException exponentAtItsEnd) {
        return number;
      }
    }

    private void number(JsonNode node) {
      if (node.isIntegralNumber() && node.canConvertToLong()) {
        digits(node.longValue(), 0);
        return;
      }
      BigDecimal stripped = stripped(node.decimalValue());
      BigInteger unscaled = stripped.unscaledValue();
      if (unscaled.bitLength() < 64) {
        digits(unscaled.longValue(), -stripped.scale());
      } else {
        byte[] bytes = unscaled.toString().getBytes(StandardCharsets.US_ASCII);
        tag('M', bytes.length);
        for (byte b : bytes) {
          put(b);
        }
        int32(-stripped.scale());
      }
    }

    private void digits(long unscaled, int exponent) {
      long value = unscaled;
      int power = value == 0 ? 0 : exponent;
      while (value != 0 && value % 10 == 0) {
        value /= 10;
        power++;
      }
      put((byte) 'N');
      int32((int) (value >>> 32));
      int32((int) value);
      int32(power);
    }

    private void tag(char type, int count) {
      put((byte) type);
      int32(count);
    }

    private void int32(int value) {
      if (used > buffer.length - 4) {
        flush();
      }
      buffer[used++] = (byte) (value >>> 24);
      buffer[used++] = (byte) (value >>> 16);
      buffer[used++] = (byte) (value >>> 8);
      buffer[used++] = (byte) value;
    }

    private void put(byte b) {
      if (used == buffer.length) {
        flush();
      }
      buffer[used++] = b;
    }

    private void flush() {
      digest.update(buffer, 0, used);
      used = 0;
    }

    String hex() {
      flush();
      return HexFormat.of().formatHex(digest.digest());
    }
  }
}
