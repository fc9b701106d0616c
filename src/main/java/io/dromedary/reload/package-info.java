/** Configuration that changes while the gateway runs: all files are read and checked together and put in force together. Routes call {@code configReload}. */
@NullMarked
package io.dromedary.reload;

import org.jspecify.annotations.NullMarked;
