package io.dromedary.spend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class DatabaseUrlTest {
  @Test
  void credentials_are_decoded_and_leave_the_url() {
    DatabaseUrl url = DatabaseUrl.parse("postgres://us%40er:p%3A%2F%3F%23+%25w@db.example:5433/ledger?sslmode=require");
    assertThat(url.jdbcUrl()).isEqualTo("jdbc:postgresql://db.example:5433/ledger?sslmode=require");
    assertThat(url.user()).isEqualTo("us@er");
    assertThat(url.password()).isEqualTo("p:/?#+%w");
  }

  @Test
  void a_jdbc_url_is_taken_with_its_parameters() {
    DatabaseUrl url = DatabaseUrl.parse("jdbc:postgresql://h/db?user=me&ssl=true&password=s%26t");
    assertThat(url.jdbcUrl()).isEqualTo("jdbc:postgresql://h/db?ssl=true");
    assertThat(url.user()).isEqualTo("me");
    assertThat(url.password()).isEqualTo("s&t");
  }

  @Test
  @Tag("X7")
  void no_message_repeats_the_password() {
    assertThatThrownBy(() -> DatabaseUrl.parse("mysql://u:secret@h/db")).isInstanceOf(IllegalArgumentException.class).hasMessageNotContaining("secret");
    assertThatThrownBy(() -> DatabaseUrl.parse("postgres://u:secret@/db")).isInstanceOf(IllegalArgumentException.class).hasMessageNotContaining("secret");
    assertThat(DatabaseUrl.parse("postgresql://u:secret@h/db").toString()).doesNotContain("secret");
  }
}
