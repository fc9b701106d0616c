/**
 * Room: what the operator looks after: the audit log, admin requests that come twice, and the doctor. Routes call {@code auditLog} ({@link io.dromedary.admin.AuditLog}) and {@code adminReplies}
 * ({@link io.dromedary.admin.AdminReplies}).
 */
@NullMarked
package io.dromedary.admin;

import org.jspecify.annotations.NullMarked;
