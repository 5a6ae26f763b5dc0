package dev.signoff.client;

import java.io.Serializable;

/**
 * What the server knows of a claim that another runner took, as the metadata of its ErrorInfo says.
 * What is not known is empty.
 */
record EarlierClaim(
    String claimedBy, String claimTime, String result, String reportTime, String message)
    implements Serializable {
  private static final long serialVersionUID = 1;
}
