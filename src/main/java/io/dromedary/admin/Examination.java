package io.dromedary.admin;

import java.util.List;

/** One thing that the doctor looks at. A room that has something of its own to look at says so by a bean of this kind. */
public interface Examination {
  /** The part's name, for a look that fails. */
  String part();

  /** Looks; changes nothing and spends nothing. What it throws is told as an error of this part. */
  List<Finding> look() throws Exception;
}
