package io.dromedary.limit;

import java.util.List;

/** Where gauges are kept. A lane is what is decided in one step: all books of a project, or those of a provider account. */
interface Books {
  /** Takes all claims or none. */
  Verdict take(String lane, List<Claim> claims);

  /** Settles what was taken; may be done a little later. */
  void give(String lane, List<Return> returns);

  /** How gauges stand, with nothing taken. */
  List<Level> look(String lane, List<Claim> claims);
}
