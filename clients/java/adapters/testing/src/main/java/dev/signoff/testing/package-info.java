/** What the adapters' tests have in common. */
package dev.signoff.testing;
