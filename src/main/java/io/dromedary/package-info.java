/** Dromedary: an LLM gateway that is a set of Camel routes. This package is the front door and the wiring; the rooms are the packages below it. */
@NullMarked
package io.dromedary;

import org.jspecify.annotations.NullMarked;
