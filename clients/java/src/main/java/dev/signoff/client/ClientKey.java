package dev.signoff.client;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Whether a key is that of a certificate, which a handshake would show only later. */
final class ClientKey {
  private static final Pattern PEM =
      Pattern.compile("-----BEGIN PRIVATE KEY-----([^-]+)-----END PRIVATE KEY-----");

  /** By the kind of the key: those that Netty takes. */
  private static final Map<String, String> SIGNATURES =
      Map.of("RSA", "SHA256withRSA", "EC", "SHA256withECDSA");

  private ClientKey() {}

  /**
   * Checks PEM files. Other kinds of keys are left to Netty.
   *
   * @throws IllegalArgumentException if the key is another one, or the files hold nothing of use
   */
  static void requirePair(byte[] certificate, byte[] key) {
    try {
      PublicKey shown =
          CertificateFactory.getInstance("X.509")
              .generateCertificate(new ByteArrayInputStream(certificate))
              .getPublicKey();
      String kind = SIGNATURES.get(shown.getAlgorithm());
      if (kind != null && !signs(privateKey(shown.getAlgorithm(), key), shown, kind)) {
        throw new IllegalArgumentException("key does not belong to certificate");
      }
    } catch (GeneralSecurityException e) {
      throw new IllegalArgumentException("Cannot use certificate or key", e);
    }
  }

  private static PrivateKey privateKey(String algorithm, byte[] key)
      throws GeneralSecurityException {
    Matcher pem = PEM.matcher(new String(key, StandardCharsets.ISO_8859_1));
    if (!pem.find()) {
      throw new IllegalArgumentException("key is not a PEM file in PKCS #8 form");
    }
    byte[] encoded = Base64.getMimeDecoder().decode(pem.group(1));
    return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(encoded));
  }

  private static boolean signs(PrivateKey key, PublicKey shown, String kind)
      throws GeneralSecurityException {
    byte[] text = {1};
    Signature signature = Signature.getInstance(kind);
    signature.initSign(key);
    signature.update(text);
    byte[] signed = signature.sign();
    signature.initVerify(shown);
    signature.update(text);
    return signature.verify(signed);
  }
}
