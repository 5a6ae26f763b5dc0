package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Struct;
import com.google.protobuf.util.JsonFormat;
import dev.harrel.jsonschema.Validator;
import dev.harrel.jsonschema.ValidatorFactory;
import dev.harrel.jsonschema.providers.GsonNode;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Values and schemas, as tests/conformance/values.json says. */
class ValuesTest {
  record OfLong(long value) {}

  record OfDouble(double value) {}

  record OfBoolean(boolean value) {}

  record OfString(String value) {}

  record OfBigInteger(BigInteger value) {}

  record OfBigDecimal(BigDecimal value) {}

  record OfInstant(Instant value) {}

  record OfOffsetDateTime(OffsetDateTime value) {}

  record OfLocalDateTime(LocalDateTime value) {}

  record OfLocalDate(LocalDate value) {}

  record OfLocalTime(LocalTime value) {}

  record OfDuration(Duration value) {}

  record OfUuid(UUID value) {}

  record OfSet(Set<String> value) {}

  record OfList(List<Long> value) {}

  record OfMap(Map<String, String> value) {}

  private static final Map<String, List<Class<? extends Record>>> TYPES =
      Map.ofEntries(
          Map.entry("integer", List.of(OfLong.class)),
          Map.entry("floating point", List.of(OfDouble.class)),
          Map.entry("boolean", List.of(OfBoolean.class)),
          Map.entry("text", List.of(OfString.class)),
          Map.entry("big integer", List.of(OfBigInteger.class)),
          Map.entry("decimal", List.of(OfBigDecimal.class)),
          Map.entry("point in time", List.of(OfInstant.class, OfOffsetDateTime.class)),
          Map.entry("date and time", List.of(OfLocalDateTime.class)),
          Map.entry("date", List.of(OfLocalDate.class)),
          Map.entry("time of day", List.of(OfLocalTime.class)),
          Map.entry("duration", List.of(OfDuration.class)),
          Map.entry("UUID", List.of(OfUuid.class)),
          Map.entry("set of text", List.of(OfSet.class)),
          Map.entry("list of integers", List.of(OfList.class)),
          Map.entry("map of text", List.of(OfMap.class)));

  record OfInteger(Integer value) {}

  record OfShort(short value) {}

  record OfByte(byte value) {}

  record OfFloat(float value) {}

  record OfPath(Path value) {}

  enum Color {
    RED,
    green
  }

  record OfEnum(Color value) {}

  record OfOptional(Optional<LocalDate> value) {}

  record OfAny(Object value) {}

  record Line(String text, Set<Duration> times) {}

  record OfRecord(Line value) {}

  record OfDurations(Set<Duration> value) {}

  /** Beside those of values.json. */
  private static final List<Class<? extends Record>> MORE =
      List.of(
          OfInteger.class,
          OfShort.class,
          OfByte.class,
          OfFloat.class,
          OfPath.class,
          OfEnum.class,
          OfOptional.class,
          OfAny.class,
          OfRecord.class,
          OfDurations.class);

  private static Map<String, Object> received(JsonElement value) {
    JsonObject arguments = new JsonObject();
    arguments.add("value", value);
    Struct.Builder struct = Struct.newBuilder();
    try {
      JsonFormat.parser().merge(arguments.toString(), struct);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalArgumentException(e);
    }
    return Arguments.received(struct.build()).given();
  }

  private static JsonElement json(Struct struct) {
    return JsonParser.parseString(new String(Canonical.json(struct), StandardCharsets.UTF_8));
  }

  private static <A extends Record> JsonElement readAndWritten(Class<A> type, JsonElement value)
      throws Exception {
    RecordArguments<A> mapping = new RecordArguments<>(type);
    A read = mapping.read(received(value));
    Parameters.Asked<A> asked = mapping.ask("t", read);
    assertEquals(read, asked.rebuilt());
    return json(asked.arguments().message()).getAsJsonObject().get("value");
  }

  private static JsonObject schema(Class<? extends Record> type) {
    return json(new RecordArguments<>(type).schema().struct().orElseThrow()).getAsJsonObject();
  }

  private static final Validator VALIDATOR =
      new ValidatorFactory().withJsonNodeFactory(new GsonNode.Factory()).createValidator();

  /** Schemas that were compiled. */
  private static final Map<String, URI> SCHEMAS = new ConcurrentHashMap<>();

  private static boolean isValid(JsonElement schema, JsonElement instance) {
    URI id = SCHEMAS.computeIfAbsent(schema.toString(), VALIDATOR::registerSchema);
    return VALIDATOR.validate(id, instance.toString()).isValid();
  }

  static Stream<JsonObject> types() {
    return Conformance.read("values.json", "types");
  }

  @Test
  void everyTypeOfTheListIsHere() {
    assertEquals(
        new TreeSet<>(TYPES.keySet()),
        new TreeSet<>(types().map(type -> type.get("name").getAsString()).toList()));
  }

