/**
 * Room: the HTTP server around the routes: answers health while Camel starts, reads bodies under a cap and a deadline, knows when a caller hung up, and says every error as JSON.
 */
@NullMarked
package io.dromedary.server;

import org.jspecify.annotations.NullMarked;
