package dev.signoff.langchain4j;

import com.fasterxml.jackson.annotation.JsonProperty;
import dev.langchain4j.agent.tool.P;
import dev.langchain4j.agent.tool.ReturnBehavior;
import dev.langchain4j.agent.tool.Tool;
import dev.langchain4j.agent.tool.ToolMemoryId;
import dev.langchain4j.invocation.InvocationContext;
import dev.langchain4j.invocation.InvocationParameters;
import java.math.BigDecimal;
import java.time.LocalDate;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;

/** Tools that keep how they were called. */
final class Desk {
  final List<String> calls = new CopyOnWriteArrayList<>();

  enum Urgency {
    LOW,
    HIGH
  }

  record Line(String item, int count, LocalDate day) {}

  @Tool
  String sendEmail(String to, int copies) {
    calls.add("sendEmail " + to + " " + copies);
    return "sent to " + to;
  }

  @Tool
  String lookUp(String name) {
    calls.add("lookUp " + name);
    return "found " + name;
  }

  @Tool
  String dropTables() {
    calls.add("dropTables");
    return "dropped";
  }

  @Tool
  String order(
      List<Line> lines,
      BigDecimal price,
      Urgency urgency,
      Optional<String> note,
      @P(required = false) Integer discount,
      @P(name = "currency", defaultValue = "EUR") String money) {
    calls.add("order %s %s %s %s %s %s".formatted(lines, price, urgency, note, discount, money));
    return "ordered";
  }

  @Tool
  String charge(
      double amount,
      @ToolMemoryId Object memory,
      InvocationParameters parameters,
      InvocationContext context) {
    Object card = parameters.get("card");
    calls.add("charge " + amount + " " + memory + " " + card + " " + (context != null));
    return "charged";
  }

  /** Its JSON does not show the seal. */
  record Note(String text, @JsonProperty(access = JsonProperty.Access.WRITE_ONLY) String seal) {}

  @Tool
  String write(List<Note> notes) {
    calls.add("write " + notes);
    return "written";
  }

  @Tool
  String fail(String why) {
    calls.add("fail " + why);
    throw new IllegalStateException(why);
  }

  @Tool(returnBehavior = ReturnBehavior.IMMEDIATE)
  String finish(String text) {
    calls.add("finish " + text);
    return text;
  }
}
