package io.dromedary.provider;

import io.dromedary.catalog.Model;
import io.dromedary.chat.EmbeddingRequest;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * One provider's language for embeddings, beside the {@link WireFormat} that shows its key and tells its errors: a request to one HTTP body or, where the provider takes fewer inputs at once, several; each body's answer to
 * vectors. Stateless and thread-safe; knows no sockets.
 */
public interface EmbeddingFormat {
  /** A call for the inputs from {@code from} (included) to {@code to} (excluded). */
  record Part(int from, int to, WireFormat.Outgoing outgoing) {
    public int size() {
      return to - from;
    }
  }

  /**
   * The vectors of one part, in the order of its inputs.
   *
   * @param inputTokens as the provider counted them, -1 if it did not say
   */
  record Vectors(List<float[]> vectors, long inputTokens) {}

  /**
   * Translates a request; the parts cover the inputs without gaps, in order.
   *
   * @throws io.dromedary.chat.Problem 400 naming the parameter, where the provider cannot do what was asked
   */
  List<Part> write(EmbeddingRequest request, Model model);

  /**
   * Translates a 200 answer.
   *
   * @throws IOException if it is no answer of this provider, or not one vector for each input; the caller makes it {@link io.dromedary.chat.ProviderFailure.Kind#JUNK}
   */
  Vectors read(EmbeddingRequest request, Part part, byte[] body) throws IOException;

  /** How many tokens the input had, where a provider says so in a header of its answer (names in lower case); asked when the body does not say. -1 if it does not say either. */
  default long inputTokens(Map<String, String> headers) {
    return -1;
  }

  /** Where a provider's limits cut a request. */
  interface Writer {
    WireFormat.Outgoing write(int from, int to);
  }

  /**
   * Cuts a request into parts that a provider takes.
   *
   * @param mostInputs of one call
   * @param mostTokens of one call, by an upper estimate; a single input that has more goes alone, for the provider to judge
   */
  static List<Part> parts(EmbeddingRequest request, int mostInputs, long mostTokens, Writer writer) {
    List<Part> parts = new ArrayList<>(1);
    int size = request.inputs().size();
    int from = 0;
    long tokens = 0;
    for (int i = 0; i < size; i++) {
      long own = mostTokens == Long.MAX_VALUE ? 0 : io.dromedary.chat.TokenCounter.inputAtMost(request.inputs().get(i));
      if (i > from && (i - from == mostInputs || tokens + own > mostTokens)) {
        parts.add(new Part(from, i, writer.write(from, i)));
        from = i;
        tokens = 0;
      }
      tokens += own;
    }
    parts.add(new Part(from, size, writer.write(from, size)));
    return parts;
  }
}
