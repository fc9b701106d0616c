/**
 * Room: how hard a request looks, 0 to 1, and its tier. Routes call the bean {@code complexityScorers}: {@code score(${variable.request})}.
 *
 * <p>Scored is the last user message. A follow-up of at most three words that is no greeting ("go on", "and then?") says nothing of its own, so the user message before it is scored instead.
 */
@NullMarked
package io.dromedary.complexity;

import org.jspecify.annotations.NullMarked;
