/**
 * Client of Signoff, an approvals server for AI agents: a connection, and the gate that runs a tool
 * only with a yes.
 *
 * <p>{@link dev.signoff.client.SignoffClient} is where to begin. The messages and stubs of the
 * protocol are in the package {@code dev.signoff.v1}, which is generated from the server's own
 * definitions.
 */
package dev.signoff.client;
