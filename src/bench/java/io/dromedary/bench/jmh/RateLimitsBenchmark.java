package io.dromedary.bench.jmh;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.limit.LimitSource;
import io.dromedary.limit.RateLimits;
import io.dromedary.limit.Taken;
import io.dromedary.testing.RedisServer;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisFuture;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.codec.RedisCodec;
import io.lettuce.core.codec.StringCodec;
import java.io.IOException;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** What admission costs: eight windows of a project, a key and a user taken together and put right again. Microseconds for both. */
@State(Scope.Benchmark)
@BenchmarkMode({Mode.AverageTime, Mode.SampleTime})
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class RateLimitsBenchmark {
  private static final String WINDOWS = "windows: [{per: second, requests: 1000000, burst: 900000}, {per: minute, requests: 10000000}, {per: day, requests: 1000000000}, {per: minute, tokens: 1000000000},"
      + " {per: hour, requests: 100000000, for: key}, {per: day, tokens: 10000000000, for: user}, {concurrent: 1000}]";

  /** Where it is counted. */
  @Param({"node", "redis"})
  public String where = "node";

  private final ChatRequest request = KernelBenchmark.SampleRequests.request(500);
  private final Caller caller = new Caller("team-a", "ci", false, Set.of());
  private @Nullable RateLimits limits;
  private @Nullable RedisServer server;
  private @Nullable RedisClient client;

  private record Source(JsonNode limits) implements LimitSource {
    @Override
    public long version() {
      return 1;
    }

    @Override
    public JsonNode project(Caller caller) {
      return limits;
    }

    @Override
    public JsonNode key(Caller caller) {
      return MissingNode.getInstance();
    }
  }

  private record Calls(StatefulRedisConnection<String, byte[]> connection) implements io.dromedary.limit.RedisCalls {
    @Override
    public <T> T call(Function<RedisAsyncCommands<String, byte[]>, RedisFuture<T>> command) {
      try {
        return command.apply(connection.async()).get(1, TimeUnit.SECONDS);
      } catch (java.util.concurrent.ExecutionException e) {
        throw e.getCause() instanceof RuntimeException told ? told : new IllegalStateException(e);
      } catch (InterruptedException | java.util.concurrent.TimeoutException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  /** @throws IOException never */
  @Setup
  public void prepare() throws IOException {
    LimitSource source = new Source(new YAMLMapper().readTree(WINDOWS));
    if (where.equals("redis")) {
      server = RedisServer.start();
      client = RedisClient.create(server.url());
      limits = RateLimits.shared(source, Map.of(), new Calls(client.connect(RedisCodec.of(StringCodec.UTF8, ByteArrayCodec.INSTANCE))), 2, model -> true, who -> 1, 1_000, RateLimits.Observer.NONE);
    } else {
      limits = RateLimits.inProcess(source, Map.of(), model -> true, who -> 1, 1_000, RateLimits.Observer.NONE);
    }
  }

  @TearDown
  public void close() {
    Objects.requireNonNull(limits).close();
    if (client != null) {
      client.shutdown(0, 1, TimeUnit.SECONDS);
    }
    if (server != null) {
      server.close();
    }
  }

  /** @return what was taken */
  @Benchmark
  public @Nullable Taken admitAndSettle() {
    RateLimits all = Objects.requireNonNull(limits);
    Taken taken = all.take(request, caller);
    all.settle(taken, null);
    return taken;
  }
}
