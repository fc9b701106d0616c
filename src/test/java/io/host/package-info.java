/** An application of somebody else's that has Dromedary as a library. */
@NullMarked
package io.host;

import org.jspecify.annotations.NullMarked;
