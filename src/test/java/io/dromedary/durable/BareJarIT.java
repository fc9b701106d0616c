package io.dromedary.durable;

import static org.assertj.core.api.Assertions.assertThat;

import io.dromedary.chat.Json;
import io.dromedary.testing.Gateway;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** {@code java -jar dromedary-app.jar} in an empty directory, with no key and no server. */
@Tag("X9")
class BareJarIT {
  private static final String LOOPBACK_4 = "0100007F";
  private static final String LOOPBACK_4_IN_6 = "0000000000000000FFFF00000100007F";
  private static final String LOOPBACK_6 = "00000000000000000000000001000000";

  @TempDir
  Path empty;

  @Test
  @EnabledOnOs(OS.LINUX)
  void the_jar_alone_answers_from_the_sandbox_on_loopback_only() throws Exception {
    try (AppProcess app = AppProcess.startJar(empty, Map.of())) {
      HttpResponse<String> answer = app.chat(Gateway.request("auto", "hello"));
      assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
      assertThat(answer.headers().firstValue("x-dromedary-provider")).hasValue("sandbox");
      assertThat(Json.read(answer.body().getBytes(StandardCharsets.UTF_8)).at("/choices/0/message/content").asText()).isNotEmpty();

      List<String> events = new ArrayList<>();
      try (AppProcess.Lines lines = app.stream(Gateway.request("auto", "hello stream"))) {
        for (String data = lines.next(); data != null; data = lines.next()) {
          events.add(data);
        }
      }
      assertThat(events).hasSizeGreaterThan(2).endsWith("[DONE]");
      assertThat(app.json("/v1/requests/" + answer.headers().firstValue("x-request-id").orElseThrow()).path("provider").asText()).isEqualTo("sandbox");
      assertThat(app.said()).as("it says loudly that nobody else answers").contains("sandbox");

      List<String> listeners = listeners(app.pid());
      assertThat(listeners).as("address:port of each listening socket").isNotEmpty().allSatisfy(local -> assertThat(local.substring(0, local.indexOf(':'))).isIn(LOOPBACK_4, LOOPBACK_4_IN_6, LOOPBACK_6));

      try (Stream<Path> files = Files.list(empty)) {
        assertThat(files.map(file -> file.getFileName().toString())).as("it makes its state directory and nothing else").containsExactly("data");
      }
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(empty.resolve("data")))).isEqualTo("rwx------");
    }
  }

  /** As the kernel tells them. */
  private static List<String> listeners(long pid) throws IOException {
    Set<String> inodes = new HashSet<>();
    try (Stream<Path> descriptors = Files.list(Path.of("/proc/" + pid + "/fd"))) {
      for (Path descriptor : descriptors.toList()) {
        try {
          String target = Files.readSymbolicLink(descriptor).toString();
          if (target.startsWith("socket:[")) {
            inodes.add(target.substring(8, target.length() - 1));
          }
        } catch (IOException closedMeanwhile) {
          // then it does not listen
        }
      }
    }
    List<String> found = new ArrayList<>();
    for (String table : new String[] {"tcp", "tcp6"}) {
      Path file = Path.of("/proc/" + pid + "/net/" + table);
      if (Files.exists(file)) {
        for (String line : Files.readAllLines(file)) {
          String[] columns = line.strip().split("\\s+");
          if (columns.length > 9 && columns[3].equals("0A") && inodes.contains(columns[9])) {
            found.add(columns[1]);
          }
        }
      }
    }
    return found;
  }
}
