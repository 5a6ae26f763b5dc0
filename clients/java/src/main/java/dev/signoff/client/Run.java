package dev.signoff.client;

import java.util.Map;

/**
 * An approved call: the function may run once, with these arguments.
 *
 * @param approvalId the approval
 * @param arguments the only arguments to run with; immutable. They are rebuilt from the approved
 *     JSON, edited or not: keys in canonical order, whole numbers within ±(2^53 − 1) as {@link
 *     Long}s, and other numbers as {@link Double}s
 * @param edited whether a reviewer edited the arguments
 */
public record Run(String approvalId, Map<String, Object> arguments, boolean edited) {}
