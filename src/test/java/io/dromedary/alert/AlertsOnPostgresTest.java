package io.dromedary.alert;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.sql.Connection;
import java.sql.Statement;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

class AlertsOnPostgresTest extends AlertsContract {
  private static EmbeddedPostgres postgres;
  private static int databases;

  @BeforeAll
  static void startServer() throws Exception {
    postgres = EmbeddedPostgres.builder().start();
  }

  @AfterAll
  static void stopServer() throws Exception {
    postgres.close();
  }

  @Override
  String freshUrl() throws Exception {
    String name = "alerts" + databases++;
    try (Connection connection = postgres.getPostgresDatabase().getConnection(); Statement statement = connection.createStatement()) {
      statement.execute("CREATE DATABASE " + name);
    }
    return "postgres://postgres:postgres@localhost:" + postgres.getPort() + "/" + name + "?sslmode=disable";
  }
}
