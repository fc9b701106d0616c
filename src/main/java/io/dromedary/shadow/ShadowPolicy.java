package io.dromedary.shadow;

import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.ConfigNode;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The key {@code shadows} of {@code config/routing.yaml}: which requests are shadowed, and by which model.
 *
 * @param usual of requests that neither their domain nor their project says otherwise of
 * @param measure how answers are compared
 * @param timeout of one shadow call
 */
public record ShadowPolicy(Mirror usual, Map<String, Mirror> domains, Map<String, Mirror> projects, Measure measure, Duration timeout) {
  /** How like two answers are. */
  public enum Measure {
    /** The words they share. */
    LEXICAL,
    /** The angle between their sentence vectors. */
    MINILM
  }

  /**
   * A share and a model; what is null is as the more general one says.
   *
   * @param share of the requests, per cent
   */
  record Mirror(@Nullable String model, @Nullable Double share) {
    static final Mirror OFF = new Mirror("", 0.0);
    static final Mirror OPEN = new Mirror(null, null);

    Mirror over(Mirror general) {
      return new Mirror(model == null ? general.model : model, share == null ? general.share : share);
    }

    boolean on() {
      return share != null && share > 0 && model != null && !model.isEmpty();
    }
  }

  private static final BigDecimal HUNDRED = new BigDecimal("100");
  private static final List<String> MIRROR = List.of("model", "share");
  private static final List<String> KEYS = List.of("model", "share", "domains", "projects", "measure", "timeout-ms");

  /**
   * Reads the key; what else stands in the file is others' business.
   *
   * @param domains those that there are
   * @throws ConfigError naming file, key, value and what is allowed
   */
  public static ShadowPolicy read(byte[] yaml, String file, ModelCatalog catalogue, List<String> domains) {
    ConfigNode node = ConfigNode.read(yaml, file).get("shadows");
    if (!node.present()) {
      return new ShadowPolicy(Mirror.OFF, Map.of(), Map.of(), Measure.LEXICAL, Duration.ofMinutes(1));
    }
    node.onlyKeys(KEYS);
    Mirror usual = mirror(node, catalogue).over(Mirror.OFF);
    Map<String, Mirror> ofDomains = mirrors(node.get("domains"), catalogue);
    node.get("domains").entries().forEach((name, entry) -> {
      if (!domains.contains(name)) {
        throw entry.error("unknown domain; allowed are " + String.join(", ", domains));
      }
    });
    Map<String, Mirror> ofProjects = mirrors(node.get("projects"), catalogue);
    List<Mirror> all = new ArrayList<>(ofProjects.values().stream().map(each -> each.over(usual)).toList());
    all.add(usual);
    boolean nobody = all.stream().anyMatch(each -> each.share() > 0 && each.model().isEmpty())
        || ofDomains.values().stream().anyMatch(each -> each.model() == null && each.share() != null && each.share() > 0 && all.stream().anyMatch(general -> general.model().isEmpty()));
    if (nobody) {
      throw node.error("a share of more than 0 needs a `model` that shadows, there or above it");
    }
    ConfigNode measure = node.get("measure");
    if (measure.present() && !List.of("lexical", "minilm").contains(measure.scalar())) {
      throw measure.error("allowed are lexical, minilm");
    }
    return new ShadowPolicy(usual, ofDomains, ofProjects, measure.present() && measure.scalar().equals("minilm") ? Measure.MINILM : Measure.LEXICAL, Duration.ofMillis(node.get("timeout-ms").count(60_000, 100, 600_000)));
  }

  private static Map<String, Mirror> mirrors(ConfigNode node, ModelCatalog catalogue) {
    Map<String, Mirror> mirrors = new LinkedHashMap<>();
    node.entries().forEach((name, entry) -> mirrors.put(name, mirror(entry.onlyKeys(MIRROR), catalogue)));
    return mirrors;
  }

  private static Mirror mirror(ConfigNode node, ModelCatalog catalogue) {
    ConfigNode share = node.get("share");
    ConfigNode model = node.get("model");
    return new Mirror(model.present() && !model.scalar().isEmpty() ? chatModel(model, catalogue) : null, share.present() ? (Double) share.decimal(HUNDRED).doubleValue() : null);
  }

  private static String chatModel(ConfigNode value, ModelCatalog catalogue) {
    Model model = catalogue.find(value.text()).orElseThrow(() -> value.error("is not in the catalogue; list it in models.yaml or name another"));
    if (!model.mode().equals("chat")) {
      throw value.error("is no chat model");
    }
    return model.id();
  }

  /** Is anything shadowed at all? */
  boolean on() {
    return usual.on() || !domains.isEmpty() || !projects.isEmpty();
  }

  /** What holds for a request: its domain's word goes before its project's, that before the usual. */
  Mirror of(String project, String domain) {
    return domains.getOrDefault(domain, Mirror.OPEN).over(projects.getOrDefault(project, Mirror.OPEN)).over(usual);
  }
}
