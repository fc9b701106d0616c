/** Measures the semantic cache on anyone's data: pairs, and a search for what was asked before in other words. */
@NullMarked
package io.dromedary.bench.semantic;

import org.jspecify.annotations.NullMarked;
