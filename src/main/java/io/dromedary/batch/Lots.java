package io.dromedary.batch;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Cargo;
import io.dromedary.catalog.Lot;
import io.dromedary.catalog.LotNews;
import java.time.Clock;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What routes ask about lots on their way: their requests, and what the provider's word means for them. Each answer is durable before it is given. */
public final class Lots {
  /** What is to be done with the lines of a lot. */
  public enum Next {
    /** Wait. */
    WAIT,
    /** Fetch the results. */
    COLLECT,
    /** There will be none, and nothing is charged. */
    DISSOLVE,
    /** There will be none, and they may have been charged. */
    FORFEIT
  }

  /** @param charged lines that the provider says it has answered, and so charges for */
  public record Verdict(Next next, int charged) {}

  private static final Logger LOG = LoggerFactory.getLogger(BatchRunner.class);

  private final LotStore store;
  private final RideRules rules;
  private final Clock clock;

  public Lots(BatchStore store, RideRules rules, Clock clock) {
    this.store = new LotStore(store, clock);
    this.rules = rules;
    this.clock = clock;
  }

  LotStore store() {
    return store;
  }

  RideRules rules() {
    return rules;
  }

  /** Tells how far the lots of a batch are. */
  void show(ObjectNode batch, String batchId) {
    List<Lot> all = store.lots(batchId);
    if (!all.isEmpty()) {
      ArrayNode told = batch.putArray("x_dromedary_provider_batches");
      for (Lot lot : all) {
        told.addObject().put("id", lot.id()).put("provider", lot.provider()).put("model", lot.model()).put("state", lot.state()).put("provider_batch_id", lot.theirId()).put("total", lot.requests()).put("done", lot.done());
      }
    }
  }

  /** Notes that a lot is about to be sent: from now on it may be there. @return its requests */
  public Cargo sending(Lot lot) {
    store.state(lot, Lot.SENDING, null, 0, lot.tries());
    return store.cargo(lot);
  }

  /** Ids of batches that are other lots. */
  public Set<String> known(Lot lot) {
    return store.known(lot);
  }

  /** What the word on a step of this lot means for it. */
  public Verdict heard(Lot lot, LotNews news) {
    return new Verdict(next(lot, news), news.succeeded());
  }

  private Next next(Lot lot, LotNews news) {
    return switch (lot.state()) {
      case Lot.READY -> switch (news.word()) {
        case GOES_ON, ENDED -> found(lot, news);
        case LATER -> again(lot, news, Next.DISSOLVE);
        case IN_DOUBT, ABSENT -> waits(lot, "sending is in doubt: " + news.words());
        case REFUSED -> refused(lot, news);
      };
      case Lot.SENDING -> switch (news.word()) {
        case GOES_ON, ENDED -> found(lot, news);
        case REFUSED -> refused(lot, news);
        case ABSENT -> clock.millis() - lot.sentAtMs() > rules.lostAfter().toMillis() ? again(lot, news, Next.DISSOLVE) : Next.WAIT;
        default -> Next.WAIT;
      };
      case Lot.LEAVING -> {
        if (news.word() == LotNews.Word.GOES_ON) {
          store.state(lot, Lot.LEFT, lot.theirId(), lot.done(), 0);
        }
        yield Next.WAIT;
      }
      default -> switch (news.word()) {
        case ENDED -> Next.COLLECT;
        case REFUSED -> refused(lot, news);
        case ABSENT -> again(lot, news, Next.FORFEIT);
        case GOES_ON -> {
          if (news.done() != lot.done() || lot.tries() > 0) {
            store.state(lot, lot.state(), lot.theirId(), news.done(), 0);
          }
          yield Next.WAIT;
        }
        default -> Next.WAIT;
      };
    };
  }

  private Next found(Lot lot, LotNews news) {
    store.state(lot, Lot.SENT, news.theirId(), news.done(), 0);
    LOG.info("batch={} lot={} provider={} model={} lines={} sent as {}", lot.batchId(), lot.id(), lot.provider(), lot.model(), lot.requests(), news.theirId());
    return Next.WAIT;
  }

  private static Next waits(Lot lot, String why) {
    LOG.warn("batch={} lot={} provider={}: {}", lot.batchId(), lot.id(), lot.provider(), why);
    return Next.WAIT;
  }

  private static Next refused(Lot lot, LotNews news) {
    LOG.warn("batch={} lot={} provider={} is refused: {}", lot.batchId(), lot.id(), lot.provider(), news.words());
    return Next.DISSOLVE;
  }

  /** Not yet, a limited number of times. */
  private Next again(Lot lot, LotNews news, Next otherwise) {
    if (lot.tries() + 1 >= rules.tries()) {
      LOG.warn("batch={} lot={} provider={} is given up after {} tries: {} {}", lot.batchId(), lot.id(), lot.provider(), rules.tries(), news.word(), news.words());
      return otherwise;
    }
    store.state(lot, otherwise == Next.FORFEIT ? lot.state() : Lot.READY, otherwise == Next.FORFEIT ? lot.theirId() : null, lot.done(), lot.tries() + 1);
    return Next.WAIT;
  }
}
