package io.dromedary.sealed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Mood;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.SocketException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Slow senders, too much at once, starting and stopping: the gateway sheds, answers for its health, and tells the truth. */
class OverloadTest {
  private static final String CHAT = "/v1/chat/completions";
  private static final byte[] READINESS = "GET /health/readiness HTTP/1.1\r\nHost: x\r\n\r\n".getBytes();
  private static final byte[] LIVENESS = "GET /health/liveness HTTP/1.1\r\nHost: x\r\n\r\n".getBytes();

  @Tag("X4")
  @Test
  void slow_senders_leave_others_alone_and_are_ended_by_the_deadline() throws Exception {
    List<Wire> slow = new ArrayList<>();
    try {
      for (int i = 0; i < 250; i++) {
        Wire wire = new Wire(Sealed.GATEWAY.port());
        slow.add(wire);
        wire.send("POST " + CHAT + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + (i % 2 == 0 ? "Content-Length: 1000\r\n\r\n{" : "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"));
      }
      long begun = System.nanoTime();
      CompletableFuture<Void> dripping = CompletableFuture.runAsync(() -> {
        for (int round = 0; round < 5; round++) {
          try {
            TimeUnit.MILLISECONDS.sleep(1_000);
          } catch (InterruptedException e) {
            return;
          }
          for (int i = 0; i < slow.size(); i++) {
            try {
              slow.get(i).send(i % 2 == 0 ? " " : "1\r\n \r\n");
            } catch (IOException ended) {
              // by the deadline
            }
          }
        }
      });
      for (int i = 0; i < 40; i++) {
        assertThat(Sealed.ask(Wire.post(CHAT, Sealed.sandbox("in between"))).status()).isEqualTo(200);
      }
      assertThat(dripping.isDone()).as("others were served while the senders dripped").isFalse();
      for (Wire wire : slow) {
        try {
          wire.read().isError(408);
        } catch (SocketException reset) {
          // it went on sending to a closed door
        }
      }
      assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(Duration.ofSeconds(15));
      dripping.join();
    } finally {
      for (Wire wire : slow) {
        wire.close();
      }
    }
  }

  @Tag("F8")
  @Tag("F7")
  @Test
  void too_much_is_shed_at_once_health_answers_and_a_stop_tells_the_truth() throws Exception {
    try (FakeProvider hanging = FakeProvider.openai().mood(Mood.HANGS)) {
      Gateway gateway = Sealed.beside(Gateway.with("openai", hanging)).set("dromedary.limits.in-flight", 4).set("dromedary.timeouts.drain", "3s").start();
      List<Wire> waiting = new ArrayList<>();
      try {
        for (int i = 0; i < 4; i++) {
          Wire wire = new Wire(gateway.port());
          waiting.add(wire);
          wire.send(Wire.post(CHAT, Sealed.chat("hang " + i)));
        }
        await().atMost(20, TimeUnit.SECONDS).until(() -> hanging.open() == 4);
        try (Wire more = new Wire(gateway.port()); Wire health = new Wire(gateway.port())) {
          assertThat(health.send(READINESS).read().status()).isEqualTo(200);
          for (int i = 0; i < 20; i++) {
            try (Wire wire = new Wire(gateway.port())) {
              Wire.Answer shed = wire.send(Wire.post(CHAT, Sealed.chat("more"))).read().isError(503, 429);
              assertThat(shed.header("retry-after")).isEqualTo("1");
            }
            assertThat(health.send(LIVENESS).read().status()).isEqualTo(200);
            assertThat(health.send(READINESS).read().status()).isEqualTo(200);
          }
          assertThat(hanging.calls()).isEqualTo(4);

          CompletableFuture<Void> stop = CompletableFuture.runAsync(gateway::close);
          Set<Integer> seen = new HashSet<>();
          await().atMost(20, TimeUnit.SECONDS).until(() -> {
            try (Wire wire = new Wire(gateway.port())) {
              int status = wire.send(READINESS).read().status();
              seen.add(status);
              return status == 503;
            }
          });
          assertThat(seen).isSubsetOf(200, 503);
          assertThat(health.send(LIVENESS).read().status()).isEqualTo(200);
          try (Wire wire = new Wire(gateway.port())) {
            Wire.Answer refused = wire.send(Wire.post(CHAT, Sealed.chat("late"))).read().isError(503);
            assertThat(refused.header("retry-after")).isNotNull();
            assertThat(refused.header("connection")).isEqualTo("close");
          }
          for (Wire wire : waiting) {
            wire.read().isError(499, 502, 503, 504);
          }
          stop.get(60, TimeUnit.SECONDS);
        }
      } finally {
        if (gateway.context().isActive()) {
          gateway.close();
        }
        for (Wire wire : waiting) {
          wire.close();
        }
      }
    }
  }

  @Tag("F7")
  @Test
  void readiness_is_never_404_while_the_gateway_starts() throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    CompletableFuture<Gateway> start = CompletableFuture.supplyAsync(() -> Sealed.beside(Gateway.bare()).set("server.port", port).start());
    Set<Integer> seen = new HashSet<>();
    try {
      while (!start.isDone() || !seen.contains(200)) {
        if (start.isCompletedExceptionally()) {
          start.join();
        }
        try (Wire wire = new Wire(port)) {
          seen.add(wire.send(READINESS).read().status());
        } catch (java.net.ConnectException notListeningYet) {
          TimeUnit.MILLISECONDS.sleep(2);
          continue;
        }
        try (Wire wire = new Wire(port)) {
          assertThat(wire.send(Wire.post(CHAT, Sealed.sandbox("early"))).read().status()).isIn(200, 503);
        }
      }
    } finally {
      start.join().close();
    }
    assertThat(seen).contains(200).isSubsetOf(200, 503);
  }
}
