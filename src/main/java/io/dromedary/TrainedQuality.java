package io.dromedary;

import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.Topic;
import io.dromedary.chat.ChatRequest;
import io.dromedary.complexity.LearnedScorer;
import io.dromedary.complexity.QualityModel;
import io.dromedary.feedback.QualityEstimates;
import io.dromedary.ranking.ExpectedQuality;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The catalogue's prior of a model's quality, moved by what the trained file knows of the request: of a model that it was trained on what it expects of that very model, of any other by how easy the request is for those.
 * A request whose model is named is not read for it.
 */
public final class TrainedQuality implements ExpectedQuality {
  private final LearnedScorer learned;
  private final Map<String, Integer> trained = new HashMap<>();

  /** @param learned whose trained file it asks; a file without scored models leaves the prior as it is */
  public TrainedQuality(LearnedScorer learned) {
    this.learned = learned;
    QualityModel models = learned.models();
    if (models != null) {
      for (String name : models.models()) {
        trained.put(name, trained.size());
      }
    }
  }

  @Override
  public OfModel at(ChatRequest request, @Nullable Complexity complexity) {
    if (complexity == null || trained.isEmpty()) {
      return Model::quality;
    }
    return new AtRequest(request, complexity);
  }

  /** The same, moved by what was learned from feedback and outcomes: what ranking and constraints take for the quality of a model's answer. */
  public ExpectedQuality with(QualityEstimates estimates) {
    return new ExpectedQuality() {
      @Override
      public OfModel at(ChatRequest request, @Nullable Complexity complexity) {
        return at(request, complexity, Topic.NONE);
      }

      @Override
      public OfModel at(ChatRequest request, @Nullable Complexity complexity, Topic topic) {
        OfModel prior = TrainedQuality.this.at(request, complexity);
        String tier = complexity == null ? "" : complexity.tier().name();
        return model -> estimates.expected(model.id(), prior.of(model), topic.task(), tier);
      }
    };
  }

  /** Reads the request when the first model is asked about. */
  private final class AtRequest implements OfModel {
    private final ChatRequest request;
    private final Complexity complexity;
    private QualityModel.@Nullable Read read;
    private boolean asked;

    AtRequest(ChatRequest request, Complexity complexity) {
      this.request = request;
      this.complexity = complexity;
    }

    @Override
    public double of(Model model) {
      if (!asked) {
        asked = true;
        read = learned.quality(request, complexity);
      }
      if (read == null) {
        return model.quality();
      }
      Integer known = trained.get(model.name());
      return known == null ? read.of(model.quality()) : read.of(known.intValue());
    }
  }
}
