package io.dromedary.limit;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Books that all nodes share, and what is done while they cannot be reached: each node counts for itself, within its share of every limit (the limit divided by the number of nodes). So nobody is served without a limit, and nobody
 * is refused because Redis is down.
 */
final class SharedBooks implements Books, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SharedBooks.class);

  private final RedisBooks shared;
  private final HeapBooks own;
  private final int nodes;
  private final Runnable onOwn;
  private final AtomicBoolean away = new AtomicBoolean();

  /** @param onOwn hears of each decision that was made on this node's own share */
  SharedBooks(RedisBooks shared, HeapBooks own, int nodes, Runnable onOwn) {
    this.shared = shared;
    this.own = own;
    this.nodes = nodes;
    this.onOwn = onOwn;
  }

  @Override
  public Verdict take(String lane, List<Claim> claims) {
    try {
      Verdict verdict = shared.take(lane, claims);
      back();
      return verdict;
    } catch (RuntimeException e) {
      gone(e);
    }
    Verdict verdict = own.take(lane, shares(claims));
    return Verdict.of(verdict.levels().stream().map(Level::asOwn).toList());
  }

  @Override
  public void give(String lane, List<Return> returns) {
    List<Return> mine = new ArrayList<>(0);
    List<Return> theirs = new ArrayList<>(returns.size());
    returns.forEach(each -> (each.own() ? mine : theirs).add(each));
    if (!mine.isEmpty()) {
      own.give(lane, mine);
    }
    if (!theirs.isEmpty()) {
      shared.give(lane, theirs);
    }
  }

  @Override
  public List<Level> look(String lane, List<Claim> claims) {
    try {
      return shared.look(lane, claims);
    } catch (RuntimeException e) {
      return own.look(lane, shares(claims));
    }
  }

  private List<Claim> shares(List<Claim> claims) {
    return claims.stream().map(claim -> claim.share(nodes)).toList();
  }

  private void gone(RuntimeException why) {
    onOwn.run();
    if (!away.get() && away.compareAndSet(false, true)) {
      LOG.warn("Redis cannot be asked for the limits ({}); each node now holds its own share of them, one of {} (dromedary.rate-limits.nodes)", why.getMessage(), nodes);
    }
  }

  private void back() {
    if (away.get() && away.compareAndSet(true, false)) {
      LOG.info("Redis answers again; limits are shared by all nodes");
    }
  }

  boolean away() {
    return away.get();
  }

  @Override
  public void close() {
    shared.close();
  }
}