  @ParameterizedTest
  @MethodSource("types")
  void typesAreReadWrittenAndDescribed(JsonObject vector) throws Exception {
    for (Class<? extends Record> type : TYPES.get(vector.get("name").getAsString())) {
      JsonObject properties = schema(type).getAsJsonObject("properties");
      assertEquals(vector.get("schema"), properties.get("value"));
      for (JsonElement pair : vector.getAsJsonArray("accepted")) {
        JsonElement given = pair.getAsJsonArray().get(0);
        assertEquals(pair.getAsJsonArray().get(1), readAndWritten(type, given));
        assertTrue(isValid(properties.get("value"), given), given::toString);
      }
      for (JsonElement refused : vector.getAsJsonArray("refused")) {
        RecordArguments<?> mapping = new RecordArguments<>(type);
        Misfit misfit =
            assertThrows(
                    Misfit.Found.class, () -> mapping.read(received(refused)), refused::toString)
                .misfit;
        assertTrue(misfit.path().startsWith("value"), misfit::toString);
        boolean noCalendarHasIt = refused.toString().matches("\"2026-02-(29|30).*");
        assertEquals(noCalendarHasIt, isValid(properties.get("value"), refused), refused::toString);
      }
    }
  }

  /** All JSON of the list, and some that the other types are about. */
  private static List<JsonElement> samples() {
    List<JsonElement> samples = new ArrayList<>();
    types()
        .forEach(
            vector -> {
              vector
                  .getAsJsonArray("accepted")
                  .forEach(pair -> samples.add(pair.getAsJsonArray().get(0)));
              vector.getAsJsonArray("refused").forEach(samples::add);
            });
    for (String json :
        List.of(
            "128",
            "40000",
            "3000000000",
            "-0.0",
            "0.1",
            "1e300",
            "\"RED\"",
            "\"GREEN\"",
            "\"green\"",
            "\"a//b/\"",
            "\"a\\u0000\"",
            "\"9999-12-31T23:59:59-18:00\"",
            "\"0000-01-01T00:00:00+18:00\"",
            "\"2026-11-29T20:00:00+19:00\"",
            "\"2026-11-29T20:00:00.123456789-00:00\"",
            "\"P999999999DT999999999999H\"",
            "\"-P1DT0.000000001S\"",
            "\"1.\u0661\"",
            "[\"PT90S\",\"PT1M30S\"]",
            "[\"PT2S\",\"PT1S\"]",
            "{\"text\":\"a\",\"times\":[\"PT60S\"]}",
            "{\"text\":\"a\",\"times\":[],\"more\":1}",
            "{\"text\":\"a\"}")) {
      samples.add(JsonParser.parseString(json));
    }
    return samples;
  }

  static Stream<Class<? extends Record>> all() {
    return Stream.concat(TYPES.values().stream().flatMap(List::stream), MORE.stream());
  }

  /** What the reader accepts, the schema accepts, and what is written again is read again. */
  @ParameterizedTest
  @MethodSource("all")
  void schemaAndReaderAgree(Class<? extends Record> type) throws Exception {
    JsonObject schema = schema(type);
    int accepted = 0;
    for (JsonElement sample : samples()) {
      JsonElement written;
      try {
        written = readAndWritten(type, sample);
      } catch (Misfit.Found e) {
        continue;
      }
      accepted++;
      for (JsonElement each : List.of(sample, written)) {
        JsonObject instance = new JsonObject();
        instance.add("value", each);
        assertTrue(isValid(schema, instance), each::toString);
      }
      assertEquals(written, readAndWritten(type, written));
    }
    assertTrue(accepted > 0);
  }

  static List<org.junit.jupiter.params.provider.Arguments> written() {
    return List.of(
        arguments(new OfBigDecimal(new BigDecimal("1E+3")), "\"1000\""),
        arguments(new OfBigDecimal(new BigDecimal("10.00")), "\"10.00\""),
        arguments(new OfBigDecimal(new BigDecimal("0E+3")), "\"0\""),
        arguments(new OfBigInteger(BigInteger.ONE.shiftLeft(70)), "\"1180591620717411303424\""),
        arguments(
            new OfInstant(Instant.ofEpochSecond(0, 120_000_000)), "\"1970-01-01T00:00:00.12Z\""),
        arguments(
            new OfOffsetDateTime(
                OffsetDateTime.of(2026, 11, 29, 21, 0, 0, 1, ZoneOffset.ofHours(1))),
            "\"2026-11-29T21:00:00.000000001+01:00\""),
        arguments(new OfLocalTime(LocalTime.MIDNIGHT), "\"00:00:00\""),
        arguments(new OfDuration(Duration.ofMillis(-90_500)), "\"-PT1M30.5S\""),
        arguments(new OfDuration(Duration.ofNanos(-1)), "\"-PT0.000000001S\""),
        arguments(new OfDuration(Duration.ofDays(2)), "\"PT48H\""),
        arguments(new OfPath(Path.of("/tmp/a b")), "\"/tmp/a b\""),
        arguments(new OfEnum(Color.green), "\"green\""),
        arguments(new OfOptional(Optional.empty()), "null"),
        arguments(new OfOptional(Optional.of(LocalDate.of(2026, 1, 2))), "\"2026-01-02\""),
        arguments(new OfSet(new LinkedHashSet<>(List.of("z", "a", "Z"))), "[\"Z\",\"a\",\"z\"]"),
        arguments(new OfAny(Map.of("a", List.of(1))), "{\"a\":[1]}"));
  }

