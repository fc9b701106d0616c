package io.dromedary.provider;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.provider.anthropic.AnthropicMessages;
import io.dromedary.provider.gemini.GeminiGenerateContent;
import io.dromedary.provider.ollama.OllamaChat;
import io.dromedary.provider.openai.OpenAiChat;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The shipped catalogue's traits, and what the wire formats make of them. */
@Tag("T1")
class TraitsTest {
  static final ModelCatalog CATALOGUE = catalogue();
  static final Map<String, Set<String>> DOCUMENTED = Map.of("sampling", Set.of("none", "exclusive", "free"), "sampling_if_effort_none", Set.of("true"),
      "reasoning", Set.of("effort", "budget", "adaptive", "level", "think"), "reasoning_off", Set.of("false"), "max_tokens_field", Set.of("max_completion_tokens"),
      "default_max_tokens", Set.of("4096", "8192"), "prefill", Set.of("false"), "system_turns", Set.of("true"), "thought_signatures", Set.of("true"));

  static ModelCatalog catalogue() {
    try {
      return ModelCatalog.read(Files.readAllBytes(Path.of("config/models.yaml")), "config/models.yaml");
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  static Model model(String id) {
    return CATALOGUE.find(id).orElseThrow();
  }

  static WireFormat.Outgoing write(String id, String fields) {
    WireFormat format = id.startsWith("anthropic/") ? new AnthropicMessages() : id.startsWith("gemini/") ? new GeminiGenerateContent() : id.startsWith("ollama/") ? new OllamaChat() : new OpenAiChat();
    String messages = fields.contains("'messages'") ? "" : ",'messages':[{'role':'user','content':'a'}]";
    return format.write(WireSamples.request("{'model':'" + id + "'" + messages + "," + fields + "}"), model(id));
  }

  static JsonNode body(String id, String fields) {
    return WireSamples.json(new String(write(id, fields).body(), StandardCharsets.UTF_8));
  }

  @Test void every_trait_of_the_catalogue_is_one_that_its_head_explains() throws IOException {
    assertThat(CATALOGUE.all()).isNotEmpty().allSatisfy(model -> model.traits().forEach((trait, value) -> assertThat(DOCUMENTED.getOrDefault(trait, Set.of())).as("%s of %s", trait, model.id()).contains(value)));
    String head = Files.readString(Path.of("config/models.yaml")).split("\nabout:")[0];
    assertThat(DOCUMENTED.keySet()).allSatisfy(trait -> assertThat(head).contains("#                   " + trait));
  }

  @Test void an_adaptive_model_gets_its_effort_and_a_budget_model_its_budget() {
    JsonNode adaptive = body("anthropic/claude-sonnet-4-6", "'reasoning_effort':'high'");
    assertThat(adaptive.path("thinking")).isEqualTo(WireSamples.json("{\"type\":\"adaptive\"}"));
    assertThat(adaptive.path("output_config").path("effort").asText()).isEqualTo("high");
    JsonNode budget = body("anthropic/claude-sonnet-4-5", "'reasoning_effort':'medium'");
    assertThat(budget.path("thinking")).isEqualTo(WireSamples.json("{\"type\":\"enabled\",\"budget_tokens\":8192}"));
    assertThat(body("anthropic/claude-sonnet-4-5", "'reasoning_effort':'none'").path("thinking").path("type").asText()).isEqualTo("disabled");
    assertThat(write("anthropic/claude-3-haiku-20240307", "'reasoning_effort':'high'").dropped()).containsExactly("reasoning_effort");
  }

  @Test void a_model_without_prefill_is_asked_to_go_on_by_a_user_turn() {
    String begun = "'messages':[{'role':'user','content':'a'},{'role':'assistant','content':'b'}]";
    assertThat(body("anthropic/claude-sonnet-4-6", begun).path("messages").findValuesAsText("role")).containsExactly("user", "assistant", "user");
    assertThat(body("anthropic/claude-sonnet-4-5", begun).path("messages").findValuesAsText("role")).containsExactly("user", "assistant");
  }

  @Test void a_late_system_message_stays_where_the_model_takes_it_and_goes_to_the_top_elsewhere() {
    String late = "'messages':[{'role':'system','content':'S'},{'role':'user','content':'a'},{'role':'system','content':'late'},{'role':'assistant','content':'b'},{'role':'system','content':'top'},{'role':'user','content':'c'}]";
    JsonNode taken = body("anthropic/claude-opus-4-8", late);
    assertThat(taken.path("messages").findValuesAsText("role")).containsExactly("user", "system", "assistant", "user");
    assertThat(taken.path("messages").path(1).path("content")).isEqualTo(WireSamples.json("[{\"type\":\"text\",\"text\":\"late\"}]"));
    assertThat(taken.path("system").findValuesAsText("text")).containsExactly("S", "top");
    JsonNode refused = body("anthropic/claude-opus-4-7", late);
    assertThat(refused.path("messages").findValuesAsText("role")).containsExactly("user", "assistant", "user");
    assertThat(refused.path("system").findValuesAsText("text")).containsExactly("S", "late", "top");
  }

  @Test void nothing_comes_between_a_call_and_its_results() {
    String loop = "'messages':[{'role':'user','content':'a'},{'role':'assistant','tool_calls':[{'id':'1','function':{'name':'f','arguments':'{}'}},{'id':'2','function':{'name':'g','arguments':'{}'}}]},"
        + "{'role':'tool','tool_call_id':'1','content':'x'},{'role':'system','content':'late'},{'role':'tool','tool_call_id':'2','content':'y'}]";
    assertThat(body("anthropic/claude-opus-4-8", loop).path("messages").findValuesAsText("role")).containsExactly("user", "assistant", "user");
  }

  @Test void gemini_3_has_levels_and_gemini_2_5_budgets_which_pro_cannot_switch_off() {
    assertThat(body("gemini/gemini-3.6-flash", "'reasoning_effort':'low'").at("/generationConfig/thinkingConfig/thinkingLevel").asText()).isEqualTo("LOW");
    assertThat(body("gemini/gemini-2.5-flash", "'reasoning_effort':'none'").at("/generationConfig/thinkingConfig/thinkingBudget").asInt(-1)).isZero();
    assertThat(body("gemini/gemini-2.5-pro", "'reasoning_effort':'none'").at("/generationConfig/thinkingConfig/thinkingBudget").asInt(-1)).isEqualTo(128);
  }

  @Test void a_lost_thought_signature_is_marked_for_models_that_want_it_back() {
    String loop = "'messages':[{'role':'user','content':'a'},{'role':'assistant','tool_calls':[{'id':'1','function':{'name':'f','arguments':'{}'}}]},{'role':'tool','tool_call_id':'1','content':'x'}]";
    assertThat(body("gemini/gemini-3.6-flash", loop).findValuesAsText("thoughtSignature")).containsExactly("skip_thought_signature_validator");
    assertThat(body("gemini/gemini-2.5-flash", loop).findValuesAsText("thoughtSignature")).isEmpty();
  }

  @Test void sampling_comes_back_with_effort_none_where_the_model_takes_it() {
    String asked = "'temperature':0.5,'reasoning_effort':'none'";
    assertThat(body("openai/gpt-5.4", asked).path("temperature").asDouble()).isEqualTo(0.5);
    assertThat(write("openai/gpt-5", asked).dropped()).containsExactly("temperature");
    assertThat(body("openai/gpt-5", "'max_tokens':9").path("max_completion_tokens").asInt()).isEqualTo(9);
  }

  @Test void ollamas_thinking_models_are_told_to_think() {
    assertThat(body("ollama/qwen3", "'reasoning_effort':'high'").path("think").asText()).isEqualTo("high");
    assertThat(write("ollama/llama3.2", "'reasoning_effort':'high'").dropped()).containsExactly("reasoning_effort");
  }
}
