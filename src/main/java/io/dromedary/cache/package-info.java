/**
 * Room: remembering answers. {@link io.dromedary.cache.CacheKey} says which requests are the same, {@link io.dromedary.cache.CachePolicy} which answers may be kept, {@link io.dromedary.cache.Coalescer} lets one of many equal
 * requests ask for all, {@link io.dromedary.cache.AnswerCache} keeps and purges. Routes call {@code cacheKey}, {@code cachePolicy}, {@code coalescer} and {@code answerCache}.
 */
@NullMarked
package io.dromedary.cache;

import org.jspecify.annotations.NullMarked;
