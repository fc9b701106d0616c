package io.dromedary.spend;

import com.zaxxer.hikari.HikariConfig;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** Where PostgreSQL is, taken apart so that the password travels on its own and appears in no log. */
record DatabaseUrl(String jdbcUrl, @Nullable String user, @Nullable String password) {
  private static final String JDBC = "jdbc:postgresql:";

  /** @throws IllegalArgumentException without the URL in its message, for it holds a password */
  static DatabaseUrl parse(String text) {
    String url = text.strip();
    String user = null;
    String password = null;
    if (!url.startsWith(JDBC)) {
      int scheme = url.indexOf("://");
      if (scheme < 0 || !(url.startsWith("postgres://") || url.startsWith("postgresql://"))) {
        throw new IllegalArgumentException("DATABASE_URL must start with `postgres://`, `postgresql://` or `jdbc:postgresql:`");
      }
      String rest = url.substring(scheme + 3);
      int query = rest.indexOf('?');
      int at = (query < 0 ? rest : rest.substring(0, query)).lastIndexOf('@');
      if (at >= 0) {
        String credentials = rest.substring(0, at);
        int colon = credentials.indexOf(':');
        user = decode(colon < 0 ? credentials : credentials.substring(0, colon));
        password = colon < 0 ? null : decode(credentials.substring(colon + 1));
        rest = rest.substring(at + 1);
      }
      if (rest.isEmpty() || rest.startsWith("/") || rest.startsWith("?")) {
        throw new IllegalArgumentException("DATABASE_URL names no host");
      }
      url = JDBC + "//" + rest;
    }
    int query = url.indexOf('?');
    if (query >= 0) {
      StringBuilder kept = new StringBuilder(url.substring(0, query));
      char separator = '?';
      for (String pair : url.substring(query + 1).split("&")) {
        if (pair.startsWith("user=")) {
          user = decode(pair.substring(5));
        } else if (pair.startsWith("password=")) {
          password = decode(pair.substring(9));
        } else if (!pair.isEmpty()) {
          kept.append(separator).append(pair);
          separator = '&';
        }
      }
      url = kept.toString();
    }
    return new DatabaseUrl(url, user, password);
  }

  void configure(HikariConfig config) {
    config.setJdbcUrl(jdbcUrl);
    if (user != null) {
      config.setUsername(user);
    }
    if (password != null) {
      config.setPassword(password);
    }
    addUnlessGiven(config, "reWriteBatchedInserts", "true");
    // error details repeat the row
    addUnlessGiven(config, "logServerErrorDetail", "false");
    addUnlessGiven(config, "ApplicationName", "dromedary");
    // seconds; a store that hangs must become one that fails
    addUnlessGiven(config, "connectTimeout", "3");
    addUnlessGiven(config, "socketTimeout", "10");
    addUnlessGiven(config, "tcpKeepAlive", "true");
  }

  private void addUnlessGiven(HikariConfig config, String property, String value) {
    if (!jdbcUrl.contains("?" + property + "=") && !jdbcUrl.contains("&" + property + "=")) {
      config.addDataSourceProperty(property, value);
    }
  }

  private static String decode(String text) {
    try {
      return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException strayPercent) {
      return text;
    }
  }

  @Override
  public String toString() {
    return "DatabaseUrl[***]";
  }
}
