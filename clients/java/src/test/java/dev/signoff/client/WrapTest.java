package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Struct;
import dev.signoff.v1.RequestApprovalRequest;
import dev.signoff.v1.RequestApprovalResponse;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Functions of records behind the gate: what runs is what was approved. */
class WrapTest {
  private FakeServer server;
  private SignoffClient client;

  @BeforeEach
  void start() throws IOException {
    server = new FakeServer();
    server.onClaim.then(server::grant);
    server.onReport.then(FakeServer::accept);
    client = server.client();
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
  }

  private <A extends Record> Runner run(Class<A> type, A arguments) {
    GatedFunction<A, A, RuntimeException> gated = client.gate("send").wrap(type, given -> given);
    return Runner.of(() -> gated.call(arguments));
  }

  /** Makes something else of what it is given, and of that again. */
  record Mail(String to) {
    Mail {
      to = "x-" + to;
    }
  }

  @Test
  @DisplayName("a record that would be another one when it runs is not asked for")
  void changedByItself() {
    Refusal.InvalidArguments refusal =
        run(Mail.class, new Mail("a")).failure(Refusal.InvalidArguments.class);
    assertEquals("to", refusal.path());
    assertEquals("is changed by the record Mail", refusal.problem());
    assertTrue(server.asked.isEmpty());
  }

  private static Struct struct(Map<String, ?> arguments) throws Refusal {
    return Arguments.of("send", arguments).message();
  }

  @Test
  @DisplayName("edited arguments that the record changes are not run")
  void editedAndChanged() throws Exception {
    Struct edited = struct(Map.of("to", "B"));
    server.onAsk.then((request, stream) -> server.approveEdited(request, edited, stream));
    Refusal.InvalidEdit refusal =
        run(Lower.class, new Lower("a")).failure(Refusal.InvalidEdit.class);
    assertEquals("to", refusal.path());
    assertEquals("is changed by the record Lower", refusal.problem());
    assertEquals(FakeServer.ID, refusal.approvalId());
    assertTrue(server.claimed.isEmpty());
  }

  /** Keeps what is lower case. */
  record Lower(String to) {
    Lower {
      to = to.toLowerCase(Locale.ROOT);
    }
  }

  /** Cannot be read when it is great. */
  record Small(int n) {
    @Override
    public int n() {
      if (n > 10) {
        throw new IllegalStateException("too great");
      }
      return n;
    }
  }

  @Test
  @DisplayName("edited arguments that cannot be read from the record are not run")
  void editedAndUnreadable() throws Exception {
    Struct edited = struct(Map.of("n", 11));
    server.onAsk.then((request, stream) -> server.approveEdited(request, edited, stream));
    Refusal.InvalidEdit refusal = run(Small.class, new Small(1)).failure(Refusal.InvalidEdit.class);
    assertEquals(
        new Misfit("n", "cannot be read: too great"),
        new Misfit(refusal.path(), refusal.problem()));
    assertTrue(server.claimed.isEmpty());
  }

  record Group(List<String> names) {}

  @Test
  @DisplayName("lists that are changed meanwhile are not run")
  void changedMeanwhile() throws Exception {
    BlockingQueue<StreamObserver<RequestApprovalResponse>> streams = new LinkedBlockingQueue<>();
    server.onAsk.then((request, stream) -> streams.add(stream));
    List<String> names = new ArrayList<>(List.of("a"));
    Runner runner = run(Group.class, new Group(names));
    RequestApprovalRequest request = server.asked.take();
    names.add("b");
    server.approve(request, streams.take());
    assertEquals(new Group(List.of("a")), runner.result());
  }

  /** Its copy is another one. */
  record Team(List<String> names) {
    Team {
      names = new ArrayList<>(names);
      names.add("boss");
    }
  }

  @Test
  @DisplayName("records that cannot be copied are not asked for")
  void changedByCopying() {
    run(Team.class, new Team(List.of("a"))).failure(Refusal.InvalidArguments.class);
    assertTrue(server.asked.isEmpty());
  }

  record Anything(Object value) {}

  @Test
  @DisplayName("a record where any object may be is none of JSON's values")
  void recordAsObject() {
    Refusal.InvalidArguments refusal =
        run(Anything.class, new Anything(List.of(new Group(List.of()))))
            .failure(Refusal.InvalidArguments.class);
    assertEquals("value[0]", refusal.path());
    refusal =
        run(Anything.class, new Anything(new Mail("a"))).failure(Refusal.InvalidArguments.class);
    assertEquals("value", refusal.path());
    assertTrue(server.asked.isEmpty());
  }
}