  @ParameterizedTest
  @MethodSource("written")
  void valuesHaveOneForm(Record value, String json) throws Exception {
    assertEquals(JsonParser.parseString(json), shown(value));
  }

  private static <A extends Record> JsonElement shown(A value) throws Exception {
    @SuppressWarnings("unchecked")
    Class<A> type = (Class<A>) value.getClass();
    Parameters.Asked<A> asked = new RecordArguments<>(type).ask("t", value);
    return json(asked.arguments().message()).getAsJsonObject().get("value");
  }

  record OfObjects(Set<Object> value) {}

  record OfDecimals(Set<BigDecimal> value) {}

  @SuppressWarnings({"unchecked", "rawtypes"})
  static List<org.junit.jupiter.params.provider.Arguments> unwritten() {
    return List.of(
        arguments(new OfString(null), "value", "must not be null"),
        arguments(new OfOptional(null), "value", "must not be null: use Optional.empty()"),
        arguments(new OfList(java.util.Arrays.asList(1L, null)), "value[1]", "must not be null"),
        arguments(new OfBigDecimal(new BigDecimal("1E+1000000000")), "value", "cannot be written"),
        arguments(new OfBigDecimal(new BigDecimal("1E-1000000000")), "value", "cannot be written"),
        arguments(new OfBigDecimal(new BigDecimal("0E-1000000000")), "value", "cannot be written"),
        arguments(new OfInstant(Instant.MAX), "value", "cannot be written"),
        arguments(new OfLocalDate(LocalDate.of(10_000, 1, 1)), "value", "cannot be written"),
        arguments(
            new OfOffsetDateTime(
                OffsetDateTime.of(2026, 1, 1, 0, 0, 0, 0, ZoneOffset.ofTotalSeconds(30))),
            "value",
            "cannot be written"),
        arguments(new OfDuration(Duration.ofSeconds(Long.MIN_VALUE)), "value", "cannot be written"),
        arguments(new OfDouble(Double.NaN), "value", "is not a finite number"),
        arguments(new OfObjects(Set.of(1, 1.0)), "value", "has a duplicate element"),
        arguments(new OfObjects(Set.of(new Object())), "value[0]", "has a type that JSON does not"),
        arguments(
            new OfDecimals(Set.of(new BigDecimal("1E+3"), new BigDecimal("1000"))),
            "value",
            "has a duplicate element"),
        arguments(new OfSet((Set) Set.of(1)), "value[0]", "is not a string"),
        arguments(
            new OfDurations((Set) Set.of("PT1S")), "value[0]", "cannot be written as a duration"));
  }

  @ParameterizedTest
  @MethodSource("unwritten")
  void whatHasNoFormIsRefused(Record value, String path, String problem) {
    Refusal.InvalidArguments refusal =
        assertThrows(Refusal.InvalidArguments.class, () -> shown(value));
    assertEquals(path, refusal.path());
    assertTrue(refusal.problem().startsWith(problem), refusal::problem);
  }

  @TempDir Path dir;

  @Test
  void pathsOfOtherFileSystemsAreRefused() throws Exception {
    Map<String, String> create = Map.of("create", "true");
    try (FileSystem archive = FileSystems.newFileSystem(dir.resolve("a.zip"), create)) {
      OfPath value = new OfPath(archive.getPath("/etc/passwd"));
      assertThrows(Refusal.InvalidArguments.class, () -> shown(value));
    }
  }

  /** Keeps less than it is given. */
  record Whole(Duration value) {
    Whole {
      value = value.truncatedTo(java.time.temporal.ChronoUnit.SECONDS);
    }
  }

  @Test
  void normalFormsAreNoChangesOfTheRecordAndOthersAre() throws Exception {
    RecordArguments<Whole> mapping = new RecordArguments<>(Whole.class);
    assertEquals(new Whole(Duration.ofSeconds(90)), mapping.read(Map.of("value", "PT90S")));
    Misfit misfit =
        assertThrows(Misfit.Found.class, () -> mapping.read(Map.of("value", "PT0.5S"))).misfit;
    assertEquals(new Misfit("value", "is changed by the record Whole"), misfit);
  }
}
