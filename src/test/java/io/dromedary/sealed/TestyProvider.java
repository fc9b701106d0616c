package io.dromedary.sealed;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.atomic.AtomicInteger;

/** An OpenAI-compatible server that answers with headers of its own and sends callers elsewhere. */
final class TestyProvider {
  static final String ANSWER = "{\"id\":\"x\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"llama\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"well\"},\"finish_reason\":\"stop\"}],"
      + "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}";

  /** Calls to where it sends callers. */
  final AtomicInteger elsewhere = new AtomicInteger();
  /** 0: answers. */
  volatile int redirect;
  private final HttpServer server;

  TestyProvider() {
    try {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    server.createContext("/", this::answer);
    server.createContext("/elsewhere", exchange -> {
      elsewhere.incrementAndGet();
      send(exchange, 200, ANSWER);
    });
    server.start();
  }

  String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort() + "/v1";
  }

  private void answer(HttpExchange exchange) throws IOException {
    exchange.getRequestBody().readAllBytes();
    var headers = exchange.getResponseHeaders();
    headers.add("Set-Cookie", "session=evil-marker");
    headers.add("Server", "evil-marker");
    headers.add("X-Internal-Host", "evil-marker");
    headers.add("CamelHttpResponseCode", "418");
    headers.add("CamelHttpUri", "http://evil-marker/");
    headers.add("x-dromedary-cost-usd", "evil-marker");
    headers.add("x-request-id", "evil-marker");
    headers.add("Access-Control-Allow-Origin", "*");
    if (redirect == 0) {
      send(exchange, 200, ANSWER);
    } else {
      headers.add("Location", "http://127.0.0.1:" + server.getAddress().getPort() + "/elsewhere");
      send(exchange, redirect, "");
    }
  }

  private static void send(HttpExchange exchange, int status, String text) throws IOException {
    byte[] body = text.getBytes(UTF_8);
    exchange.getResponseHeaders().add("Content-Type", "application/json");
    exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
    exchange.getResponseBody().write(body);
    exchange.close();
  }
}
