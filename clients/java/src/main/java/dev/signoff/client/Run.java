package dev.signoff.client;

import java.util.Map;

/**
 * What the function of a gated call gets.
 *
 * @param approvalId the approval by which it runs
 * @param arguments the arguments to run with, and no others; cannot be changed. They are made anew
 *     of what was approved, edited or not: keys in canonical order, whole numbers within ±(2^53 −
 *     1) as {@link Long}s, and other numbers as {@link Double}s
 * @param edited whether a reviewer edited the arguments
 */
public record Run(String approvalId, Map<String, Object> arguments, boolean edited) {}
