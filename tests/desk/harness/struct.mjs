// google.protobuf.Struct, as @grpc/proto-loader has it, from and to plain values.

/** The Struct of a plain object. */
export function struct(object) {
  return { fields: Object.fromEntries(Object.entries(object).map(([name, member]) => [name, value(member)])) };
}

function value(plain) {
  if (plain === null) return { nullValue: 'NULL_VALUE' };
  if (Array.isArray(plain)) return { listValue: { values: plain.map(value) } };
  switch (typeof plain) {
    case 'string':
      return { stringValue: plain };
    case 'number':
      return { numberValue: plain };
    case 'boolean':
      return { boolValue: plain };
    default:
      return { structValue: struct(plain) };
  }
}

/** The plain object of a Struct. */
export function plain(struct) {
  return Object.fromEntries(Object.entries(struct?.fields ?? {}).map(([name, member]) => [name, unpacked(member)]));
}

function unpacked(member) {
  const found = member[member.kind];
  switch (member.kind) {
    case 'nullValue':
      return null;
    case 'listValue':
      return found.values.map(unpacked);
    case 'structValue':
      return plain(found);
    default:
      return found;
  }
}
