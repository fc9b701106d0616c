package io.dromedary.ranking;

import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.Topic;
import io.dromedary.chat.ChatRequest;
import org.jspecify.annotations.Nullable;

/**
 * How good an answer models are expected to give to one request, 0 to 1: the seam where a trained model of the request and what was learned from feedback change the catalogue's prior. Asked once a request, then once
 * a candidate; both must be quick, without I/O, and not throw.
 */
@FunctionalInterface
public interface ExpectedQuality {
  /** The catalogue's prior, whatever is asked. */
  ExpectedQuality PRIOR = (request, complexity) -> Model::quality;

  /** @param complexity how hard the request was found, null where nobody scored it (a model named by the request) */
  OfModel at(ChatRequest request, @Nullable Complexity complexity);

  /** The same, for those who also look at what the request is about. */
  default OfModel at(ChatRequest request, @Nullable Complexity complexity, Topic topic) {
    return at(request, complexity);
  }

  /** What is expected of each model, for one request. */
  @FunctionalInterface
  interface OfModel {
    double of(Model model);
  }
}
