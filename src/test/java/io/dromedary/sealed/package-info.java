/** What strangers may send to the running gateway over real sockets, and what they get for it. */
@NullMarked
package io.dromedary.sealed;

import org.jspecify.annotations.NullMarked;
