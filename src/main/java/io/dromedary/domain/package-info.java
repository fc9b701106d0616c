/**
 * Room: what a request is about (medical, legal, ... and the operator's own domains) and what it wants done (code, summary, translation, ...). Counted from weighted terms, in this process, some microseconds a request. Routes call
 * the bean {@code topics}: {@code of} gives a {@link io.dromedary.catalog.Topic}. The words are in {@code lexicon.yaml} beside this class; domains and their terms are configured in {@code config/routing.yaml}.
 */
@NullMarked
package io.dromedary.domain;

import org.jspecify.annotations.NullMarked;
