package io.dromedary.spend;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermissions;
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
}
