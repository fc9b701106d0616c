package io.dromedary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.budget.Budgets;
import io.dromedary.catalog.Candidates;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Usd;
import io.dromedary.limit.RateLimits;
import io.dromedary.ranking.CandidateRanking;
import io.dromedary.spend.AttemptBook;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** What a decision's page says of money and limits: whether the request, and which of its candidates, would be refused as things stand. Takes, holds and tells nothing. */
public final class Rehearsal {
  private final RateLimits limits;
  private final Budgets budgets;
  private final AttemptBook book;
  private final Supplier<ModelCatalog> catalogue;
  private final CandidateRanking ranking;

  Rehearsal(RateLimits limits, Budgets budgets, AttemptBook book, Supplier<ModelCatalog> catalogue, CandidateRanking ranking) {
    this.ranking = ranking;
    this.limits = limits;
    this.budgets = budgets;
    this.book = book;
    this.catalogue = catalogue;
  }

  /** Notes each refusal beside its candidate; the {@code model} of the page becomes the first that would be asked, the estimate is its own, and {@code refused} says why nobody would be. */
  public ObjectNode onPage(ObjectNode page, ChatRequest request, Caller caller, Candidates candidates) {
    Problem all = limits.rehearse(request, caller);
    String first = null;
    Problem last = null;
    for (String list : List.of("candidates", "models")) {
      for (JsonNode each : page.path(list)) {
        ObjectNode entry = (ObjectNode) each;
        Problem problem = of(request, caller, model(entry.path("model").asText()));
        if (problem != null) {
          refused(entry, problem);
          // as the request would hear it: the word on a budget before any other
          last = last == null || "budget_exceeded".equals(problem.code()) && !"budget_exceeded".equals(last.code()) ? problem : last;
        } else if (first == null) {
          first = entry.path("model").asText();
        }
      }
    }
    if (all != null || last != null && first == null) {
      refused(page, all != null ? all : last);
      page.putNull("model");
      ranking.estimate(page.putObject("estimate"), request, candidates, null);
    } else if (last != null) {
      page.put("model", first);
      ranking.estimate(page.putObject("estimate"), request, candidates, model(first));
    }
    return page;
  }

  /** Lets a call that nobody waits for go ahead only where twice the most that it can cost is left in every budget. @throws Problem why it may not */
  public void afford(ChatRequest request, Caller caller, Candidates candidates) {
    Model model = candidates.ranked().get(0).model();
    Usd most = book.upperBound(request, model);
    Problem problem = budgets.rehearse(request, caller, model, most == null ? null : most.plus(most));
    if (problem != null) {
      throw problem;
    }
  }

  private Model model(String id) {
    ModelCatalog models = catalogue.get();
    return models.find(id).orElseGet(() -> models.resolve(id, Set.of(id.substring(0, Math.max(0, id.indexOf('/'))))));
  }

  private @Nullable Problem of(ChatRequest request, Caller caller, Model model) {
    Problem problem = budgets.rehearse(request, caller, model, book.upperBound(request, model));
    if (problem != null) {
      return problem;
    }
    String passedOver = limits.rehearse(request, caller, model);
    return passedOver == null ? null : new Problem(429, "requests", passedOver).code("rate_limit_exceeded");
  }

  private static void refused(ObjectNode node, Problem problem) {
    node.putObject("refused").put("status", problem.status()).put("code", problem.code()).put("message", problem.getMessage());
  }
}
