package io.dromedary.provider;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BareJsonStreamTest {
  static String inPieces(String text, int size) {
    BareJsonStream stream = new BareJsonStream();
    StringBuilder all = new StringBuilder();
    for (int at = 0; at < text.length(); at += size) {
      all.append(stream.next(text.substring(at, Math.min(text.length(), at + size))));
    }
    return all.append(stream.rest()).toString();
  }

  @Property(tries = 50)
  void whatever_the_pieces_the_fence_goes_and_the_rest_stays(@ForAll @IntRange(min = 1, max = 40) int size) {
    assertThat(inPieces("\n```json\n{\"a\": \"`x``\",\n\n \"b\":1}\n```\n", size)).isEqualTo("{\"a\": \"`x``\",\n\n \"b\":1}");
    assertThat(inPieces("{\"a\":\"```\"}\n", size)).isEqualTo("{\"a\":\"```\"}\n");
  }

  @ParameterizedTest(name = "T4 {0}")
  @CsvSource(quoteCharacter = '~', value = {"~~,~~", "`,`", "``` no line end,``` no line end", "`code`,`code`"})
  void text_that_is_no_fence_stays(String text, String expected) {
    assertThat(inPieces(text, 1)).isEqualTo(expected);
    assertThat(JsonText.unfenced(text)).isEqualTo(expected);
  }
}
