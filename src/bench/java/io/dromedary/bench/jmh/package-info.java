/** JMH benchmarks of the hot rooms. A class here with {@code @Benchmark} methods is found by itself. */
@NullMarked
package io.dromedary.bench.jmh;

import org.jspecify.annotations.NullMarked;
