package io.dromedary.cascade;

import com.networknt.schema.JsonSchema;
import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.ConfigNode;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.chat.Json;
import java.io.IOException;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import javax.xml.validation.Schema;
import org.jspecify.annotations.Nullable;

/** The tests that answers must pass, by the name of the cascade. */
public record CascadePolicy(Map<String, Accept> accepts) {
  /** Where a file that the settings name is read from. */
  public interface Files {
    byte[] read(String path) throws IOException;
  }

  /**
   * What an answer must pass.
   *
   * @param refusal no refusal
   * @param truncated neither empty nor cut
   * @param responseFormat the request's own {@code response_format}
   * @param schema of the settings, null for none
   * @param xsd of the settings, null for none
   * @param minLogprob least mean log probability of a token, null for none
   * @param judge model that scores answers, "" for none
   * @param minScore least score of the judge
   * @param check endpoint that says accept or reject, "" for none
   */
  record Accept(boolean refusal, boolean truncated, boolean responseFormat, @Nullable JsonSchema schema, @Nullable Schema xsd, @Nullable Double minLogprob, String judge, double minScore, Duration judgeTime, String check) {
    static final Accept USUAL = new Accept(true, true, true, null, null, null, "", 0, Duration.ZERO, "");
  }

  private static final List<String> KEYS = List.of("refusal", "truncated", "response-format", "json-schema", "xsd", "min-logprob", "judge", "check");
  private static final Pattern ENDPOINT = Pattern.compile("[a-z][a-z0-9+.-]*:\\S+");

  /**
   * Reads the key {@code cascades}; what else stands in the file is others' business.
   *
   * @throws ConfigError naming file, key, value and what is allowed
   */
  public static CascadePolicy read(byte[] yaml, String file, ModelCatalog catalogue, Files files) {
    Map<String, Accept> accepts = new LinkedHashMap<>();
    accepts.put("default", Accept.USUAL);
    ConfigNode.read(yaml, file).get("cascades").entries().forEach((name, entry) -> accepts.put(name, accept(entry.get("accept"), catalogue, files)));
    return new CascadePolicy(accepts);
  }

  private static Accept accept(ConfigNode node, ModelCatalog catalogue, Files files) {
    if (!node.present()) {
      return Accept.USUAL;
    }
    node.onlyKeys(KEYS);
    ConfigNode judge = node.get("judge");
    if (judge.present()) {
      judge.onlyKeys(List.of("model", "min-score", "timeout-ms"));
      Model model = catalogue.find(judge.get("model").text()).orElseThrow(() -> judge.get("model").error("is not in the catalogue; list it in models.yaml or name another"));
      if (!model.mode().equals("chat")) {
        throw judge.get("model").error("is no chat model");
      }
    }
    ConfigNode score = judge.get("min-score");
    ConfigNode check = node.get("check");
    if (check.present() && !ENDPOINT.matcher(check.text()).matches()) {
      throw check.error("must be a Camel endpoint such as direct:my-check");
    }
    ConfigNode logprob = node.get("min-logprob");
    return new Accept(node.get("refusal").flag(true), node.get("truncated").flag(true), node.get("response-format").flag(true), jsonSchema(node.get("json-schema"), files), xsd(node.get("xsd"), files),
        logprob.present() ? logprob.number(-100, 0) : null, judge.present() ? judge.get("model").text() : "", score.present() ? score.decimal(BigDecimal.ONE).doubleValue() : 0.7,
        Duration.ofMillis(judge.get("timeout-ms").count(10_000, 1, 120_000)), check.present() ? check.text() : "");
  }

  private static @Nullable JsonSchema jsonSchema(ConfigNode path, Files files) {
    if (!path.present()) {
      return null;
    }
    try {
      return JsonSchemas.compile(Json.read(files.read(path.text())));
    } catch (IOException | RuntimeException e) {
      throw path.error("must be a file with a JSON schema: " + words(e));
    }
  }

  private static @Nullable Schema xsd(ConfigNode path, Files files) {
    if (!path.present()) {
      return null;
    }
    try {
      return XmlSchemas.compile(files.read(path.text()));
    } catch (Exception e) {
      throw path.error("must be a file with an XML schema that needs no other file: " + words(e));
    }
  }

  private static String words(Exception e) {
    String message = e.getMessage();
    return message == null ? e.getClass().getSimpleName() : message.length() <= 200 ? message : message.substring(0, 197) + "...";
  }
}
