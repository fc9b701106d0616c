package io.dromedary.ranking;

import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Candidates;
import io.dromedary.catalog.Decision;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Price;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.TokenCounter;
import io.dromedary.chat.Usage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Who may embed: the one model that the request names and, for a bare name, the same model at other accounts. Never another model: vectors of two models cannot be compared, so a fallback to one would spoil what they are stored
 * beside.
 */
public final class EmbeddingRanking {
  private final Supplier<ModelCatalog> catalogue;
  private final ProviderStates states;
  private final Predicate<String> embeds;

  /** @param embeds whether a provider makes embeddings here at all */
  public EmbeddingRanking(Supplier<ModelCatalog> catalogue, ProviderStates states, Predicate<String> embeds) {
    this.catalogue = catalogue;
    this.states = states;
    this.embeds = embeds;
  }

  /** @throws Problem 400 for a model or provider that makes no embeddings, 404 for a model that is not served here, 422 for one that the caller's policy forbids */
  public Candidates rank(EmbeddingRequest request) {
    ModelCatalog models = catalogue.get();
    String name = request.model();
    if (name.equals("auto") || name.equals("route-llm") || name.startsWith("auto:") || name.startsWith("router-")) {
      throw wrong("`" + Problem.clip(name) + "` chooses among chat models; " + example());
    }
    List<Model> well = new ArrayList<>(1);
    List<Model> unwell = new ArrayList<>(0);
    Model home = null;
    Problem why = null;
    for (Model model : models.named(name)) {
      if (home != null && !home.name().equals(model.name())) {
        continue;
      }
      if (!model.mode().equals("embedding")) {
        why = why != null ? why : wrong("`" + model.id() + "` is a chat model" + (embeds.test(model.provider()) ? "" : ", and provider `" + model.provider() + "` has no embeddings") + "; " + example());
      } else if (!embeds.test(model.provider())) {
        why = why != null ? why : noEmbeddings(model.provider());
      } else if (forbidden(request, model) != null) {
        why = why != null ? why : Problem.noEligibleModel("`" + model.id() + "` may not answer: " + forbidden(request, model));
      } else if (!states.active(model.provider())) {
        why = why != null ? why : new Problem(404, "invalid_request_error", "the model `" + model.id() + "` is not served here: provider `" + model.provider() + "` has no key, does not answer or was left out")
            .code("model_not_found").param("model");
      } else {
        home = home == null ? model : home;
        (states.available(model.provider()) ? well : unwell).add(model);
        if (name.indexOf('/') >= 0) {
          break;
        }
      }
    }
    well.addAll(unwell);
    if (well.isEmpty()) {
      if (why != null) {
        throw why;
      }
      Model unlisted = unlisted(models, name);
      String forbidden = forbidden(request, unlisted);
      if (forbidden != null) {
        throw Problem.noEligibleModel("`" + unlisted.id() + "` may not answer: " + forbidden);
      }
      well.add(unlisted);
    }
    List<Candidate> ranked = new ArrayList<>(well.size());
    for (Model model : well) {
      ranked.add(candidate(request, model, ranked.isEmpty() ? "named by the request" : "the same model at another provider"));
    }
    return new Candidates(ranked, new Decision(name, "embedding", null, "named by the request", List.of()));
  }

  private static @Nullable String forbidden(EmbeddingRequest request, Model model) {
    return request.policy().forbids(model.provider(), model.name(), model.id(), model.tags());
  }

  private Model unlisted(ModelCatalog models, String name) {
    int slash = name.indexOf('/');
    String provider = slash < 0 ? "" : name.substring(0, slash);
    if (ModelCatalog.PROVIDERS.contains(provider) && !embeds.test(provider)) {
      throw noEmbeddings(provider);
    }
    Set<String> active = new HashSet<>();
    if (states.active(provider)) {
      active.add(provider);
    }
    return models.resolve(name, active).embedding();
  }

  private static Candidate candidate(EmbeddingRequest request, Model model, String why) {
    Price price = model.price(request.receivedAt());
    long tokens = TokenCounter.inputAtMost(request) / 3;
    return new Candidate(model, price == null ? null : price.cost(new Usage(tokens, 0, 0, 0, 0, true)), model.quality(), Duration.ofMillis(model.latencyMs()), why);
  }

  private Problem noEmbeddings(String provider) {
    return wrong("provider `" + provider + "` has no embeddings; " + example());
  }

  private String example() {
    return catalogue.get().all().stream().filter(model -> model.mode().equals("embedding") && embeds.test(model.provider()) && states.active(model.provider())).map(Model::id).findFirst()
        .map(id -> "name an embedding model, such as `" + id + "`").orElse("no provider with embeddings takes part here");
  }

  private static Problem wrong(String message) {
    return Problem.badField("model", message);
  }
}
