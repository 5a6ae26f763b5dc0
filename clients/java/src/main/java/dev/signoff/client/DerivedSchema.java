package dev.signoff.client;

import com.google.protobuf.Struct;
import java.util.Optional;

/**
 * The {@code arguments_schema} that follows from the declared types of a function.
 *
 * @param struct the schema; empty if there is none to send
 * @param whyNot why it was left out: words that follow a colon; empty if it was not
 */
record DerivedSchema(Optional<Struct> struct, String whyNot) {
  /** Of functions whose parameters have no declared types. */
  static final DerivedSchema NONE = new DerivedSchema(Optional.empty(), "");

  static DerivedSchema of(ValueType type) {
    try {
      Struct struct = Arguments.of("", type.schema(new ValueType.Derivation())).message();
      return SchemaSize.overLimit(struct)
          .map(DerivedSchema::leftOut)
          .orElseGet(() -> new DerivedSchema(Optional.of(struct), ""));
    } catch (ValueType.Derivation.LeftOut e) {
      return leftOut(e.getMessage());
    } catch (Refusal.InvalidArguments e) {
      return leftOut("it " + e.problem());
    }
  }

  private static DerivedSchema leftOut(String why) {
    return new DerivedSchema(Optional.empty(), why);
  }
}
