package dev.signoff.client;

import java.util.Map;

/**
 * What the function of a gated call gets.
 *
 * @param approvalId the approval by which it runs
 * @param arguments the arguments to run with, and no others; cannot be changed. Those of the
 *     request are as they were given. In edited ones whole numbers are {@link Long}s and other
 *     numbers {@link Double}s
 * @param edited whether a reviewer edited the arguments
 */
public record Run(String approvalId, Map<String, Object> arguments, boolean edited) {}
