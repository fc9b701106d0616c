package io.dromedary.testing;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpServer;
import io.dromedary.chat.Json;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Fake providers in a process of their own, for tests that are not Java. Prints one line of JSON (each provider's base URL, and `control`), then serves until its input ends.
 *
 * <p>{@code POST <control>/<provider>} resets a provider and sets what the body says: {@code mood}, {@code next} (moods), {@code says}, {@code tools} (names and arguments, alternating), {@code every_ms},
 * {@code retry_after}. {@code GET <control>/<provider>} tells its {@code calls}, the {@code moods} they met, how many were {@code cancelled}, and the {@code last} body.
 */
public final class FakeUpstreams {
  private final Map<String, FakeProvider> fakes = new LinkedHashMap<>();

  private FakeUpstreams(String... providers) {
    for (String provider : providers) {
      fakes.put(provider, FakeProvider.speaking(provider, 0).strict());
    }
  }

  public static void main(String[] providers) throws IOException {
    FakeUpstreams upstreams = new FakeUpstreams(providers);
    HttpServer control = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    control.createContext("/", exchange -> {
      FakeProvider fake = upstreams.fakes.get(exchange.getRequestURI().getPath().substring(1));
      if (exchange.getRequestMethod().equals("POST")) {
        set(fake, Json.read(exchange.getRequestBody().readAllBytes()));
      }
      byte[] told = Json.bytes(told(fake));
      exchange.sendResponseHeaders(200, told.length);
      exchange.getResponseBody().write(told);
      exchange.close();
    });
    control.start();
    ObjectNode where = Json.object().put("control", "http://127.0.0.1:" + control.getAddress().getPort());
    upstreams.fakes.forEach((provider, fake) -> where.put(provider, fake.url()));
    System.out.println(Json.text(where));
    while (System.in.read() >= 0) {
      // until the parent is gone
    }
    System.exit(0);
  }

  private static void set(FakeProvider fake, JsonNode wish) {
    fake.reset().mood(Mood.named(wish.path("mood").asText("well"))).retryAfter(wish.path("retry_after").asInt(1)).every(java.time.Duration.ofMillis(wish.path("every_ms").asLong(50)));
    wish.path("next").forEach(mood -> fake.next(Mood.named(mood.asText())));
    if (wish.path("says").isTextual()) {
      fake.says(wish.path("says").textValue());
    } else {
      fake.says(wish.path("says").asInt(5));
    }
    String[] tools = new String[wish.path("tools").size()];
    for (int i = 0; i < tools.length; i++) {
      tools[i] = wish.path("tools").get(i).asText();
    }
    fake.callsTools(tools);
  }

  private static ObjectNode told(FakeProvider fake) {
    ObjectNode told = Json.object().put("calls", fake.calls());
    var moods = told.putArray("moods");
    int cancelled = 0;
    String last = "";
    for (FakeProvider.Call call : fake.requests()) {
      moods.add(String.valueOf(call.mood()));
      cancelled += call.cancelled() ? 1 : 0;
      last = new String(call.body(), UTF_8);
    }
    return told.put("cancelled", cancelled).put("last", last);
  }
}
