/**
 * Client of Signoff, an approvals server for AI agents: a connection, and the gate, which runs a
 * tool only after an approval.
 *
 * <p>{@link dev.signoff.client.SignoffClient} is the entry point. The messages and stubs of the
 * protocol are in the package {@code dev.signoff.v1}, which is generated from the server's own
 * definitions.
 */
package dev.signoff.client;
