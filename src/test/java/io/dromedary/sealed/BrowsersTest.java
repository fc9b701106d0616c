package io.dromedary.sealed;

import static org.assertj.core.api.Assertions.assertThat;

import io.dromedary.testing.Gateway;
import java.io.IOException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Pages of other sites, in a browser on the machine of an open gateway. */
@Tag("X8")
class BrowsersTest {
  private static Wire.Answer get(String path, String host, String... headerLines) throws IOException {
    return Sealed.ask(("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + String.join("", java.util.Arrays.stream(headerLines).map(line -> line + "\r\n").toList()) + "\r\n").getBytes());
  }

  private static byte[] post(String path, String host, String... headerLines) {
    return new String(Wire.post(path, Sealed.sandbox("hello"), headerLines)).replace("Host: localhost", "Host: " + host).getBytes();
  }

  @Test
  void a_name_that_somebody_pointed_here_is_not_answered() throws IOException {
    for (String evil : new String[] {"evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "1e100.net"}) {
      assertThat(get("/v1/models", evil, "User-Agent: Mozilla/5.0").isError(403).json().at("/error/code").asText()).as(evil).isEqualTo("browser_refused");
      Sealed.ask(post("/v1/chat/completions", evil, "Origin: http://" + evil)).isError(403);
      assertThat(get("/v1/models", evil, "User-Agent: curl/8").status()).as("a program, by the name of a container").isEqualTo(200);
      get("/admin/projects", evil, "Referer: http://" + evil + "/").isError(403);
      get("/dashboard/", evil).isError(403);
    }
    for (String own : new String[] {"localhost", "localhost:8080", "app.localhost", "127.0.0.1", "127.0.0.1:9", "[::1]:8080", "LOCALHOST"}) {
      assertThat(get("/v1/models", own).status()).as(own).isEqualTo(200);
    }
    assertThat(get("/health/liveness", "evil.example").status()).as("a balancer's question").isEqualTo(200);
  }

  @Test
  void a_page_of_another_site_cannot_write_nor_read() throws IOException {
    for (String origin : new String[] {"https://evil.example", "null", "http://localhost:1", "file://"}) {
      Sealed.ask(post("/v1/chat/completions", "localhost", "Origin: " + origin)).isError(403);
      Sealed.ask(post("/v1/batches/batch_1/cancel", "localhost", "Origin: " + origin)).isError(403);
      Sealed.ask(post("/admin/cache/purge", "localhost", "Origin: " + origin)).isError(403);
      Wire.Answer read = get("/v1/models", "localhost", "Origin: " + origin);
      assertThat(read.headers().keySet()).as("no page may read it").noneMatch(name -> name.startsWith("access-control-"));
    }
    Wire.Answer preflight = Sealed.ask("OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n".getBytes());
    assertThat(preflight.headers().keySet()).noneMatch(name -> name.startsWith("access-control-"));
    assertThat(Sealed.ask(post("/v1/chat/completions", "localhost:8080", "Origin: http://localhost:8080")).status()).as("its own page").isEqualTo(200);
  }

  @Test
  void what_a_browser_is_sent_is_not_framed_sniffed_or_run() throws IOException {
    for (String path : new String[] {"/v1/models", "/admin/projects", "/dashboard/", "/health/providers", "/metrics"}) {
      Wire.Answer answer = get(path, "localhost");
      assertThat(answer.header("x-content-type-options")).as(path).isEqualTo("nosniff");
      if (!path.startsWith("/v1/")) {
        assertThat(answer.header("content-security-policy")).as(path).contains("default-src 'none'", "frame-ancestors 'none'").doesNotContain("unsafe-");
      }
    }
  }

  @Test
  void with_keys_the_key_decides_and_a_host_may_be_named() throws Exception {
    try (Gateway gateway = Sealed.beside(Gateway.bare()).set("dromedary.browsers.allowed-hosts", "gateway.test").start(); Wire wire = new Wire(gateway.port())) {
      assertThat(wire.send("GET /v1/models HTTP/1.1\r\nHost: gateway.test:80\r\nUser-Agent: Mozilla/5.0\r\n\r\n").read().status()).isEqualTo(200);
      assertThat(wire.send("GET /v1/models HTTP/1.1\r\nHost: other.test\r\nUser-Agent: Mozilla/5.0\r\n\r\n").read().status()).isEqualTo(403);
    }
  }
}
