package io.dromedary.cache;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToIntFunction;

/** Purges answers wherever they are kept: this node's memory first, then the other places by their names. */
public final class AnswerPurge {
  /** A place besides this node's memory. @param purges says how many went, -1 when that is yet to be done */
  public record Place(String name, ToIntFunction<AnswerCache.Purge> purges) {}

  private final AnswerCache memory;
  private final List<Place> places;

  public AnswerPurge(AnswerCache memory, List<Place> places) {
    this.memory = memory;
    this.places = List.copyOf(places);
  }

  /** @return how many went from memory, under {@code purged}, and from each other place under its name, -1 when that is yet to be done */
  public Map<String, Integer> purge(AnswerCache.Purge purge) {
    Map<String, Integer> purged = new LinkedHashMap<>();
    // What is kept elsewhere comes back into memory, so memory is emptied last; and first, so that nothing is served meanwhile.
    int here = memory.purge(purge);
    places.forEach(place -> purged.put(place.name(), place.purges().applyAsInt(purge)));
    purged.put("purged", here + memory.purge(purge));
    return purged;
  }
}
