package io.dromedary.limit;

import io.lettuce.core.RedisNoScriptException;
import io.lettuce.core.ScriptOutputType;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * Records in Redis that are compared and swapped, several in one step. The time is Redis's own, so that the nodes' clocks need not agree.
 */
final class RedisRecords {
  /** What a record is when there is none. */
  static final byte[] NOTHING = {};

  /**
   * What Redis said.
   *
   * @param swapped the records were as expected and are now the new ones
   * @param nanos Redis's clock; 0 when swapped
   * @param values the records as they are, in the keys' order; none when swapped
   */
  record Seen(boolean swapped, long nanos, List<byte[]> values) {}

  private record Script(String text, String sha1) {
    static Script of(String text) {
      try {
        return new Script(text, HexFormat.of().formatHex(MessageDigest.getInstance("SHA-1").digest(text.getBytes(StandardCharsets.UTF_8))));
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("every Java has SHA-1", e);
      }
    }
  }

  private static final Script LOOK = Script.of("""
      local t = redis.call('TIME')
      local r = {'0', t[1], t[2]}
      for i = 1, #KEYS do r[i + 3] = redis.call('GET', KEYS[i]) or '' end
      return r""");
  private static final Script SWAP = Script.of("""
      local n = #KEYS
      local r = {'0', '0', '0'}
      local same = true
      for i = 1, n do
        r[i + 3] = redis.call('GET', KEYS[i]) or ''
        same = same and r[i + 3] == ARGV[i]
      end
      if same then
        for i = 1, n do redis.call('SET', KEYS[i], ARGV[n + i], 'PX', ARGV[2 * n + i]) end
        return {'1', '0', '0'}
      end
      local t = redis.call('TIME')
      r[2] = t[1]
      r[3] = t[2]
      return r""");

  private final RedisCalls redis;

  RedisRecords(RedisCalls redis) {
    this.redis = redis;
  }

  Seen look(List<String> keys) {
    return run(LOOK, keys, new byte[0][]);
  }

  /** Puts {@code fresh} in the place of {@code old}, all or none; each is forgotten after its time. */
  Seen swap(List<String> keys, List<byte[]> old, List<byte[]> fresh, List<Long> millisToLive) {
    byte[][] arguments = new byte[3 * keys.size()][];
    for (int i = 0; i < keys.size(); i++) {
      arguments[i] = old.get(i);
      arguments[keys.size() + i] = fresh.get(i);
      arguments[2 * keys.size() + i] = Long.toString(millisToLive.get(i)).getBytes(StandardCharsets.US_ASCII);
    }
    return run(SWAP, keys, arguments);
  }

  private Seen run(Script script, List<String> keys, byte[][] arguments) {
    String[] names = keys.toArray(String[]::new);
    List<Object> said;
    try {
      said = redis.call(commands -> commands.evalsha(script.sha1(), ScriptOutputType.MULTI, names, arguments));
    } catch (RedisNoScriptException unknown) {
      said = redis.call(commands -> commands.eval(script.text(), ScriptOutputType.MULTI, names, arguments));
    }
    List<byte[]> values = new ArrayList<>(said.size());
    for (Object value : said.subList(3, said.size())) {
      values.add((byte[]) value);
    }
    return new Seen(number(said.get(0)) == 1, number(said.get(1)) * 1_000_000_000L + number(said.get(2)) * 1_000L, values);
  }

  private static long number(Object digits) {
    return Long.parseLong(new String((byte[]) digits, StandardCharsets.US_ASCII));
  }
}
