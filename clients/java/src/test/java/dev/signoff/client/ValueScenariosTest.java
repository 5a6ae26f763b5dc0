package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.signoff.v1.Approval;
import dev.signoff.v1.ApprovalStatus;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Scenarios 28 to 30 of docs/clients.md: values, schemas, and what the model reads. */
class ValueScenariosTest {
  enum Urgency {
    LOW,
    HIGH
  }

  record Line(String text, BigDecimal price) {}

  record Order(
      BigDecimal total,
      BigInteger serial,
      Instant due,
      OffsetDateTime noticed,
      LocalDateTime opens,
      LocalDate day,
      LocalTime at,
      Duration within,
      UUID id,
      Path file,
      Urgency urgency,
      Set<String> tags,
      List<Line> lines,
      Map<String, Integer> counts,
      Optional<String> note,
      double ratio,
      long count,
      Object any) {}

  private static final Order ORDER =
      new Order(
          new BigDecimal("10.00"),
          new BigInteger("12345678901234567890"),
          Instant.parse("2026-11-29T20:00:00.5Z"),
          OffsetDateTime.parse("2026-11-29T21:00:00+01:00"),
          LocalDateTime.parse("2026-11-29T20:00:00"),
          LocalDate.parse("2026-11-29"),
          LocalTime.parse("20:00:00"),
          Duration.ofSeconds(90),
          UUID.fromString("0190f3c4-0000-7000-8000-000000000001"),
          Path.of("/tmp/order"),
          Urgency.HIGH,
          new LinkedHashSet<>(List.of("b", "a")),
          List.of(new Line("tea", new BigDecimal("1.50"))),
          Map.of("tea", 2),
          Optional.empty(),
          10.0,
          3,
          Map.of("a", 1L));

  @TempDir static Path dir;
  private static TestServer server;
  private static SignoffClient agent;
  private static TestServer.Reviewer reviewer;

  private final String label = UUID.randomUUID().toString();
  private final AtomicInteger runs = new AtomicInteger();

  @BeforeAll
  static void start() throws IOException, InterruptedException {
    server = TestServer.start(dir);
    agent = server.client("agent");
    reviewer = new TestServer.Reviewer(server);
  }

  @AfterAll
  static void stop() {
    agent.close();
    reviewer.close();
    server.close();
  }

  private Gate gate(String tool) {
    return agent.gate(tool).labels(Map.of("test", label));
  }

  private Approval only() {
    List<Approval> all = TestServer.labelled(agent, label);
    assertEquals(1, all.size());
    return all.get(0);
  }

  private Runner order(String tool) {
    return Runner.of(
        () ->
            gate(tool)
                .wrap(
                    Order.class,
                    order -> {
                      runs.incrementAndGet();
                      return order;
                    })
                .call(ORDER));
  }

  private static Map<String, Object> shown() throws Refusal {
    Arguments shown = new RecordArguments<>(Order.class).ask("t", ORDER).arguments();
    return new HashMap<>(shown.given());
  }

  @Test
  @DisplayName("28: an edit that the derived schema refuses, and one that fits")
  void schema() throws Exception {
    Runner runner = order("buy");
    Map<String, Object> unfit = shown();
    unfit.put("total", 20);
    StatusRuntimeException refused =
        assertThrows(StatusRuntimeException.class, () -> reviewer.approveEdited(label, unfit));
    assertEquals(Status.Code.INVALID_ARGUMENT, refused.getStatus().getCode());
    assertEquals(ApprovalStatus.APPROVAL_STATUS_PENDING, only().getStatus());
    Map<String, Object> fit = shown();
    fit.put("total", "20.50");
    reviewer.approveEdited(label, fit);
    Order order = (Order) runner.result();
    assertEquals(new BigDecimal("20.50"), order.total());
    assertEquals(1, runs.get());
  }

  @Test
  @DisplayName("29: values of each type, not edited")
  void unedited() throws Exception {
    assertEquals(ORDER, order("look_up").result());
    assertEquals(
        new RecordArguments<>(Order.class).schema().struct().orElseThrow(),
        TestServer.get(agent, only().getId()).getArgumentsSchema());
  }

  @Test
  @DisplayName("29: values of each type, edited")
  void edited() throws Exception {
    Runner runner = order("buy");
    Map<String, Object> arguments = shown();
    arguments.put("total", "0.10");
    arguments.put("serial", "-5");
    arguments.put("due", "2026-12-01T09:00:00+01:00");
    arguments.put("noticed", "2026-12-01T09:00:00.250-05:00");
    arguments.put("opens", "2026-12-01T09:00:00");
    arguments.put("day", "2026-12-01");
    arguments.put("at", "09:30:00");
    arguments.put("within", "P1DT1H");
    arguments.put("id", "0190f3c4-0000-7000-8000-000000000002");
    arguments.put("file", "/tmp/other");
    arguments.put("urgency", "LOW");
    arguments.put("tags", List.of("z", "y"));
    arguments.put("lines", List.of());
    arguments.put("counts", Map.of("coffee", 1));
    arguments.put("note", "by hand");
    arguments.put("ratio", 2);
    arguments.put("count", 4);
    arguments.put("any", List.of(true));
    reviewer.approveEdited(label, arguments);
    Order expected =
        new Order(
            new BigDecimal("0.10"),
            BigInteger.valueOf(-5),
            Instant.parse("2026-12-01T08:00:00Z"),
            OffsetDateTime.parse("2026-12-01T09:00:00.25-05:00"),
            LocalDateTime.parse("2026-12-01T09:00:00"),
            LocalDate.parse("2026-12-01"),
            LocalTime.parse("09:30:00"),
            Duration.ofHours(25),
            UUID.fromString("0190f3c4-0000-7000-8000-000000000002"),
            Path.of("/tmp/other"),
            Urgency.LOW,
            Set.of("y", "z"),
            List.of(),
            Map.of("coffee", 1),
            Optional.of("by hand"),
            2.0,
            4,
            List.of(true));
    assertEquals(expected, runner.result());
  }

  @Test
  @DisplayName("29: a date that no calendar has passes the schema, and is not run")
  void noCalendar() throws Exception {
    Runner runner = order("buy");
    Map<String, Object> arguments = shown();
    arguments.put("opens", "2026-02-30T20:00:00");
    reviewer.approveEdited(label, arguments);
    assertEquals("opens", runner.failure(Refusal.InvalidEdit.class).path());
    assertFalse(only().hasClaim());
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("30: a rejection that is returned is the text for the model")
  void returned() throws Exception {
    Runner runner =
        Runner.of(
            () ->
                gate("buy")
                    .onRefusal(OnRefusal.RETURN)
                    .wrap(
                        Line.class,
                        line -> {
                          runs.incrementAndGet();
                          return "bought";
                        },
                        String.class)
                    .call(new Line("tea", BigDecimal.ONE)));
    reviewer.reject(label, "Too much tea.");
    assertEquals(
        "NOT RUN. A reviewer rejected the call to buy: Too much tea. Do not try it again.",
        runner.result());
    assertEquals(0, runs.get());
  }
}
