package io.dromedary.catalog;

/**
 * What a provider says of a batch.
 *
 * @param theirId the provider's id, "" where there is none
 * @param done lines it is done with
 * @param succeeded lines it has answered, and charges for
 * @param words why, for people; "" if there is nothing to say
 */
public record LotNews(Word word, String theirId, int done, int succeeded, String words) {
  /** How it stands. */
  public enum Word {
    /** It is there, and worked on. */
    GOES_ON,
    /** It is over; what it has may be fetched. */
    ENDED,
    /** It is not there. */
    ABSENT,
    /** The provider will not have it. */
    REFUSED,
    /** Nothing came of it, and later it may. */
    LATER,
    /** Nobody knows whether the provider took it. */
    IN_DOUBT
  }

  public static LotNews of(Word word, String words) {
    return new LotNews(word, "", 0, 0, words);
  }

  public boolean ended() {
    return word == Word.ENDED;
  }
}
