package dev.signoff.springai;

import java.math.BigDecimal;
import java.time.LocalDate;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.springframework.ai.chat.model.ToolContext;
import org.springframework.ai.tool.annotation.Tool;
import org.springframework.ai.tool.annotation.ToolParam;

/** Tools that keep how they were called. */
public final class Desk {
  final List<String> calls = new CopyOnWriteArrayList<>();

  /** How soon. */
  public enum Urgency {
    LOW,
    HIGH
  }

  /** A part of an order. */
  public record Line(String item, int count) {}

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
      LocalDate day,
      @ToolParam(required = false) Integer discount) {
    calls.add("order %s %s %s %s %s".formatted(lines, price, urgency, day, discount));
    return "ordered";
  }

  @Tool
  String charge(double amount, ToolContext context) {
    calls.add("charge " + amount + " " + context.getContext().get("card"));
    return "charged";
  }

  @Tool
  String fail(String why) {
    calls.add("fail " + why);
    throw new IllegalStateException(why);
  }

  @Tool(returnDirect = true)
  String finish(String text) {
    calls.add("finish " + text);
    return text;
  }
}
