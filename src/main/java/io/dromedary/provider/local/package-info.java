/** Models in this process. Routes call {@code miniLm} ({@link io.dromedary.provider.local.MiniLm}) inside its Kamelet. */
@NullMarked
package io.dromedary.provider.local;

import org.jspecify.annotations.NullMarked;
