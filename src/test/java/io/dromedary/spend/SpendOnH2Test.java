package io.dromedary.spend;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import org.h2.engine.SessionLocal;
import org.h2.jdbc.JdbcConnection;
import org.h2.mvstore.MVStore;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class SpendOnH2Test extends SumsContract {
  @Override
  String freshUrl() {
    return "";
  }

  @Test
  @Tag("F6")
  void the_file_is_written_without_delay_in_a_private_directory() throws Exception {
    assertThat(number("SELECT SETTING_VALUE FROM INFORMATION_SCHEMA.SETTINGS WHERE SETTING_NAME = 'WRITE_DELAY'")).isZero();
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(dir.resolve("data")))).isEqualTo("rwx------");
  }

  @Test
  @Tag("F11")
  void the_file_is_tidied_while_it_is_written() throws Exception {
    Path place = dir.resolve("tidy");
    try (Store store = Store.open(place, null); Connection connection = store.dataSource().getConnection(); Statement statement = connection.createStatement()) {
      // pieces that are dead are given up at once, not after 45 s
      statement.execute("SET RETENTION_TIME 0");
      statement.execute("CREATE TABLE notes (id VARCHAR(40) PRIMARY KEY, text VARCHAR(400))");
      for (int i = 0; i < 3_000; i++) {
        statement.execute("INSERT INTO notes VALUES ('" + i * 7_919L % 3_000 + "', '" + "x".repeat(300) + "')");
      }
      MVStore file = ((SessionLocal) connection.unwrap(JdbcConnection.class).getSession()).getDatabase().getStore().getMvStore();
      int untidy = file.getLayoutMap().size();
      int rounds = 0;
      for (; file.getLayoutMap().size() > untidy / 4 && rounds < 200; rounds++) {
        store.tidy();
        for (int i = 0; i < 10; i++) {
          statement.execute("UPDATE notes SET text = 'y' WHERE id = '7'");
        }
      }
      assertThat(file.getLayoutMap().size()).as("pieces, %s before %s rounds", untidy, rounds).isLessThanOrEqualTo(untidy / 4);
    }
    try (Store again = Store.open(place, null); Connection connection = again.dataSource().getConnection(); Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery("SELECT COUNT(*) FROM notes")) {
      rows.next();
      assertThat(rows.getInt(1)).isEqualTo(3_000);
    }
  }
}
