/** Official clients against the running gateway. */
@NullMarked
package io.dromedary.clients;

import org.jspecify.annotations.NullMarked;
