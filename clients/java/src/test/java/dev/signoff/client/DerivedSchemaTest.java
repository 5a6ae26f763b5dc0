package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.Struct;
import dev.signoff.v1.RequestApprovalRequest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The schema that is sent with the calls of a wrapped function. */
class DerivedSchemaTest {
  private FakeServer server;
  private SignoffClient client;

  @BeforeEach
  void start() throws IOException {
    server = new FakeServer();
    server.onAsk.then(server::approve);
    server.onClaim.then(server::grant);
    server.onReport.then(FakeServer::accept);
    client = server.client();
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
  }

  enum Priority {
    LOW,
    HIGH
  }

  record Person(String name, Optional<String> mail) {}

  record Ticket(Person owner, Priority priority, List<Person> watchers, int votes, Object any) {}

  private static JsonElement json(Struct struct) {
    return JsonParser.parseString(new String(Canonical.json(struct), StandardCharsets.UTF_8));
  }

  @Test
  void schemasAreClosedAndEveryComponentIsRequired() {
    String person =
        """
        {"type": "object", "additionalProperties": false, "required": ["name", "mail"],
         "properties": {
           "name": {"type": "string"},
           "mail": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}
        """;
    String expected =
        """
        {"type": "object", "additionalProperties": false,
         "required": ["owner", "priority", "watchers", "votes", "any"],
         "properties": {
           "owner": %s,
           "priority": {"enum": ["LOW", "HIGH"]},
           "watchers": {"type": "array", "items": %s},
           "votes": {"type": "integer", "minimum": -2147483648, "maximum": 2147483647},
           "any": {}}}
        """
            .formatted(person, person);
    Struct schema = new RecordArguments<>(Ticket.class).schema().struct().orElseThrow();
    assertEquals(JsonParser.parseString(expected), json(schema));
  }

  private static final Person PERSON = new Person("alice", Optional.empty());

  private RequestApprovalRequest asked(Gate gate) throws Exception {
    gate.wrap(Person.class, person -> 1).call(PERSON);
    return server.asked.take();
  }

  @Test
  void schemasAreSentUnlessTheGateSaysOtherwise() throws Exception {
    Struct derived = new RecordArguments<>(Person.class).schema().struct().orElseThrow();
    Gate gate = client.gate("save");
    assertEquals(derived, asked(gate).getArgumentsSchema());
    assertFalse(asked(gate.deriveSchema(false)).hasArgumentsSchema());
    Struct own = asked(gate.argumentsSchema(Map.of("type", "object"))).getArgumentsSchema();
    assertEquals(1, own.getFieldsCount());
    Gate both = gate.deriveSchema(false).argumentsSchema(Map.of("type", "object"));
    assertEquals(own, asked(both).getArgumentsSchema());
    gate.wrap(Person.class, person -> 1).ask(PERSON);
    assertEquals(derived, server.asked.take().getArgumentsSchema());
    gate.wrap(arguments -> 1).call(Map.of("name", "alice"));
    assertFalse(server.asked.take().hasArgumentsSchema());
  }

  record Node(String name, List<Node> children) {}

  @Test
  void recursiveOnesAreLeftOutWithOneWarning() throws Exception {
    try (Log log = new Log()) {
      String tool = "tree_" + System.nanoTime();
      Node tree = new Node("a", List.of(new Node("b", List.of())));
      for (int i = 0; i < 2; i++) {
        Object result = client.gate(tool).wrap(Node.class, node -> node).call(tree);
        assertEquals(tree, result);
        assertFalse(server.asked.take().hasArgumentsSchema());
      }
      client.gate(tool + "_quiet").deriveSchema(false).wrap(Node.class, node -> node).call(tree);
      List<String> lines =
          log.lines(tool).stream().filter(line -> line.contains("schema")).toList();
      assertEquals(
          List.of(
              "No schema is sent with calls to "
                  + tool
                  + ": Node contains itself. An edit that does not fit is rejected only after the approval."),
          lines);
    }
  }

  record Wide0(Ticket a, Ticket b, Ticket c) {}

  record Wide1(Wide0 a, Wide0 b, Wide0 c) {}

  record Wide2(Wide1 a, Wide1 b, Wide1 c) {}

  record Wide3(Wide2 a, Wide2 b, Wide2 c) {}

  record Wide4(Wide3 a, Wide3 b, Wide3 c) {}

  record Wide5(Wide4 a, Wide4 b, Wide4 c) {}

  record Wide6(Wide5 a, Wide5 b, Wide5 c) {}

  record Wide7(Wide6 a, Wide6 b, Wide6 c) {}

  record Wide8(Wide7 a, Wide7 b, Wide7 c) {}

  record Wide9(Wide8 a, Wide8 b, Wide8 c) {}

  @Test
  void largeOnesAreLeftOutAndDerivedNoFurther() {
    assertTrue(new RecordArguments<>(Wide0.class).schema().struct().isPresent());
    for (Class<? extends Record> type : List.of(Wide4.class, Wide9.class)) {
      DerivedSchema schema = new RecordArguments<>(type).schema();
      assertEquals(Optional.empty(), schema.struct());
      assertTrue(
          schema.whyNot().matches("it is larger than 16 KiB|it has \\d+ bytes; .*"),
          schema.whyNot());
    }
  }

  @Test
  void limitsOfTheSchemasThatAreSent() throws Exception {
    for (JsonObject vector : Conformance.read("schemas.json", "schemas").toList()) {
      Object schema = Conformance.toJava(vector.get("schema"));
      String name = vector.get("name").getAsString();
      boolean sent;
      try {
        Struct struct = Arguments.of("", (Map<?, ?>) schema).message();
        sent = SchemaSize.overLimit(struct).isEmpty();
      } catch (Refusal.InvalidArguments e) {
        sent = false; // The levels of arguments are limited, too.
      }
      assertEquals(vector.get("sent").getAsBoolean(), sent, name);
    }
  }
}
