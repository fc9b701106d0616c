package io.dromedary.sealed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dromedary.StartFailures;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.diagnostics.FailureAnalysis;

/** The first start needs no set-up and opens nothing to the world; an unsafe one is refused. */
@Tag("X9")
class FirstStartTest {
  @TempDir
  Path folder;

  @EnabledOnOs(OS.LINUX)
  @Test
  void a_first_start_listens_on_loopback_only_and_keeps_its_state_private() throws IOException {
    Set<String> before = listening();
    Path state = folder.resolve("state");
    String token;
    try (FakeProvider provider = FakeProvider.openai(); Gateway gateway = Gateway.with("openai", provider).stateDir(state).start()) {
      List<String> opened = new ArrayList<>(listening());
      opened.removeAll(before);
      assertThat(opened).isNotEmpty().allSatisfy(address -> assertThat(address).matches("(0100007F|0000000000000000FFFF00000100007F|00000000000000000000000001000000):.*"));

      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(state))).isEqualTo("rwx------");
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(state.resolve("admin-token")))).isEqualTo("rw-------");
      token = gateway.adminToken();
      assertThat(token).matches("da-[A-Za-z0-9_-]{32}");
      assertThat(gateway.get("/admin/cache").status()).isEqualTo(401);
      assertThat(gateway.get("/admin/cache", "Authorization", "Bearer admin").status()).isEqualTo(401);
      assertThat(gateway.get("/admin/cache", "Authorization", "Bearer " + token).status()).isEqualTo(200);
    }
    try (FakeProvider provider = FakeProvider.openai(); Gateway gateway = Gateway.with("openai", provider).stateDir(folder.resolve("other")).start()) {
      assertThat(gateway.adminToken()).isNotEqualTo(token);
    }
  }

  /** Local addresses of this process's listening TCP sockets, as the kernel writes them. */
  private static Set<String> listening() throws IOException {
    Set<String> inodes = new HashSet<>();
    try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
      for (Path fd : files.toList()) {
        try {
          String target = Files.readSymbolicLink(fd).toString();
          if (target.startsWith("socket:[")) {
            inodes.add(target.substring(8, target.length() - 1));
          }
        } catch (IOException closedMeanwhile) {
          // no longer ours
        }
      }
    }
    Set<String> addresses = new HashSet<>();
    for (String table : new String[] {"/proc/net/tcp", "/proc/net/tcp6"}) {
      for (String line : Files.readAllLines(Path.of(table))) {
        String[] columns = line.strip().split("\\s+");
        if (columns.length > 9 && columns[3].equals("0A") && inodes.contains(columns[9])) {
          addresses.add(columns[1]);
        }
      }
    }
    return addresses;
  }

  @Test
  void an_unsafe_production_start_is_refused_with_all_reasons_in_one_message() {
    assertRefused(Gateway.bare().set("dromedary.profile", "production").set("server.address", "0.0.0.0"),
        "no callers are configured", "clear text", "DROMEDARY_ADMIN_TOKEN", "sandbox");
  }

  @Test
  void an_open_gateway_is_refused_off_loopback_in_any_profile() {
    assertRefused(Gateway.bare().set("server.address", "0.0.0.0"), "no callers are configured", "127.0.0.1");
  }

  @Test
  void a_profile_that_does_not_exist_is_refused() {
    assertRefused(Gateway.bare().set("dromedary.profile", "prod"), "`prod`", "`production`");
  }

  @Test
  void a_setting_that_cannot_be_used_is_told_in_its_own_words_and_without_its_secrets() {
    assertThat(assertRefused(Gateway.bare().set("dromedary.database-url", "mysql://user:hunter2@db/x"), "does not start")).doesNotContain("hunter2");
  }

  private String assertRefused(Gateway.Setup setup, String... reasons) {
    List<String> said = new ArrayList<>();
    assertThatThrownBy(() -> setup.stateDir(folder.resolve("refused")).start().close()).satisfies(failure -> {
      FailureAnalysis told = new StartFailures().analyze(failure);
      assertThat(told).as("%s is told without a stack trace", failure).isNotNull();
      assertThat(told.getDescription()).contains(reasons);
      said.add(told.getDescription());
    });
    return said.get(0);
  }
}
