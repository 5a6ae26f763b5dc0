package dev.signoff.client;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Locale;
import java.util.regex.Pattern;

/** Where a server is: {@code http://HOST:PORT} or {@code https://HOST:PORT}. */
record Address(boolean tls, String host, int port) {
  // Literal forms only: nothing is looked up, since what a name resolves to can change.
  private static final Pattern LOOPBACK =
      Pattern.compile(
          "localhost|127(\\.\\d{1,3}){3}|\\[(::1|0:0:0:0:0:0:0:1|::ffff:127(\\.\\d{1,3}){3})]");

  static Address parse(String text) {
    URI uri;
    try {
      uri = new URI(text.contains("://") ? text : "http://" + text);
    } catch (URISyntaxException e) {
      throw unfit();
    }
    String scheme = uri.getScheme().toLowerCase(Locale.ROOT);
    boolean tls = scheme.equals("https");
    boolean bare = uri.getUserInfo() == null && uri.getQuery() == null && uri.getFragment() == null;
    boolean pathless =
        uri.getPath() == null || uri.getPath().isEmpty() || uri.getPath().equals("/");
    if (!(tls || scheme.equals("http"))
        || uri.getHost() == null
        || !bare
        || !pathless
        || uri.getPort() > 65_535) {
      throw unfit();
    }
    int usual = tls ? 443 : 80;
    return new Address(tls, uri.getHost(), uri.getPort() < 0 ? usual : uri.getPort());
  }

  // Without the text: someone may have put a password, or the token, into it.
  private static IllegalArgumentException unfit() {
    return new IllegalArgumentException("an address is https://HOST:PORT or http://HOST:PORT");
  }

  boolean loopback() {
    return LOOPBACK.matcher(host.toLowerCase(Locale.ROOT)).matches();
  }

  @Override
  public String toString() {
    return (tls ? "https://" : "http://") + host + ":" + port;
  }
}
