/** Projects, keys, agents and what the operator does with them, from outside by HTTP. */
@NullMarked
package io.dromedary.tenants;

import org.jspecify.annotations.NullMarked;
