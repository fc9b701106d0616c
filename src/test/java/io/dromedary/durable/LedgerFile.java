package io.dromedary.durable;

import io.dromedary.spend.Store;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** The ledger of a gateway that does not run, opened to be looked at. */
final class LedgerFile implements AutoCloseable {
  private final Store store;

  LedgerFile(Path stateDir) {
    this.store = Store.open(stateDir, null);
  }

  long number(String sql) throws SQLException {
    try (Connection connection = store.dataSource().getConnection(); Statement statement = connection.createStatement(); ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return row.getLong(1);
    }
  }

  /** The first row, by column. */
  Map<String, Object> row(String sql) throws SQLException {
    try (Connection connection = store.dataSource().getConnection(); Statement statement = connection.createStatement(); ResultSet row = statement.executeQuery(sql)) {
      Map<String, Object> values = new LinkedHashMap<>();
      if (row.next()) {
        for (int i = 1; i <= row.getMetaData().getColumnCount(); i++) {
          values.put(row.getMetaData().getColumnLabel(i).toLowerCase(Locale.ROOT), row.getObject(i));
        }
      }
      return values;
    }
  }

  @Override
  public void close() {
    store.close();
  }
}
