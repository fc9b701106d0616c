package io.dromedary.provider;

import static org.assertj.core.api.Assertions.assertThat;

import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("T2")
class ThoughtMemoryTest {
  private static final String ANSWER = "{'choices':[{'message':{'role':'assistant','content':%s,'thinking_blocks':[{'type':'thinking','thinking':'T','signature':'S'}]}}]}";
  private final ThoughtMemory memory = new ThoughtMemory(80_000, Duration.ofHours(1));

  private static ChatRequest asked(String user) {
    return WireSamples.request("{'messages':[{'role':'user','content':'" + user + "'}]}");
  }

  private static ChatRequest next(String user, String assistant) {
    return WireSamples.request("{'messages':[{'role':'user','content':'" + user + "'},{'role':'assistant','content':" + assistant + "},{'role':'user','content':'go on'}]}");
  }

  private void keep(String project, String user, String text) {
    memory.keep(project, "anthropic", asked(user), WireSamples.json(String.format(ANSWER, text).replace('\'', '"')));
  }

  private boolean knows(String project, String provider, String user, String text) {
    ChatRequest request = next(user, text);
    ChatRequest whole = memory.giveBack(project, provider, request);
    assertThat(Json.text(request.json())).as("the client's own JSON is not touched").doesNotContain("signature");
    return Json.text(whole.json()).contains("\"signature\":\"S\"");
  }

  @Test
  void an_answer_without_calls_is_known_by_its_text() {
    keep("p", "hi", "'hello'");

    assertThat(knows("p", "anthropic", "hi", "'hello'")).isTrue();
    assertThat(knows("p", "anthropic", "hi", "[{'type':'text','text':'hello'}]")).as("as parts, too").isTrue();
  }

  @Test
  @Tag("X6")
  void nothing_is_given_to_another_project_provider_or_conversation() {
    keep("p", "hi", "'hello'");

    assertThat(knows("q", "anthropic", "hi", "'hello'")).isFalse();
    assertThat(knows("p", "gemini", "hi", "'hello'")).isFalse();
    assertThat(knows("p", "anthropic", "hey", "'hello'")).isFalse();
    assertThat(knows("p", "anthropic", "hi", "'hullo'")).isFalse();
    assertThat(knows("", "anthropic", "hi", "'hello'")).isFalse();
  }

  @Test
  void what_the_client_sent_back_itself_stays() {
    keep("p", "hi", "'hello'");
    ChatRequest request = WireSamples.request("{'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':'hello','thinking_blocks':[{'type':'thinking','thinking':'T','signature':'own'}]}]}");

    assertThat(Json.text(memory.giveBack("p", "anthropic", request).json())).isEqualTo(Json.text(request.json()));
  }

  @Test
  void it_is_bounded_and_no_answer_may_fill_it() {
    for (int i = 0; i < 600; i++) {
      keep("p", "hi " + i, "'hello'");
    }
    int known = 0;
    for (int i = 0; i < 600; i++) {
      known += knows("p", "anthropic", "hi " + i, "'hello'") ? 1 : 0;
    }
    assertThat(known).isBetween(1, 400);
    memory.keep("p", "anthropic", asked("long"), WireSamples.json(String.format(ANSWER, "'hello'").replace('\'', '"').replace("\"T\"", "\"" + "t".repeat(20_000) + "\"")));
    assertThat(knows("p", "anthropic", "long", "'hello'")).isFalse();
  }

  @Test
  void without_room_it_keeps_nothing_and_hands_the_request_on_as_it_is() {
    ChatRequest request = next("hi", "'hello'");
    ThoughtMemory.NONE.keep("p", "anthropic", asked("hi"), WireSamples.json(String.format(ANSWER, "'hello'").replace('\'', '"')));

    assertThat(ThoughtMemory.NONE.giveBack("p", "anthropic", request)).isSameAs(request);
  }
}
