package io.dromedary.provider;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.catalog.Arrival;
import io.dromedary.catalog.Cargo;
import io.dromedary.catalog.Lot;
import io.dromedary.catalog.LotNews;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One provider's batch API, beside the {@link WireFormat} that shows its key and tells its errors: paths, bodies and what its answers mean. Stateless and thread-safe; knows no sockets. */
public interface LotFormat {
  /** Where a file of requests is put before a batch is begun over it; null where the requests come with the call that begins it. */
  @Nullable String filesPath();

  /** Writes all requests: the file, or the body of the call that begins the batch. */
  void write(Lot lot, Cargo cargo, OutputStream out) throws IOException;

  /** Where a batch is begun, and where all are listed. */
  String batchesPath();

  /** What begins a batch over a file. */
  default byte[] begin(Lot lot, String fileId) {
    throw new UnsupportedOperationException("this provider takes no files");
  }

  String batchPath(String theirId);

  default String cancelPath(String theirId) {
    return batchPath(theirId) + "/cancel";
  }

  /** What is to be added to {@link #batchesPath} for a page of the list. @param after the last id of the page before, null for the first one */
  String page(@Nullable String after);

  /** Where the results of a batch that has ended are. */
  List<String> resultPaths(JsonNode batch);

  /** How a batch stands. */
  LotNews news(JsonNode batch);

  Instant createdAt(JsonNode batch);

  /** May this batch be the lot? True or false where its own words say so; null where only its results can tell. */
  @Nullable Boolean is(Lot lot, JsonNode batch);

  /** One line of the results, null if it is none. */
  @Nullable Arrival arrival(JsonNode line);
}
