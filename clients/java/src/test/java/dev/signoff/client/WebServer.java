package dev.signoff.client;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** A server that speaks HTTP/2 without TLS, knows nothing of gRPC, and answers one status. */
final class WebServer implements AutoCloseable {
  private static final int PREFACE_BYTES = 24;
  private static final int DATA = 0;
  private static final int HEADERS = 1;
  private static final int SETTINGS = 4;
  private static final int END_STREAM = 1;
  private static final int END_HEADERS = 4;

  private final ServerSocket socket;
  private final int status;

  WebServer(int status) throws IOException {
    this.status = status;
    socket = new ServerSocket(0, 8, InetAddress.getLoopbackAddress());
    Thread accepting = new Thread(this::accept);
    accepting.setDaemon(true);
    accepting.start();
  }

  String address() {
    return "http://127.0.0.1:" + socket.getLocalPort();
  }

  private void accept() {
    while (!socket.isClosed()) {
      try (Socket connection = socket.accept()) {
        serve(
            new DataInputStream(connection.getInputStream()),
            new DataOutputStream(connection.getOutputStream()));
      } catch (IOException e) {
        // The client has gone, or the test is over.
        continue;
      }
    }
  }

  private void serve(DataInputStream in, DataOutputStream out) throws IOException {
    in.skipNBytes(PREFACE_BYTES);
    frame(out, SETTINGS, 0, 0, new byte[0]);
    while (true) {
      int length = in.readUnsignedByte() << 16 | in.readUnsignedShort();
      int type = in.readUnsignedByte();
      in.readUnsignedByte();
      int stream = in.readInt();
      in.skipNBytes(length);
      if (type == HEADERS) {
        frame(out, HEADERS, END_HEADERS, stream, headers());
        frame(out, DATA, END_STREAM, stream, "<html>".getBytes(StandardCharsets.US_ASCII));
      }
    }
  }

  /** By HPACK: `:status` is name 8 of the static table, and `content-type` is 31. */
  private byte[] headers() {
    String block = "\u0008\u0003" + status + "\u000f\u0010\u0009text/html";
    return block.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static void frame(DataOutputStream out, int type, int flags, int stream, byte[] payload)
      throws IOException {
    out.writeByte(0);
    out.writeShort(payload.length);
    out.writeByte(type);
    out.writeByte(flags);
    out.writeInt(stream);
    out.write(payload);
    out.flush();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
